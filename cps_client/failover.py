"""The CPSs of a route asked inside one deadline, so that one that hangs or is down does not cost the call."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cps_client import limits
from cps_client.breaker import Permit
from cps_client.errors import CpsError, CpsRefusedError
from cps_client.exchange import Endpoint
from cps_client.outcome import Attempt
from cps_client.tally import ANSWERED, Tally
from cps_client.watch import Watch


class Reply(Protocol):
    """An answer."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def is_useful(self) -> bool:
        """Whether there is something in it that no other CPS could better."""
        ...


R = TypeVar("R", bound=Reply)


@dataclass(frozen=True, slots=True)
class _Chosen:
    endpoint: Endpoint
    permit: Permit


class Asked(Generic[R]):
    """
    The requests of one operation, and how each came out.

    Args:
        endpoints: The CPSs, in order of preference.
        ask: Makes one request, each time with a new token, until an instant of the event loop's clock.
        deadline: Instant of the event loop's clock at which the operation ends.
        watch: Knows which CPSs are worth asking.
        tally: Counts the requests.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        ask: Callable[[Endpoint, float], Awaitable[R]],
        *,
        deadline: float,
        watch: Watch,
        tally: Tally,
    ) -> None:
        self._ask = ask
        self._deadline = deadline
        self._watch = watch
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._untried = list(endpoints)
        self._empty: list[Endpoint] = []
        """Those that answered, and had nothing."""
        self._attempts: list[Attempt] = []

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried so far, in the order in which it ended."""
        return tuple(self._attempts)

    @property
    def seconds_left(self) -> float:
        """What remains until the deadline."""
        return self._deadline - self._loop.time()

    async def one_by_one(self) -> R:
        """
        Return the first answer; each CPS gets its share of the time that is left, the last one all of it.

        Raises:
            CpsRefusedError: One refused; the others would, too.
            CpsError: None answered.
        """
        failure: CpsError | None = None
        while self.seconds_left > 0 and (chosen := self._choose()):
            others = len(self._untried) - self._watch.open_among(self._untried, self._loop.time())
            try:
                return await self._attempt(chosen, self._loop.time() + self.seconds_left / (1 + others))
            except CpsRefusedError:
                raise
            except CpsError as error:
                failure = error
        raise failure or self._nobody()

    async def side_by_side(self, patience: float) -> R:
        """
        Return the first useful answer, else one that is not; each *patience* seconds without one, ask a CPS more.

        An answer that is not useful waits for those that are still out. Those that are still out when a useful one
        comes are given up.

        Raises:
            CpsRefusedError: One refused, and none answered.
            CpsError: None answered.
        """
        outcome = _Outcome[R]()
        out: set[asyncio.Task[R]] = set()
        try:
            while self.seconds_left > 0:
                if outcome.wants_another and (chosen := self._choose(is_hedge=bool(out))):
                    if out:
                        self._tally.hedged(chosen.endpoint.name)
                    out.add(asyncio.create_task(self._attempt(chosen, self._deadline)))
                if not out:
                    break
                waits = None if outcome.is_settled or not self._untried else patience
                done, out = await asyncio.wait(out, timeout=waits, return_when=asyncio.FIRST_COMPLETED)
                outcome.take(done)
                if outcome.answer is not None and (outcome.answer.is_useful or not out):
                    return outcome.answer
        finally:
            await _given_up(out)
        raise outcome.failure or self._nobody()

    async def again(self, found: R, pauses: Sequence[float]) -> R:
        """Return a useful answer if one comes after one of *pauses* from any CPS that may have it, else *found*."""
        for pause in pauses:
            if self.seconds_left < pause + limits.ROUND_TRIP:
                break
            await asyncio.sleep(pause)
            chosen = self._choose(is_hedge=True) or self._choose_empty()
            if chosen is None:
                break
            try:
                answer = await self._attempt(chosen, self._deadline)
            except CpsError:
                continue  # the attempt is on record; the answer before stands
            if answer.is_useful:
                return answer
        return found

    def _choose(self, *, is_hedge: bool = False) -> _Chosen | None:
        """Return the next CPS that is worth asking; where all are to be left alone, the first that takes a probe."""
        for last_resort in (False,) if is_hedge else (False, True):
            for endpoint in self._untried:
                permit = self._watch.enter(endpoint, self._loop.time(), last_resort=last_resort, is_hedge=is_hedge)
                if permit is not None:
                    self._untried.remove(endpoint)
                    return _Chosen(endpoint, permit)
        return None

    def _choose_empty(self) -> _Chosen | None:
        """Return the CPS that had nothing the longest ago."""
        if not self._empty:
            return None
        endpoint = self._empty.pop(0)
        permit = self._watch.enter(endpoint, self._loop.time(), is_hedge=True)
        return _Chosen(endpoint, permit) if permit is not None else None

    def _nobody(self) -> CpsError:
        """Return why no CPS was asked."""
        if self.seconds_left <= 0:
            return CpsError("there was no time to ask a CPS", reason="timeout")
        if any(self._watch.is_full(endpoint) for endpoint in self._untried):
            return CpsError("too many requests are under way already", reason="full")
        return CpsError("no CPS has answered lately, and another call is finding out whether one does", reason="open")

    async def _attempt(self, chosen: _Chosen, until: float) -> R:
        endpoint, start = chosen.endpoint, self._loop.time()
        is_good: bool | None = None
        try:
            answer = await self._fresh(endpoint, until)
            is_good = True
        except CpsError as error:
            is_good = self._judge(error, start)
            raise
        except asyncio.CancelledError:
            outrun = CpsError("it was given up before it answered", reason="outrun")
            self._note(endpoint, start, None, outrun)
            is_good = self._judge(outrun, start)
            raise
        finally:
            self._watch.leave(endpoint, chosen.permit, self._loop.time(), is_good=is_good)
        if not answer.is_useful:
            self._empty.append(endpoint)
        return answer

    def _judge(self, error: CpsError, start: float) -> bool | None:
        """Return what *error* says of the CPS: who refuses is well, and who had no time to answer may be."""
        if isinstance(error, CpsRefusedError) or error.reason == "busy":
            return True
        is_silence = error.reason in {"timeout", "outrun"}
        return None if is_silence and self._loop.time() - start < limits.FAIR_WAIT else False

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
        self._note(endpoint, start, answer.status)
        return answer

    def _note(self, endpoint: Endpoint, start: float, status: int | None, error: CpsError | None = None) -> None:
        self._attempts.append(Attempt(endpoint.name, self._loop.time() - start, status, error))
        self._tally.asked(endpoint.name, error.reason if error is not None else ANSWERED)


class _Outcome(Generic[R]):
    """What several requests have come to so far."""

    def __init__(self) -> None:
        self.answer: R | None = None
        self.failure: CpsError | None = None
        self.wants_another = True

    @property
    def is_settled(self) -> bool:
        """Whether no further CPS is asked: one answered, or refused what the others would refuse, too."""
        return self.answer is not None or isinstance(self.failure, CpsRefusedError)

    def take(self, done: Iterable[asyncio.Task[R]]) -> None:
        """Take in what has come; nothing at all means that patience has ended."""
        for task in done:
            try:
                answer = task.result()
            except CpsError as error:
                self.failure = self.failure if isinstance(self.failure, CpsRefusedError) else error
            else:
                self.answer = answer if self.answer is None or answer.is_useful else self.answer
        self.wants_another = not self.is_settled


async def _given_up(tasks: Iterable[asyncio.Task[R]]) -> None:
    """End *tasks*; each closes its connection."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
