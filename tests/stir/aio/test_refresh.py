"""Tests of stir.aio.refresh: when lists are read, and what a failure changes."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from stir import limits
from stir.aio.refresh import Edition, ListStatus, Refresher
from stir.errors import FetchError
from stir.testing import ManualClock
from tests.support.waiting import Naps

HOUR = timedelta(hours=1)


class Counting(Refresher[int]):
    """A list that counts how often it is read, and fails on demand."""

    reads = 0
    broken = False
    impossible = False
    next_update: datetime | None = None

    async def _load(self, held: int | None) -> int:
        self.reads += 1
        if self.impossible:
            raise ZeroDivisionError
        if self.broken:
            raise FetchError("no connection to the server")
        return self.reads

    def _edition(self, found: int) -> Edition:
        return Edition(self._clock.now(), self.next_update, found, found)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
def naps(clock: ManualClock) -> Naps:
    """Return the sleep of the background task."""
    return Naps(clock)


@pytest.fixture
def seen() -> list[ListStatus]:
    """Return what the observer was told."""
    return []


@pytest.fixture
async def refresher(clock: ManualClock, naps: Naps, seen: list[ListStatus]) -> AsyncIterator[Counting]:
    """Return a refresher that is not yet started."""
    made = Counting("numbers", "https://example.net/", clock, sleep=naps.sleep, observe=seen.append)
    yield made
    made.impossible = False
    await made.close()


async def test_the_first_read_happens_in_start(refresher: Counting, clock: ManualClock) -> None:
    """After start the list is there, and the status says since when."""
    assert refresher.status.is_stale(clock.now())
    assert refresher.status.age(clock.now()) is None
    assert refresher.status.due is None
    assert not refresher.is_running

    await refresher.start()

    assert 1 == refresher.held
    assert clock.now() == refresher.status.loaded_at
    assert timedelta(0) == refresher.status.age(clock.now())
    assert not refresher.status.is_stale(clock.now())
    assert refresher.is_running


@pytest.mark.clause("cert-4.1-daily", "cert-6-refresh")
async def test_a_list_is_read_again_after_twelve_hours_at_most(refresher: Counting, naps: Naps) -> None:
    """Lists are looked at every 12 hours even if their successor is due later."""
    refresher.next_update = datetime.max.replace(tzinfo=naps._clock.now().tzinfo)
    await refresher.start()

    await naps.pass_time(12 * HOUR - timedelta(seconds=1))
    assert 1 == refresher.reads
    await naps.pass_time(1)

    assert 2 == refresher.reads
    assert max(naps.asked) <= limits.LIST_TICK.total_seconds()


@pytest.mark.clause("cert-6-refresh")
async def test_a_list_is_read_again_when_its_successor_is_due(
    refresher: Counting, naps: Naps, clock: ManualClock
) -> None:
    """At nextUpdate the next list is fetched, if that comes before 12 hours."""
    refresher.next_update = clock.now() + HOUR
    await refresher.start()

    await naps.pass_time(HOUR - timedelta(seconds=1))
    assert 1 == refresher.reads
    refresher.next_update = None
    await naps.pass_time(1)

    assert 2 == refresher.reads


async def test_an_overdue_list_is_not_read_without_pause(refresher: Counting, naps: Naps, clock: ManualClock) -> None:
    """A server that goes on serving an old list is asked once a minute, not in a loop."""
    refresher.next_update = clock.now() - HOUR
    await refresher.start()

    await naps.pass_time(timedelta(minutes=3))

    assert 4 == refresher.reads
    assert refresher.status.is_stale(clock.now())


async def test_failures_are_retried_with_back_off(refresher: Counting, naps: Naps, clock: ManualClock) -> None:
    """5 s, 10 s, 20 s … up to 10 minutes lie between the tries."""
    refresher.broken = True
    await refresher.start()
    times = [clock.now()]
    for _ in range(9):
        before = refresher.reads
        while refresher.reads == before:
            await naps.pass_time(5)
        times.append(clock.now())

    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]

    assert [5, 10, 20, 40, 80, 160, 320, 600, 600] == gaps
    assert 10 == refresher.status.failures


async def test_the_back_off_never_overflows(clock: ManualClock) -> None:
    """After months of failures the wait is still the longest one."""
    status = ListStatus("x", "x", tried_at=clock.now(), failures=1_000_000)

    assert clock.now() + limits.LIST_RETRY_LAST == status.due


@pytest.mark.clause("pki-r4-daily")
async def test_the_last_good_list_is_kept(refresher: Counting, clock: ManualClock) -> None:
    """A failure changes the status, never the list; the next success clears it."""
    await refresher.start()
    clock.advance(HOUR)
    refresher.broken = True

    assert not await refresher.refresh()
    assert 1 == refresher.held
    assert (1, "fetch-failed") == (refresher.status.failures, refresher.status.last_error.code)
    assert HOUR == refresher.status.age(clock.now())
    refresher.broken = False
    assert await refresher.refresh()
    assert 3 == refresher.held
    assert (0, None) == (refresher.status.failures, refresher.status.last_error)


async def test_the_observer_is_told_of_each_try(refresher: Counting, seen: list[ListStatus]) -> None:
    """Logs and metrics hear of successes and failures, in order."""
    await refresher.start()
    refresher.broken = True
    await refresher.refresh()

    assert [0, 1] == [status.failures for status in seen]
    assert refresher.status is seen[-1]


async def test_a_programming_error_is_not_swallowed(refresher: Counting, naps: Naps) -> None:
    """What is no StirError ends the task, which shows, and is raised by close."""
    await refresher.start()
    refresher.impossible = True
    await naps.pass_time(12 * HOUR)
    assert not refresher.is_running

    with pytest.raises(ZeroDivisionError):
        await refresher.close()
    refresher._task = None


async def test_close_ends_the_background_task(refresher: Counting, naps: Naps) -> None:
    """After close nothing is read any more; closing again does no harm."""
    await refresher.start()
    await refresher.close()
    await refresher.close()

    await naps.pass_time(13 * HOUR)

    assert 1 == refresher.reads
    assert not refresher.is_running
