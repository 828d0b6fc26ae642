"""The bounds of memory."""

import pytest

from cps_server.store import SealedStore
from cps_server.store.memory import MemoryStore
from stir.errors import StoreError
from tests.support.publications import KEY, NOW, nonce, publication


@pytest.mark.clause("oob-4.1-flood")
async def test_full_of_publications() -> None:
    """A full store refuses a publish and its check, still retrieves, and heals when something expires."""
    raw = MemoryStore(max_entries=2)
    store = SealedStore(raw, bytes(32))
    await store.publish(KEY, publication("one", seconds=1), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication("two"), nonce=nonce(), now=NOW)

    with pytest.raises(StoreError, match="full"):
        await store.publish(KEY, publication("three"), nonce=nonce(), now=NOW)
    with pytest.raises(StoreError, match="full"):
        await store.check()
    assert 2 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))

    later = publication("one", seconds=1).expires_at
    await store.publish(KEY, publication("three"), nonce=nonce(), now=later)
    assert 2 == len(await store.retrieve(KEY, nonce=nonce(), now=later))


async def test_full_of_used_tokens() -> None:
    """A store that cannot remember another token refuses the request: a replay must not slip through."""
    store = SealedStore(MemoryStore(max_marks=1), bytes(32))
    await store.retrieve(KEY, nonce=nonce(seconds=1), now=NOW)

    with pytest.raises(StoreError, match="full"):
        await store.retrieve(KEY, nonce=nonce(), now=NOW)
    with pytest.raises(StoreError, match="full"):
        await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication(), nonce=nonce(), now=publication(seconds=1).expires_at)


async def test_memory_is_given_back() -> None:
    """When everything has expired, nothing is left behind, also of what was repeated and prolonged."""
    raw = MemoryStore()
    store = SealedStore(raw, bytes(32))
    for seconds in (5, 10, 15):
        for name in ("one", "two"):
            await store.publish(KEY, publication(name, seconds=seconds), nonce=nonce("a" * seconds + name), now=NOW)
    assert 2 == len(raw._entry_ends)

    end = publication(seconds=120).expires_at
    assert 8 == await store.reclaim(end)

    assert ({}, {}, [], []) == (raw._entries, raw._marks, raw._entry_ends, raw._mark_ends)


async def test_check_notices_a_store_that_forgets() -> None:
    """The check reads what it wrote, and does not just trust it."""

    class Forgetful(MemoryStore):
        def _keep_mark(self, mark: object) -> None:
            """Forget it."""

    with pytest.raises(StoreError, match="does not keep"):
        await Forgetful().check()
