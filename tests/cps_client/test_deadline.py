"""Work on a call ends early enough for the answer to be inside the budget."""

import asyncio
from collections.abc import Callable

import pytest

from cps_client.deadline import asking_ends, deadline
from cps_client.outcome import Retrieval
from cps_client.termination import Inbound, Terminator
from tests.cps_client.conftest import DEST, ORIG, Opened
from tests.support.fake_cps import FakeCps
from tests.support.leaping import run


def at_once(instant: Callable[[float], float], given: float) -> float:
    """Return what *instant* says at second 0 of a clock that stands."""

    async def ask() -> float:
        return round(instant(given), 6)

    return run(ask())


@pytest.mark.clause("oob-6-budget")
@pytest.mark.parametrize(("budget", "seconds"), [(1.0, 0.98), (0.5, 0.48), (0.1, 0.09), (0.0, 0.0)])
def test_work_ends_before_the_budget_does(budget: float, seconds: float) -> None:
    """The answer takes its way inside the budget, too."""
    assert seconds == at_once(deadline, budget)


@pytest.mark.parametrize(("until", "seconds"), [(0.98, 0.96), (0.1, 0.09), (0.0, 0.0), (-1.0, -1.0)])
def test_asking_ends_before_work_does(until: float, seconds: float) -> None:
    """What comes at the last moment can still be verified."""
    assert seconds == at_once(asking_ends, until)


@pytest.mark.parametrize("face", ["client", "terminator"])
async def test_who_retrieves_and_verifies_keeps_time_for_both(face: str, cps: FakeCps, client_of: Opened) -> None:
    """CPSs are not waited for until the last moment."""
    given: list[float] = []

    async with client_of(cps.url) as client:

        async def retrieve(*_: object, until: float, **__: object) -> Retrieval:
            given.append(until - asyncio.get_running_loop().time())
            return Retrieval()

        client._placement.retrieve = retrieve
        if face == "client":
            await client.retrieve_and_verify(orig=ORIG, dest=DEST, budget=100)
        else:
            await Terminator.of(client).terminate(Inbound(ORIG, DEST), budget=100)

    assert given[0] <= 100 - 0.04
