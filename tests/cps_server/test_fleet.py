"""When workers do not stay alive: how long it is tried, and when it is given up."""

import asyncio
from collections import Counter
from io import StringIO

import pytest

from cps_server import limits
from cps_server.reload import LiveSettings
from cps_server.settings import Settings
from cps_server.slot import Slot, WorkersFailedError
from cps_server.supervisor import Fleet
from stir.aio.logs import Lines


class Doomed(Slot):
    """A place where nothing lives long."""

    def __init__(self, name: str, *, running: bool = False) -> None:
        self.name, self.deaths, self.starts = name, Counter(), 0
        self._running = running

    @property
    def is_running(self) -> bool:
        """Whether another process than the one that just died runs here."""
        return self._running

    async def ended(self) -> bool:
        """Return at once for a place where all die, and never for one where a process runs."""
        if self._running:
            await asyncio.sleep(60)
        return False

    async def start(self) -> None:
        """Start, and die."""
        self.starts += 1
        if self.starts % 2:
            raise WorkersFailedError("died while it started")

    async def stop(self) -> None:
        """Stop nothing."""


@pytest.fixture(autouse=True)
def hurried(monkeypatch) -> None:
    """Wait for nothing."""
    monkeypatch.setattr(limits, "WORKER_RETRY_FIRST", 0.0)


def fleet_of(*slots: Doomed) -> Fleet:
    """Return a fleet of these places, which are kept from now on."""
    lines = Lines(StringIO())
    fleet = Fleet(LiveSettings(Settings(), lines), [], lines)
    fleet._slots = list(slots)
    fleet._keeping = {asyncio.create_task(fleet._keep(slot)) for slot in slots}
    return fleet


async def test_it_is_given_up_when_none_stays_alive() -> None:
    """After ten deaths in a row with no other worker alive the server ends, for the service manager to see."""
    slot = Doomed("0")
    fleet = fleet_of(slot)
    with pytest.raises(WorkersFailedError, match="worker 0 died 10 times"):
        await asyncio.wait_for(fleet.until(asyncio.Event()), 5)
    assert limits.WORKER_FAILURES - 1 == slot.starts
    await fleet.stop()


async def test_it_goes_on_while_another_lives() -> None:
    """One place where nothing lives does not end a server whose other worker does its work."""
    slot = Doomed("0")
    fleet, stopped = fleet_of(slot, Doomed("1", running=True)), asyncio.Event()
    waiting = asyncio.create_task(fleet.until(stopped))
    async with asyncio.timeout(5):
        while slot.starts < limits.WORKER_FAILURES * 3:  # noqa: ASYNC110 - a task of its own counts
            await asyncio.sleep(0)
    assert not waiting.done()
    stopped.set()
    await waiting
    await fleet.stop()
