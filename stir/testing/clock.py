"""Clocks that tests move by hand."""

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When a world begins unless it is told otherwise."""


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return self._now

    def timestamp(self) -> int:
        """Return the present instant in whole seconds, as iat wants it."""
        return int(self.now().timestamp())

    def advance(self, by: timedelta | float) -> datetime:
        """Move the clock by a duration, or by that many seconds, and return the new instant."""
        self._now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self.now()

    def move_to(self, instant: datetime) -> None:
        """Set the clock to *instant*."""
        self.advance(instant - self.now())


class RunningClock(ManualClock):
    """The system's clock, which can be moved as well; for a world that lives on real sockets."""

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__(start or datetime.now(UTC))
        self._started = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return super().now() + (datetime.now(UTC) - self._started)
