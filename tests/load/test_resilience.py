"""What is promised about killed processes, in short runs; the long ones are commands for people."""

import pytest

from tests.load.resilience import Outcome, nodes_killed, verdict, workers_killed


@pytest.mark.timeout(300)
async def test_killed_workers_lose_nothing() -> None:
    """Whatever two workers on one SQLite file acknowledged is found, although one of them is killed now and then."""
    outcome = await workers_killed(kills=2, rate=30, pause=0.3)

    assert ([], 0) == (outcome.wrong, outcome.lost)
    assert 2 == len(outcome.kills)
    assert outcome.found >= outcome.acknowledged / 2 > 0


@pytest.mark.timeout(300)
async def test_killed_nodes_and_a_killed_master_give_no_wrong_answer() -> None:
    """Three nodes on a cluster lose only what died with a master; every other acknowledged publish is found."""
    outcome = await nodes_killed(seconds=5, rate=20)

    assert ([], 0) == (outcome.wrong, outcome.lost)
    assert ["node 0", "node 1", "master", "node 2"] == outcome.kills
    assert outcome.found >= outcome.acknowledged / 2 > 0


def test_what_counts_as_failed() -> None:
    """A wrong answer, a loss, or a run in which nothing was found is a failure; a loss with its master is none."""
    assert 0 == verdict(Outcome(found=1, lost_on_killed_master=1, errors=5))
    for bad in (Outcome(found=1, lost=1), Outcome(found=1, wrong=["publish: 401"]), Outcome()):
        assert 1 == verdict(bad)
