"""What is known of each CPS: whether it is worth asking, and how much is being asked of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cps_client import limits
from cps_client.breaker import Breaker, Permit, State
from cps_client.exchange import Endpoint


@dataclass(slots=True)
class _Line:
    name: str = ""
    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0


class Watch:
    """
    Lets requests to CPSs out and hears how they came out; one for all calls of a process.

    Args:
        most: How many requests may be under way at one CPS.
    """

    def __init__(self, *, most: int = limits.IN_FLIGHT) -> None:
        self._most = most
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)

    def enter(
        self, endpoint: Endpoint, at: float, *, last_resort: bool = False, is_hedge: bool = False
    ) -> Permit | None:
        """
        Return the permit for a request to *endpoint*, which has to :meth:`leave` in one way or the other.

        Args:
            endpoint: The CPS.
            at: The instant, as for all methods here on the event loop's clock.
            last_resort: There is nobody else to ask.
            is_hedge: It is asked beside another one: for that half of the places are kept free.
        """
        line = self._line(endpoint)
        if line.in_flight >= (self._most // 2 if is_hedge else self._most):
            return None
        permit = line.breaker.admit(at, last_resort=last_resort)
        if permit is not None:
            line.in_flight += 1
        return permit

    def leave(self, endpoint: Endpoint, permit: Permit, at: float, *, is_good: bool | None) -> None:
        """Hear how a request came out: whether the CPS is good, or None if that remains unknown."""
        line = self._line(endpoint)
        line.in_flight -= 1
        if is_good is None:
            line.breaker.abandoned(permit)
        elif is_good:
            line.breaker.succeeded(permit)
        else:
            line.breaker.failed(permit, at)

    def open_among(self, endpoints: Sequence[Endpoint], at: float) -> int:
        """Return how many of *endpoints* are to be left alone."""
        return sum(self._line(endpoint).breaker.state(at) is State.OPEN for endpoint in endpoints)

    def is_full(self, endpoint: Endpoint) -> bool:
        """Return whether no more may be asked of *endpoint* now."""
        return self._line(endpoint).in_flight >= self._most

    def states(self, at: float) -> Mapping[str, State]:
        """Return the state of each CPS that was asked so far, by host and port."""
        return {line.name: line.breaker.state(at) for line in self._lines.values()}

    def in_flight(self) -> Mapping[str, int]:
        """Return how many requests are under way at each CPS that was asked so far, by host and port."""
        return {line.name: line.in_flight for line in self._lines.values()}

    def _line(self, endpoint: Endpoint) -> _Line:
        line = self._lines[endpoint.base]
        line.name = endpoint.name
        return line
