"""Queueing theory by formulas, and the simulator held against it."""

import pytest

from tests.load.simulation.scenarios import mean_wait
from tests.load.simulation.theory import md_wait, mg_wait, mm_wait

JOBS = 60_000


def test_one_server_by_all_formulas() -> None:
    """At 80 % load and work of mean 1 the wait is 4 (M/M/1), and half of it when all work is equal (M/D/1)."""
    assert 4.0 == pytest.approx(mm_wait(0.8, 1.0))
    assert 4.0 == pytest.approx(mg_wait(0.8, 1.0, 1.0))
    assert 2.0 == pytest.approx(mg_wait(0.8, 1.0, 0.0))
    assert 2.0 == pytest.approx(md_wait(0.8, 1.0, 1), rel=1e-6)


def test_several_servers() -> None:
    """M/M/2 at 50 % load waits a third of its work (Erlang's C is 1/3, and half a server is free)."""
    assert 1 / 3 == pytest.approx(mm_wait(1.0, 1.0, 2))
    assert 0.5 * mm_wait(1.0, 1.0, 2) < md_wait(1.0, 1.0, 2) < mm_wait(1.0, 1.0, 2)


@pytest.mark.parametrize(
    ("variation", "servers", "expected"),
    [
        pytest.param(1.0, 1, mm_wait(0.6, 1.0), id="M/M/1"),
        pytest.param(1.0, 4, mm_wait(2.4, 1.0, 4), id="M/M/4"),
        pytest.param(0.0, 1, md_wait(0.6, 1.0, 1), id="M/D/1"),
        pytest.param(0.0, 4, md_wait(2.4, 1.0, 4), id="M/D/4"),
        pytest.param(0.3, 1, mg_wait(0.6, 1.0, 0.3), id="M/G/1"),
    ],
)
def test_the_simulator_waits_as_theory_says(variation: float, servers: int, expected: float) -> None:
    """At 60 % load the simulated mean wait is that of the formula."""
    assert expected == pytest.approx(mean_wait(0.6 * servers, variation, servers, seed=5, jobs=JOBS), rel=0.04)
