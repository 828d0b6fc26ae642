"""A circuit breaker: a CPS that failed again and again is left alone for a while, then asked once."""

from enum import StrEnum

from cps_client import limits


class State(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"
    """Everything."""
    OPEN = "open"
    """Nothing, unless it is the last resort; a probe may be under way."""
    HALF_OPEN = "half-open"
    """One probe, which is not under way yet."""


class Permit(StrEnum):
    """As what a request goes out."""

    REQUEST = "request"
    PROBE = "probe"
    """By its outcome an open breaker closes or stays open; there is one at a time."""


class Breaker:
    """
    Decides by outcomes alone; the time, in seconds of any steady clock, comes in.

    Args:
        failures: So many in a row open it.
        rest: So many seconds later one request may find out how things are.
    """

    def __init__(self, *, failures: int = limits.BREAKER_FAILURES, rest: float = limits.BREAKER_REST) -> None:
        self._most = failures
        self._rest = rest
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    def state(self, at: float) -> State:
        """Return what it lets through at the instant *at*."""
        if self._opened is None:
            return State.CLOSED
        return State.OPEN if self._probing or at < self._opened + self._rest else State.HALF_OPEN

    def admit(self, at: float, *, last_resort: bool = False) -> Permit | None:
        """
        Return the permit for a request, whose outcome has to be told; None if there shall be none.

        Args:
            at: The instant.
            last_resort: There is nobody else to ask, so the rest is cut short; still there is one probe at a time.
        """
        state = self.state(at)
        if state is State.CLOSED:
            return Permit.REQUEST
        if self._probing or (state is State.OPEN and not last_resort):
            return None
        self._probing = True
        return Permit.PROBE

    def succeeded(self, permit: Permit) -> None:
        """Close it: who answers is alive, whenever the request began."""
        self._failures, self._opened = 0, None
        self._release(permit)

    def failed(self, permit: Permit, at: float) -> None:
        """Count a failure; one too many, or that of the probe, opens it from *at*."""
        self._release(permit)
        self._failures += 1
        is_open = self._opened is not None  # then a request from before it opened says nothing new
        if permit is Permit.PROBE if is_open else self._failures >= self._most:
            self._opened = at

    def abandoned(self, permit: Permit) -> None:
        """Learn nothing of a request that was given up before its outcome."""
        self._release(permit)

    def _release(self, permit: Permit) -> None:
        if permit is Permit.PROBE:
            self._probing = False
