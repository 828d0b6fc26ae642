"""What the seal hides, and what it refuses to open."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from cps_server.store import CallKey, SealedStore
from cps_server.store.base import Entry, Mark
from cps_server.store.memory import MemoryStore
from cps_server.store.sealed import _encode
from stir.errors import ReplayedTokenError
from tests.support.publications import KEY, KEY_2, NOW, nonce, publication

SECRET = bytes(range(32))


class Tampered(MemoryStore):
    """A store whose database somebody changes: *change* is done to every entry that is read."""

    change = staticmethod(lambda entry: entry)

    async def get(self, key: bytes, mark: Mark, *, now: int, limit: int) -> Sequence[Entry] | None:
        """Return what is there, changed."""
        found = await super().get(key, mark, now=now, limit=limit)
        return None if found is None else [self.change(entry) for entry in found]


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, expires=entry.expires + 1),
        lambda entry: replace(entry, key=bytes(32)),
        lambda entry: replace(entry, id=bytes(16)),
        lambda entry: replace(entry, blob=entry.blob[:-1]),
        lambda entry: replace(entry, blob=entry.blob[:5]),
        lambda entry: replace(entry, blob=b""),
        *(
            lambda entry, at=at: replace(
                entry, blob=bytes([*entry.blob[:at], entry.blob[at] ^ 1, *entry.blob[at + 1 :]])
            )
            for at in (0, 11, 12, 40, -17)
        ),
    ],
)
async def test_changed_row_does_not_open(change: Callable[[Entry], Entry]) -> None:
    """A row that was moved, prolonged, cut or flipped is counted and left out, without a word of its content."""
    raw = Tampered()
    store = SealedStore(raw, SECRET)
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    raw.change = change

    with structlog.testing.capture_logs() as events:
        assert [] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))

    assert 1 == store.unreadable
    assert [{"entries": 1, "event": "store_entry_unreadable", "log_level": "error"}] == events


async def test_one_bad_row_hides_no_good_one() -> None:
    """What still opens is handed out."""
    raw = Tampered()
    store = SealedStore(raw, SECRET)
    await store.publish(KEY, publication("one"), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication("two"), nonce=nonce(), now=NOW)
    entry = next(iter(next(iter(raw._entries.values())).values()))
    raw.change = lambda one: replace(one, blob=b"") if one.id == entry.id else one

    assert [publication("two")] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_another_secret_finds_nothing() -> None:
    """With another secret the same database is empty, and its used nonces are unknown."""
    raw = MemoryStore()
    used = nonce()
    await SealedStore(raw, SECRET).publish(KEY, publication(), nonce=used, now=NOW)

    assert [] == list(await SealedStore(raw, bytes(32)).retrieve(KEY, nonce=used, now=NOW))
    with pytest.raises(ReplayedTokenError):
        await SealedStore(raw, SECRET).retrieve(KEY, nonce=used, now=NOW)


@pytest.mark.clause("oob-4.1-learn")
async def test_body_needs_the_calls_numbers() -> None:
    """Secret and database do not open a body: its key is made from the call's numbers, which are not there."""
    raw = MemoryStore()
    store = SealedStore(raw, SECRET)
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    ((key, rows),) = raw._entries.items()

    (lookup, own), (_, guess) = store._place(KEY), store._place(KEY_2)

    assert key == lookup == next(iter(rows.values())).key
    assert [publication()] == list(store._open_all(own, rows.values()))
    assert [] == list(store._open_all(guess, rows.values()))
    assert [] == list(store._open_all(lookup, rows.values()))


async def test_sealing_twice_differs() -> None:
    """The same publication never gives the same bytes twice, so that repetitions cannot be compared."""
    store = SealedStore(MemoryStore(), SECRET)

    one, other = store._seal(KEY, publication()), store._seal(KEY, publication())

    assert (one.key, one.id, one.expires) == (other.key, other.id, other.expires)
    assert one.blob[12:] != other.blob[12:]


async def test_same_publication_elsewhere_has_another_id() -> None:
    """Ids do not tell that two calls have the same PASSporTs."""
    store = SealedStore(MemoryStore(), SECRET)

    assert store._seal(KEY, publication()).id != store._seal(KEY_2, publication()).id


parts = st.lists(st.text(st.characters(), max_size=5), min_size=1, max_size=4).map(tuple)


@given(parts, parts)
def test_encoding_is_unambiguous(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Different parts never give the same bytes."""
    assert (one == other) == (_encode(one) == _encode(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CallKey("1", "2"), CallKey("12", "")),
        (CallKey("1", "2"), CallKey("2", "1")),
        (CallKey("1", "2"), CallKey("1", "2", "")),
        (CallKey("1", "2", "A"), CallKey("1", "2A")),
        (CallKey("1", "2", "A"), CallKey("A", "1", "2")),
    ],
)
def test_keys_are_apart(one: CallKey, other: CallKey) -> None:
    """No two calls share a key, whatever their numbers look like side by side."""
    store = SealedStore(MemoryStore(), SECRET)

    assert store._seal(one, publication()).key != store._seal(other, publication()).key
