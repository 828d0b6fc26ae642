"""Health: what is tried, and how often."""

import asyncio

import pytest

from cps_server import limits
from cps_server.health import Health
from stir.errors import StoreError
from stir.testing import World
from tests.cps_server.conftest import Trusting


class Store:
    """A store of which only the health check is asked."""

    def __init__(self, *, broken: bool = False, hangs: bool = False) -> None:
        self.broken, self.hangs, self.tries = broken, hangs, 0

    async def check(self) -> None:
        """Be healthy, broken, or silent."""
        self.tries += 1
        if self.hangs:
            await asyncio.sleep(60)
        if self.broken:
            raise StoreError("broken")


@pytest.mark.clause("cps-2-200")
async def test_healthy_when_the_store_works() -> None:
    """A store that works and roots that are known make a healthy CPS."""
    assert await Health(Store(), Trusting(World().trust)).check()


@pytest.mark.clause("cps-2-503")
async def test_unhealthy_when_the_store_fails() -> None:
    """A store that fails makes an unhealthy CPS."""
    assert not await Health(Store(broken=True), Trusting(World().trust)).check()


async def test_unhealthy_when_the_store_hangs(monkeypatch) -> None:
    """A store that hangs does not make the check hang."""
    monkeypatch.setattr(limits, "HEALTH_SECONDS", 0.05)
    assert not await Health(Store(hangs=True), Trusting(World().trust)).check()


@pytest.mark.clause("cps-2-503")
async def test_unhealthy_when_nobody_is_trusted() -> None:
    """Without a trusted root no request could be served."""
    assert not await Health(Store(), Trusting(None)).check()


async def test_one_try_serves_many_askers(monkeypatch) -> None:
    """A thousand askers cost the store one try, until the second is over."""
    store = Store()
    health = Health(store, Trusting(World().trust))
    await asyncio.gather(*(health.check() for _ in range(1000)))
    assert 1 == store.tries
    monkeypatch.setattr(limits, "HEALTH_CACHED_SECONDS", 0)
    await health.check()
    assert 2 == store.tries


async def test_an_asker_that_goes_does_not_spoil_it_for_others() -> None:
    """The try goes on when the one who asked first is gone."""
    health = Health(Store(), Trusting(World().trust))
    first = asyncio.create_task(health.check())
    await asyncio.sleep(0)
    first.cancel()
    assert await health.check()
