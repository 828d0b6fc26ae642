"""One timer for all requests does what a timer for each would do."""

import asyncio

import pytest

from cps_server import limits
from cps_server.api.deadline import Deadline


@pytest.fixture
def deadline(monkeypatch: pytest.MonkeyPatch) -> Deadline:
    """Return a short deadline."""
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.02)
    return Deadline()


async def within(deadline: Deadline, seconds: float) -> str:
    """Take so long, or say that it was too long."""
    try:
        with deadline:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late"
    return "done"


async def test_who_is_late_is_stopped_and_nobody_else(deadline: Deadline) -> None:
    """Each task has its own time, whether it began with the others or after the timer went off."""
    first = [asyncio.create_task(within(deadline, seconds)) for seconds in (60, 0, 60)]

    assert ["late", "done", "late"] == await asyncio.gather(*first)
    assert ["done", "late"] == await asyncio.gather(within(deadline, 0), within(deadline, 60))
    assert not deadline._ends


async def test_a_later_one_is_stopped_later(deadline: Deadline) -> None:
    """The timer is set again for those who began after the one that it went off for."""
    early = asyncio.create_task(within(deadline, 60))
    await asyncio.sleep(0.01)
    later = asyncio.create_task(within(deadline, 60))

    assert "late" == await early
    assert not later.done()
    assert "late" == await later


async def test_a_cancellation_by_somebody_else_is_one(deadline: Deadline) -> None:
    """A client that hangs up cancels its request, which is no time-out."""
    task = asyncio.create_task(within(deadline, 60))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_goes_through(deadline: Deadline) -> None:
    """What goes wrong in time comes out as it is."""
    with pytest.raises(KeyError), deadline:
        raise KeyError
