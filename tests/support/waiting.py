"""Sleep that tests wake: background tasks run exactly as far as the test lets them."""

import asyncio
from datetime import timedelta

from stir.testing import ManualClock


class Naps:
    """A stand-in for asyncio.sleep on a clock that is moved by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._sleepers: list[tuple[float, asyncio.Event]] = []
        self._most = 0
        self.asked: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has moved that far."""
        self.asked.append(seconds)
        event = asyncio.Event()
        self._sleepers.append((self._clock.now().timestamp() + seconds, event))
        self._most = max(self._most, len(self._sleepers))
        await event.wait()

    async def pass_time(self, by: timedelta | float) -> None:
        """Move the clock, in steps no longer than the sleepers asked for, and let them run."""
        end = self._clock.now() + (by if isinstance(by, timedelta) else timedelta(seconds=by))
        await self._settle()
        while (left := (end - self._clock.now()).total_seconds()) > 0:
            now = self._clock.now().timestamp()
            nearest = min((until - now for until, _ in self._sleepers), default=left)
            self._clock.advance(min(left, max(nearest, 0.001)))
            await self._settle()

    async def _settle(self) -> None:
        """Wake who is due, and wait until all sleep again; one that ended holds nobody up for long."""
        now = self._clock.now().timestamp()
        for entry in [entry for entry in self._sleepers if entry[0] <= now]:
            self._sleepers.remove(entry)
            entry[1].set()
        for _ in range(5):
            await asyncio.sleep(0)
        for _ in range(200):
            if len(self._sleepers) >= self._most:
                return
            await asyncio.sleep(0.001)  # a list is parsed in a thread
        self._most = len(self._sleepers)
