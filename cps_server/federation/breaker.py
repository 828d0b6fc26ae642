"""A circuit breaker: whoever failed again and again is left alone for a while."""

from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5
"""Failures in a row that open the circuit."""

OPEN_SECONDS: Final = 5.0
"""How long an open circuit lets nothing through before it lets one try through."""


@dataclass(slots=True)
class CircuitBreaker:
    """Counts outcomes; time comes in, in seconds of any steady clock."""

    failures: int = 0
    opened_at: float | None = None
    trying: bool = False
    """Whether the one try of an open circuit is under way."""

    def admits(self, now: float) -> bool:
        """Return whether a request may go out; an open circuit admits one try after its pause."""
        if self.opened_at is None:
            return True
        if self.trying or now - self.opened_at < OPEN_SECONDS:
            return False
        self.trying = True
        return True

    def succeeded(self) -> None:
        """Close the circuit."""
        self.failures, self.opened_at, self.trying = 0, None, False

    def failed(self, now: float) -> None:
        """Count a failure; the last straw, or a failed try, opens the circuit from now."""
        self.failures += 1
        self.trying = False
        if self.failures >= FAILURES:
            self.opened_at = now

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open, a try under way or not."""
        return self.opened_at is not None
