"""A store that is timed is the same store."""

import pytest

from cps_server.store import open_store
from cps_server.store.timed import TimedStore
from stir.errors import StoreError
from stir.testing import World


async def test_everything_is_passed_on_and_timed() -> None:
    """Every operation is passed on, and told with its time; a failure is told and raised."""
    told: list[tuple[str, bool]] = []

    def stopwatch(operation: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        told.append((operation, failed))

    store, now = TimedStore(open_store("memory://"), stopwatch), World().clock.now()
    await store.check()
    await store.reclaim(now)
    await store.close()
    with pytest.raises(StoreError):
        await store.check()

    assert [("check", False), ("reclaim", False), ("check", True)] == told
