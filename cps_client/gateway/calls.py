"""What all faces do with a call: a bounded number at once, within the budget, and always with an outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

import structlog

from cps_client.errors import UsageError
from cps_client.gateway import limits
from cps_client.gateway.metrics import Metrics
from cps_client.origination import Originated, Originates, Outbound
from cps_client.outcome import not_known
from cps_client.termination import Inbound, Terminated, Terminates
from stir.errors import AttestationError, StirError, UnavailableError
from stir.verdict import Source

T = TypeVar("T")
log = structlog.get_logger()


class BusyError(UnavailableError):
    """As many calls are being worked on as the settings allow."""

    code = "gateway-busy"


class LateError(UnavailableError):
    """The call logic did not keep its budget."""

    code = "gateway-late"


class FailedError(UnavailableError):
    """The call logic has a defect; the log says where."""

    code = "gateway-failed"


@dataclass(frozen=True, slots=True)
class Budgets:
    """How long a call may take, in seconds."""

    publish: float
    retrieve: float


class Calls:
    """
    The call logic behind all faces. The call goes on whatever happens: a refusal is for wrong requests alone.

    Args:
        originates: Handles calls that go out.
        terminates: Handles calls that come in.
        budgets: How long either may take.
        most: How many calls are worked on at once.
        metrics: Where it is counted.
        source: Which way PASSporTs come that are retrieved, for verdicts that are made here.
    """

    def __init__(
        self,
        originates: Originates,
        terminates: Terminates,
        *,
        budgets: Budgets,
        most: int,
        metrics: Metrics,
        source: Source = Source.OOB_V1,
    ) -> None:
        self._originates = originates
        self._terminates = terminates
        self._budgets = budgets
        self._most = most
        self._metrics = metrics
        self._source = source
        self._now = 0
        metrics.watch(lambda: self._now)

    async def originate(self, call: Outbound, face: str) -> Originated:
        """
        Return what became of a call that goes out.

        Raises:
            UsageError: The request is wrong: an unknown trunk, say.
            AttestationError: It asks for a level of attestation that is none.
        """
        began = perf_counter()
        seconds = self._budgets.publish
        done = await self._run(lambda: self._originates.originate(call, budget=seconds), seconds)
        outcome = Originated(call.identities, rule="failed", error=done) if isinstance(done, StirError) else done
        self._metrics.originated(face, call.trunk, outcome, perf_counter() - began)
        return outcome

    async def terminate(self, call: Inbound, face: str) -> Terminated:
        """
        Return the verdict on a call that comes in, and what goes on with it.

        Raises:
            UsageError: The request is wrong: an unknown trunk, say.
        """
        began = perf_counter()
        seconds = self._budgets.retrieve
        done = await self._run(lambda: self._terminates.terminate(call, budget=seconds), seconds)
        outcome = self._unverified(call, done) if isinstance(done, StirError) else done
        self._metrics.terminated(face, call.trunk, outcome, perf_counter() - began)
        return outcome

    async def _run(self, work: Callable[[], Awaitable[T]], seconds: float) -> T | StirError:
        """Return what *work* returns, or why it returned nothing; only what the caller can mend is raised."""
        if self._now >= self._most:
            return BusyError(f"the gateway is at work on {self._most} calls already")
        self._now += 1
        try:
            async with asyncio.timeout(seconds + limits.FRAME_SECONDS):
                return await work()
        except TimeoutError:
            log.error("budget_exceeded", budget=seconds)
            return LateError("the gateway did not finish within the budget")
        except (UsageError, AttestationError):
            raise
        except StirError as error:
            log.error("call_failed", error=error.code, detail=error.detail)
            return error
        except Exception:
            log.exception("call_failed")
            return FailedError("the gateway failed; its log says how")
        finally:
            self._now -= 1

    def _unverified(self, call: Inbound, error: StirError) -> Terminated:
        source = Source.IN_BAND if call.identities else self._source
        return Terminated(not_known(error, source), call.identities)
