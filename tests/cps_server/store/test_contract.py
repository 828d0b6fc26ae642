"""What every store does, whatever it keeps its entries in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cps_server.store import CallKey, PassportStore, open_store
from cps_server.store.base import ENTRIES_PER_KEY
from stir.errors import ReplayedTokenError, StoreError
from tests.support.publications import KEY, KEY_2, MILLISECOND, NOW, nonce, publication

LOCAL = ["memory", "sqlite"]
ONE_PLACE = [*LOCAL, "valkey"]
ALL = [*ONE_PLACE, "valkey-cluster"]


@pytest.fixture(params=ALL)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PassportStore]:
    """Give each store in turn, empty and sealed."""
    secret_file = None
    match request.param:
        case "memory":
            url = "memory://"
        case "sqlite":
            url = f"sqlite:///{tmp_path}/cps.db"
        case "valkey":
            server = request.getfixturevalue("valkey")
            server.ask("FLUSHALL")
            url = f"valkey://{server.address}"
        case "valkey-cluster":
            cluster = request.getfixturevalue("valkey_cluster")
            cluster.flush()
            url = cluster.url
    if "valkey" in request.param:
        secret_file = request.getfixturevalue("shared_secret")
    store = open_store(url, secret_file=secret_file)
    yield store
    await store.close()


async def test_what_was_published_is_retrieved(store: PassportStore) -> None:
    """A publication comes back as it was: token, PASSporTs in their order, publisher, end of life."""
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)

    assert [publication()] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_reading_does_not_consume(store: PassportStore) -> None:
    """Several may ask for the same call."""
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)

    for _ in range(3):
        assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_publishes_add_up_newest_first(store: PassportStore) -> None:
    """Two calls between the same numbers may be in flight."""
    for name in ("one", "two", "three"):
        await store.publish(KEY, publication(name), nonce=nonce(), now=NOW)

    found = await store.retrieve(KEY, nonce=nonce(), now=NOW)

    assert [publication("three"), publication("two"), publication("one")] == list(found)


@pytest.mark.clause("cps-9-keys")
async def test_nothing_is_found_elsewhere(store: PassportStore) -> None:
    """A publication lies under its own numbers only, in its own generation, under its own SPC."""
    await store.publish(KEY, publication("one"), nonce=nonce(), now=NOW)
    await store.publish(KEY_2, publication("two"), nonce=nonce(), now=NOW)

    for key in (
        CallKey(KEY.orig, KEY.dest),
        CallKey(KEY.dest + KEY.orig, ""),
        CallKey(KEY.dest, KEY.orig, ""),
        CallKey(KEY.dest, KEY.orig, "456B"),
        CallKey(KEY.dest, KEY.orig + "709J"),
    ):
        assert [] == list(await store.retrieve(key, nonce=nonce(), now=NOW))
    assert [publication("one")] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    assert [publication("two")] == list(await store.retrieve(KEY_2, nonce=nonce(), now=NOW))


async def test_spc_has_no_case(store: PassportStore) -> None:
    """SPCs are compared without regard to case."""
    await store.publish(CallKey("1", "2", "709j"), publication(), nonce=nonce(), now=NOW)

    assert 1 == len(await store.retrieve(CallKey("1", "2", "709J"), nonce=nonce(), now=NOW))


@pytest.mark.clause("cps-9-past")
async def test_it_dies_at_its_millisecond(store: PassportStore) -> None:
    """A publication is handed out until its last millisecond and not at its end, though nothing was reclaimed."""
    entry = publication()
    await store.publish(KEY, entry, nonce=nonce(), now=NOW)

    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=entry.expires_at - MILLISECOND))
    assert [] == list(await store.retrieve(KEY, nonce=nonce(), now=entry.expires_at))


@pytest.mark.clause("cps-9-past")
async def test_it_never_outlives_its_end(store: PassportStore) -> None:
    """An end inside a millisecond is rounded down, so that nothing is handed out past its time."""
    end = NOW + timedelta(microseconds=1_900)
    await store.publish(KEY, replace(publication(), expires_at=end), nonce=nonce(), now=NOW)

    assert [NOW + MILLISECOND] == [one.expires_at for one in await store.retrieve(KEY, nonce=nonce(), now=NOW)]
    assert [] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW + timedelta(microseconds=1_100)))


@pytest.mark.clause("oob-4.1-replay")
async def test_replayed_publish_keeps_nothing(store: PassportStore) -> None:
    """A token that was used before publishes nothing, whatever was asked with it first."""
    used = nonce()
    await store.retrieve(KEY, nonce=used, now=NOW)

    with pytest.raises(ReplayedTokenError):
        await store.publish(KEY, publication(), nonce=used, now=NOW)
    assert [] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_replayed_retrieve_shows_nothing(store: PassportStore) -> None:
    """A token that was used before retrieves nothing, also one that found nothing the first time."""
    used, found_nothing = nonce(), nonce()
    await store.retrieve(KEY, nonce=found_nothing, now=NOW)
    await store.publish(KEY, publication(), nonce=used, now=NOW)

    for token in (used, replace(used, jti=used.jti.upper()), found_nothing):
        with pytest.raises(ReplayedTokenError):
            await store.retrieve(KEY, nonce=token, now=NOW)


@pytest.mark.parametrize("store", ONE_PLACE, indirect=True)
async def test_replay_elsewhere_is_refused(store: PassportStore) -> None:
    """A nonce is good once, also for another call, where all nonces lie in one place."""
    used = nonce()
    await store.publish(KEY, publication(), nonce=used, now=NOW)

    with pytest.raises(ReplayedTokenError):
        await store.retrieve(KEY_2, nonce=used, now=NOW)


@pytest.mark.parametrize("store", ["valkey-cluster"], indirect=True)
async def test_cluster_remembers_a_nonce_with_its_call(store: PassportStore) -> None:
    """In a cluster a nonce lies beside the one call that its token is for; for another call it is another nonce."""
    used = nonce()
    await store.publish(KEY, publication(), nonce=used, now=NOW)

    assert [] == list(await store.retrieve(KEY_2, nonce=used, now=NOW))
    with pytest.raises(ReplayedTokenError):
        await store.retrieve(KEY, nonce=used, now=NOW)


async def test_nonce_belongs_to_its_issuer(store: PassportStore) -> None:
    """The same jti of another issuer is another token; an issuer has no case."""
    await store.retrieve(KEY, nonce=nonce("a", issuer="709J"), now=NOW)
    await store.retrieve(KEY, nonce=nonce("a", issuer="456B"), now=NOW)

    with pytest.raises(ReplayedTokenError):
        await store.retrieve(KEY, nonce=nonce("a", issuer="709j"), now=NOW)


async def test_nonce_is_refused_until_its_end(store: PassportStore) -> None:
    """A nonce counts as used until the millisecond in which its window ends, then it is as new."""
    used = replace(nonce(), expires_at=NOW + timedelta(microseconds=1_500))
    await store.retrieve(KEY, nonce=used, now=NOW)

    with pytest.raises(ReplayedTokenError):
        await store.retrieve(KEY, nonce=used, now=NOW + MILLISECOND)
    again = replace(used, expires_at=NOW + 10 * MILLISECOND)
    await store.retrieve(KEY, nonce=again, now=NOW + 2 * MILLISECOND)
    with pytest.raises(ReplayedTokenError):
        await store.retrieve(KEY, nonce=again, now=NOW + 3 * MILLISECOND)


async def test_same_passports_are_one_entry(store: PassportStore) -> None:
    """Publishing again what is there prolongs it, keeps the newer token, and makes it the newest."""
    await store.publish(KEY, publication("one"), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication("two"), nonce=nonce(), now=NOW)
    again = publication("one", token="eyJ-newer", seconds=20)
    await store.publish(KEY, again, nonce=nonce(), now=NOW)

    assert [again, publication("two")] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    assert [again] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW + timedelta(seconds=16)))


async def test_repetition_never_shortens(store: PassportStore) -> None:
    """What was promised to live longer stays as it is when it is published again for a shorter time."""
    await store.publish(KEY, publication(seconds=15), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication(token="eyJ-newer", seconds=5), nonce=nonce(), now=NOW)

    assert [publication(seconds=15)] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_another_publisher_is_another_entry(store: PassportStore) -> None:
    """The same PASSporTs by another provider do not take the place of the first; order of PASSporTs counts."""
    turned = replace(publication(), passports=publication().passports[::-1])
    await store.publish(KEY, publication(publisher="1234"), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication(publisher="709J"), nonce=nonce(), now=NOW)
    await store.publish(KEY, turned, nonce=nonce(), now=NOW)

    assert 3 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))


@pytest.mark.clause("cps-4-order", "oob-4.1-flood")
async def test_only_the_newest_are_handed_out(store: PassportStore) -> None:
    """A flood of publishes for one call does not make answers endless."""
    entries = [publication(str(number)) for number in range(ENTRIES_PER_KEY + 3)]
    for entry in entries:
        await store.publish(KEY, entry, nonce=nonce(), now=NOW)

    assert entries[:-33:-1] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    assert 32 == ENTRIES_PER_KEY


async def test_expired_ones_do_not_crowd_out_the_living(store: PassportStore) -> None:
    """The bound counts what lives: newer entries that died early hide nothing."""
    await store.publish(KEY, publication("old", seconds=60), nonce=nonce(), now=NOW)
    for number in range(ENTRIES_PER_KEY):
        await store.publish(KEY, publication(str(number), seconds=1), nonce=nonce(), now=NOW)

    found = await store.retrieve(KEY, nonce=nonce(), now=NOW + timedelta(seconds=2))

    assert [publication("old", seconds=60)] == list(found)


@pytest.mark.parametrize("store", LOCAL, indirect=True)
async def test_reclaim_drops_exactly_what_expired(store: PassportStore) -> None:
    """Reclaiming takes the dead and leaves the living, entries and nonces; it says how many rows went."""
    used = nonce(seconds=120)
    await store.publish(KEY, publication("dies", seconds=5), nonce=nonce(seconds=5), now=NOW)
    await store.publish(KEY, publication("lives", seconds=15), nonce=used, now=NOW)

    assert 0 == await store.reclaim(NOW + timedelta(seconds=5) - MILLISECOND)
    assert 2 == await store.reclaim(NOW + timedelta(seconds=5))
    assert 0 == await store.reclaim(NOW + timedelta(seconds=5))
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    with pytest.raises(ReplayedTokenError):
        await store.publish(KEY, publication(), nonce=used, now=NOW)


@pytest.mark.parametrize("store", LOCAL, indirect=True)
async def test_reclaim_is_bounded(store: PassportStore) -> None:
    """One call drops a bounded number of rows; called until it has nothing to do, it drops them all."""
    for start in range(0, 520, 40):
        await asyncio.gather(
            *(
                store.publish(CallKey("1", str(number)), publication(), nonce=nonce(seconds=15), now=NOW)
                for number in range(start, start + 40)
            )
        )
    end = publication().expires_at

    assert [1_000, 40, 0] == [await store.reclaim(end) for _ in range(3)]


@pytest.mark.parametrize("store", LOCAL, indirect=True)
async def test_reclaim_leaves_what_was_prolonged(store: PassportStore) -> None:
    """An entry or nonce that got a later end is not dropped at its former one."""
    await store.publish(KEY, publication(seconds=5), nonce=nonce("a", seconds=1), now=NOW)
    later = NOW + timedelta(seconds=2)
    await store.publish(KEY, publication(seconds=15), nonce=nonce("a", at=later), now=later)

    assert 0 == await store.reclaim(NOW + timedelta(seconds=5))
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=later))
    assert 3 == await store.reclaim(NOW + timedelta(seconds=180))


async def test_concurrent_requests_have_their_own_answers(store: PassportStore) -> None:
    """Of many requests at once with one token exactly one succeeds, and it spoils none of the others."""
    used = nonce()
    keys = [CallKey("1", str(number)) for number in range(100)]
    same = [store.publish(KEY, publication(str(number)), nonce=used, now=NOW) for number in range(20)]
    others = [store.publish(key, publication(), nonce=nonce(), now=NOW) for key in keys]

    outcomes = await asyncio.gather(*same, *others, return_exceptions=True)

    assert 19 == sum(isinstance(outcome, ReplayedTokenError) for outcome in outcomes[:20])
    assert [None] * 100 == outcomes[20:]
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    for key in keys:
        assert 1 == len(await store.retrieve(key, nonce=nonce(), now=NOW))


async def test_unusual_identities_are_kept_apart(store: PassportStore) -> None:
    """A URI, or text that no encoding knows, is a key like any other."""
    for key in (CallKey("urn:service:sos", "sip:a@b.example"), CallKey("\ud800", "\U0001f4de"), CallKey("", "")):
        await store.publish(key, publication(), nonce=nonce(), now=NOW)
        assert 1 == len(await store.retrieve(key, nonce=nonce(), now=NOW))


async def test_check_passes_while_it_works(store: PassportStore) -> None:
    """A store that works says so, again and again, and keeps nothing of it."""
    await store.check()
    await store.check()

    assert 1 >= await store.reclaim(NOW)


async def test_closed_store_says_so(store: PassportStore) -> None:
    """After close every request is refused as unavailable; closing twice is fine."""
    await store.close()
    await store.close()

    with pytest.raises(StoreError):
        await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    with pytest.raises(StoreError):
        await store.retrieve(KEY, nonce=nonce(), now=NOW)
    with pytest.raises(StoreError):
        await store.check()
    with pytest.raises(StoreError):
        await store.reclaim(NOW)


def test_values_do_not_show_numbers_or_tokens() -> None:
    """A value that lands in a message or traceback shows no number, no token and no PASSporT."""
    shown = f"{KEY_2!r} {publication()!r} {nonce('0c4e6e0e')!r}"

    for secret in (KEY_2.dest, KEY_2.orig, "eyJ", "0c4e6e0e"):
        assert secret not in shown
