"""CPSs asked one after the other inside one deadline; one that hangs leaves time for the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from cps_client import limits
from cps_client.errors import CpsError, CpsRefusedError
from cps_client.exchange import Endpoint
from cps_client.outcome import Attempt


class Reply(Protocol):
    """An answer with a status."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...


R = TypeVar("R", bound=Reply)


class Asked(Generic[R]):
    """
    The requests of one operation, and how each came out.

    Args:
        endpoints: The CPSs, in order of preference.
        ask: Makes one request, each time with a new token, until an instant of the event loop's clock.
        deadline: Instant of the event loop's clock at which the operation ends.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], ask: Callable[[Endpoint, float], Awaitable[R]], *, deadline: float
    ) -> None:
        self._endpoints = endpoints
        self._ask = ask
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._attempts: list[Attempt] = []
        self._last: Endpoint | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried so far."""
        return tuple(self._attempts)

    @property
    def seconds_left(self) -> float:
        """What remains until the deadline."""
        return self._deadline - self._loop.time()

    async def first_answer(self) -> R:
        """
        Return the first answer of a CPS; each gets its share of the time that is left, the last one all of it.

        Raises:
            CpsRefusedError: One refused; the others would, too.
            CpsError: None answered.
        """
        failure = CpsError("there was no time to ask a CPS", reason="timeout")
        for place, endpoint in enumerate(self._endpoints):
            if self.seconds_left <= 0:
                break
            until = self._loop.time() + self.seconds_left / (len(self._endpoints) - place)
            try:
                return await self._fresh(endpoint, until)
            except CpsRefusedError:
                raise
            except CpsError as error:
                failure = error
        raise failure

    async def once_more(self, pause: float) -> R | None:
        """Ask the CPS that answered once more after *pause* seconds; None if time or CPS do not allow it."""
        if self._last is None or self.seconds_left < pause + limits.ROUND_TRIP:
            return None
        await asyncio.sleep(pause)
        try:
            return await self._once(self._last, self._deadline)
        except CpsError:
            return None  # the attempt is on record; the answer before stands

    async def _fresh(self, endpoint: Endpoint, until: float) -> R:
        """Ask once, and again at once if a kept connection turned out to be closed: that says nothing of the CPS."""
        try:
            return await self._once(endpoint, until)
        except CpsError as error:
            if error.reason != "disconnected" or until - self._loop.time() < limits.ROUND_TRIP:
                raise
        return await self._once(endpoint, until)

    async def _once(self, endpoint: Endpoint, until: float) -> R:
        start = self._loop.time()
        try:
            answer = await self._ask(endpoint, until)
        except CpsError as error:
            self._note(endpoint, start, error.status, error)
            raise
        self._last = endpoint
        self._note(endpoint, start, answer.status)
        return answer

    def _note(self, endpoint: Endpoint, start: float, status: int | None, error: CpsError | None = None) -> None:
        self._attempts.append(Attempt(endpoint.name, self._loop.time() - start, status, error))
