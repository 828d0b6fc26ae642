"""From costs to machines."""

import pytest

from tests.load.simulation import sizing
from tests.load.simulation.parameters import Parameters


def test_cores_follow_the_calls(parameters: Parameters) -> None:
    """2 ms a call are 40 busy cores at 20,000 calls a second: 66.7 at 60 %, 70.6 with two zones at 85 %, so 72."""
    size = sizing.cluster(parameters, 20_000)

    assert 40 == pytest.approx(size.busy_cores)
    assert 72 == size.cores


def test_a_small_service_still_survives_a_zone(parameters: Parameters) -> None:
    """However few the calls, each zone has a core and a Valkey master."""
    assert (3, 3) == (sizing.cluster(parameters, 1).cores, sizing.cluster(parameters, 1).masters)


def test_masters_are_half_full(parameters: Parameters) -> None:
    """100 µs a call at 100,000 calls a second are 10 masters' cores, so 20 masters."""
    assert 20 == sizing.masters(parameters, 100_000)


def test_memory_is_by_littles_law(parameters: Parameters) -> None:
    """Each call holds an entry for 20 s, and two used tokens for as long as these are remembered."""
    some = parameters.with_values(entry_bytes=1_000, mark_bytes=100, mark_seconds=125)

    assert 100 * (1_000 * 20 + 2 * 100 * 125) == pytest.approx(sizing.memory(some, 100))


def test_requests_between_members_grow_with_the_square() -> None:
    """Twice the members with twice the calls send four times as much, nearly; for the same calls, twice as much."""
    assert (2_000, 12_000, 56_000) == tuple(sizing.republishes(1_000 * n, n) for n in (2, 4, 8))
    assert (12, 56) == (sizing.links(4), sizing.links(8))


def test_a_mesh_of_one_is_a_cluster(parameters: Parameters) -> None:
    """Without peers there is nothing to send on."""
    assert sizing.cluster(parameters, 5_000) == sizing.mesh(parameters, 5_000, 1)


def test_every_member_keeps_every_call(parameters: Parameters) -> None:
    """A mesh needs its Valkey once for each member, and more cores than one cluster."""
    one, four = sizing.cluster(parameters, 50_000), sizing.mesh(parameters, 50_000, 4)

    assert 4 * one.masters == four.masters
    assert 4 * one.memory == pytest.approx(four.memory)
    assert 4 * one.cores <= four.cores + 12
    assert one.dollars < four.dollars
