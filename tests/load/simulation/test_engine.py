"""The simulator's clock, servers and counters."""

import math
from statistics import fmean, pstdev

import pytest

from tests.load.simulation.engine import Demand, Level, Process, Server, Simulation, percentile


def test_events_happen_in_their_order() -> None:
    """What waits less comes first, and what waits as long in the order in which it began."""
    simulation, seen = Simulation(1), []

    def process(name: str, pause: float) -> Process:
        yield pause
        seen.append((simulation.now, name))

    for name, pause in (("late", 2.0), ("early", 1.0), ("second", 2.0)):
        simulation.start(process(name, pause))
    simulation.run()

    assert [(1.0, "early"), (2.0, "late"), (2.0, "second")] == seen


def test_the_clock_stops_where_it_is_told() -> None:
    """A run that ends before the next event leaves that for the next run."""
    simulation, seen = Simulation(1), []

    def process() -> Process:
        yield 5.0
        seen.append(simulation.now)

    simulation.start(process())
    simulation.run(until=3.0)
    assert (3.0, []) == (simulation.now, seen)
    simulation.run()

    assert [5.0] == seen


def test_work_waits_for_its_turn() -> None:
    """Two cores take three jobs: the third one begins when the first core is free."""
    server = Server(Simulation(1), cores=2)

    assert [4.0, 1.0, 3.0] == [server.take(4.0), server.take(1.0), server.take(2.0)]
    assert 3.0 == server.wait
    assert 7.0 == server.busy


def test_a_slow_server_takes_longer() -> None:
    """Work at a core that is three times slower takes three times as long."""
    server = Server(Simulation(1))
    server.pace = 3.0

    assert 6.0 == server.take(2.0)


def test_a_server_that_dies_forgets_its_queue() -> None:
    """Whoever waited can tell that its work is lost, and the queue is empty when the server is back."""
    server = Server(Simulation(1))
    life = server.life
    server.take(10.0)
    server.die()
    assert (False, True) == (server.is_up, server.life != life)

    server.rise()

    assert (True, 0.0) == (server.is_up, server.wait)


def test_littles_law() -> None:
    """The mean number present is the rate of arrivals times the mean time spent (Little)."""
    simulation = Simulation(1)
    server, present, times = Server(simulation, 2), Level(simulation), []

    def job() -> Process:
        present.add(1)
        times.append(server.take(simulation.chance.expovariate(1.0)))
        yield times[-1]
        present.add(-1)

    def source() -> Process:
        for _ in range(30_000):
            yield simulation.chance.expovariate(1.5)
            simulation.start(job())

    simulation.start(source())
    simulation.run()

    assert len(times) / simulation.now * fmean(times) == pytest.approx(present.mean, rel=1e-9)
    assert 0 == present.value < present.highest


@pytest.mark.parametrize("variation", [0.0, 0.3, 1.0])
def test_work_has_the_mean_and_variation_that_it_should(variation: float) -> None:
    """Drawn lengths have the mean and the standard deviation of their description, and none is negative."""
    demand, chance = Demand(2.0, variation), Simulation(3).chance
    drawn = [demand.draw(chance) for _ in range(20_000)]

    assert 2.0 == pytest.approx(fmean(drawn), rel=0.02)
    assert 2.0 * variation == pytest.approx(pstdev(drawn), rel=0.05)
    assert min(drawn) >= 2.0 * (1 - variation)


def test_percentiles() -> None:
    """A percentile is a value that occurred; of nothing there is none."""
    assert [50, 99, 100] == [percentile(range(101), percent) for percent in (50, 99, 100)]
    assert math.isnan(percentile([], 50))
