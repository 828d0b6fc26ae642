"""What all faces do with a call: a bounded number at once, inside the budget, and always an outcome."""

import asyncio

import pytest
from structlog.testing import capture_logs

from cps_client.errors import UsageError
from cps_client.gateway import limits
from cps_client.gateway.calls import Budgets, Calls
from cps_client.gateway.metrics import Metrics
from cps_client.origination import Outbound
from cps_client.termination import Inbound
from stir.aio.credential import CredentialError
from stir.errors import AttestationError
from tests.support.sidecar import PretendLogic

OUT, IN = Outbound("12155550100", "12155551212", ("a",)), Inbound("12155550100", "12155551212", ("a",))


def calls_of(logic: PretendLogic, *, most: int = 10, publish: float = 5, retrieve: float = 5) -> Calls:
    """Return the object under test in front of *logic*."""
    return Calls(logic, logic, budgets=Budgets(publish, retrieve), most=most, metrics=Metrics())


async def test_budgets_are_handed_on() -> None:
    """The call logic is told how long it may take."""
    logic = PretendLogic()
    calls = calls_of(logic, publish=1, retrieve=0.5)
    await calls.originate(OUT, "native")
    await calls.terminate(IN, "native")
    assert [1, 0.5] == logic.budgets


@pytest.mark.parametrize(
    ("error", "code"), [(CredentialError("no key"), "bad-credential"), (ZeroDivisionError(), "gateway-failed")]
)
async def test_a_failure_is_an_outcome(error: Exception, code: str) -> None:
    """Whatever the call logic raises, the call goes on with what it had; the log says what was wrong."""
    calls = calls_of(PretendLogic(error=error))
    with capture_logs() as logs:
        out, into = await calls.originate(OUT, "native"), await calls.terminate(IN, "native")
    assert (("a",), code, False) == (out.identities, out.error.code, out.published)
    assert (("a",), "No-TN-Validation") == (into.identities, into.verdict.verstat)
    assert code == into.verdict.decisive.error.code
    assert ["call_failed"] * 2 == [log["event"] for log in logs]


@pytest.mark.parametrize("error", [UsageError("no such trunk"), AttestationError("no such level")])
async def test_mistakes_are_raised(error: Exception) -> None:
    """What the caller can mend is told to the caller."""
    calls = calls_of(PretendLogic(error=error))
    with pytest.raises(type(error)):
        await calls.originate(OUT, "native")
    with pytest.raises(type(error)):
        await calls.terminate(IN, "native")


async def test_a_call_logic_that_forgets_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call logic that does not come back in time is given up, and the call goes on."""
    monkeypatch.setattr(limits, "FRAME_SECONDS", 0.01)
    calls = calls_of(PretendLogic(gate=asyncio.Event()), publish=0.01, retrieve=0.01)
    with capture_logs():
        out, into = await calls.originate(OUT, "native"), await calls.terminate(IN, "native")
    assert ["gateway-late"] * 2 == [out.error.code, into.verdict.decisive.error.code]


async def test_beyond_the_bound_the_answer_is_immediate() -> None:
    """While as many calls are worked on as may be, the next is answered at once; then there is room again."""
    logic = PretendLogic(gate=asyncio.Event())
    calls = calls_of(logic, most=2)
    busy = [asyncio.create_task(calls.originate(OUT, "native")), asyncio.create_task(calls.terminate(IN, "native"))]
    await asyncio.sleep(0)

    assert "gateway-busy" == (await calls.originate(OUT, "native")).error.code
    assert "gateway-busy" == (await calls.terminate(IN, "native")).verdict.decisive.error.code
    logic.gate.set()
    assert [True, "No-TN-Validation"] == [(await busy[0]).published, (await busy[1]).verdict.verstat]
    assert (await calls.originate(OUT, "native")).published
