"""The cluster and the mesh, as they are simulated."""

import pytest

from cps_server.federation.republish import OUTBOX
from tests.load.simulation.calls import FOUND, MISSED, UNPUBLISHED, Slot
from tests.load.simulation.cluster import Cluster
from tests.load.simulation.engine import Demand, Process, Server, Simulation
from tests.load.simulation.mesh import Mesh, Published
from tests.load.simulation.node import Wire, asked, outage
from tests.load.simulation.parameters import Parameters
from tests.load.simulation.scenarios import at_load, busy_rate, failing, run, slow


def test_an_idle_cluster_takes_two_ways_and_the_work(parameters: Parameters) -> None:
    """Far and back, one millisecond of the node, and near and back with Valkey's work: nothing else, and no loss."""
    told = at_load(parameters, 0, 0.02)

    assert 0 == told["lost"]
    assert 2 * 10 + 1 + 2 * 0.2 + 0.05 == pytest.approx(told["publish"][0], abs=0.3)


def test_what_lives_follows_littles_law(parameters: Parameters) -> None:
    """Entries in memory are calls a second times the seconds that each is kept."""
    simulation = Simulation(4)
    service = Cluster(simulation, parameters, nodes=2, shards=2)
    run(simulation, service, lambda _: 200.0, 200.0, 60.0)

    assert 200 * (15 + 5) == pytest.approx(service.live.highest, rel=0.05)


def test_work_in_hand_is_lost_with_its_node(parameters: Parameters) -> None:
    """A request that a node was working on when it died has no answer, and its gateway waits in vain until the end."""
    simulation, ends = Simulation(4), []
    node = Server(simulation)

    def ask() -> Process:
        good = yield from asked(simulation, Wire.of(parameters, bounded=False), node, Demand(0.1, 0.0), 0.5)
        ends.append((good, simulation.now))

    simulation.start(ask())
    simulation.start(outage(node, 1.0), after=0.05)
    simulation.run()

    assert [(False, 0.5)] == ends


def test_the_loss_of_a_node_costs_time_and_no_call(parameters: Parameters) -> None:
    """Gateways that ask a dead node ask another one after half of their budget."""
    told = failing(parameters, 0, Cluster.lose_node)

    assert 0 == told["lost"]
    assert 500 < told["publish"][2] < 600


def test_the_loss_of_a_shard_costs_its_calls_until_it_heals(parameters: Parameters) -> None:
    """Publishes of three seconds are lost, and of the retrieves those of calls that were being set up then."""
    told = failing(parameters, 0, Cluster.lose_shard)

    assert 3.5 == pytest.approx(told["lost"] / (told["rate"] / told["shards"]), rel=0.1)


def test_every_publish_goes_to_all_other_members(parameters: Parameters) -> None:
    """Announcements are calls times the number of peers."""
    simulation = Simulation(4)
    service = Mesh(simulation, parameters, members=5)
    run(simulation, service, lambda _: 50.0, 50.0, 10.0)
    total = service.tally.whole()

    assert {"delivered": 4 * total.calls} == dict(service.outcomes)
    assert {FOUND: total.calls} == dict(total.ends)
    assert 10 + 2 == pytest.approx(1e3 * min(total.spread), abs=1.5)


def test_a_mesh_that_is_asked_too_fast_loses_calls(parameters: Parameters) -> None:
    """A call whose publish is still in an outbox when it is asked for is not there."""
    told = at_load(parameters, 4, 1.3)

    assert told["calls"] / 2 < told["ends"][MISSED]
    assert told["outbox"] <= OUTBOX


def test_the_outbox_is_bounded(parameters: Parameters) -> None:
    """When an outbox is full the oldest announcements give way, and are counted."""
    simulation = Simulation(4)
    here, there = Mesh(simulation, parameters, members=2).members
    there.core.pace = 50.0  # 20 a second, and eight wait: slow, but in time
    link = here.links[0]

    def announce() -> Process:
        for _ in range(1_500):
            yield 0.01
            link.offer(Published(simulation.now, 15.0, here, there, Slot()))

    simulation.start(announce())
    simulation.run()

    assert OUTBOX == link.highest
    assert 1_500 == link.outcomes.total()
    assert {"delivered", "died", "overflow"} == set(link.outcomes)


def test_a_member_that_is_gone_costs_the_others_little(parameters: Parameters) -> None:
    """Circuits open, outboxes do not fill, and only calls that are asked for where they could not be sent are lost."""
    told = failing(parameters, 4, Mesh.lose_member)

    assert 0 < told["announcements"]["circuit-open"]
    assert 0 < told["lost"] < 0.1 * told["calls"]
    assert 0 == told["ends"].get(UNPUBLISHED, 0)


def test_a_member_that_is_slow_costs_more_than_one_that_is_gone(parameters: Parameters) -> None:
    """No circuit opens for a peer that answers late, so its outboxes fill with calls that are asked for before."""
    gone, slowed = (failing(parameters, 4, what)["lost"] for what in (Mesh.lose_member, slow))

    assert 2 * gone < slowed


@pytest.mark.parametrize("bounded", [False, True])
def test_a_bound_on_queues_keeps_a_cluster_of_use(parameters: Parameters, *, bounded: bool) -> None:
    """At 30 % too many calls a cluster that takes all of them serves none in time; one that refuses serves most."""
    told = at_load(parameters, 0, 1.3, bounded=bounded, seconds=8.0)

    assert bounded == (told["ends"].get(FOUND, 0) > 0.6 * told["calls"])


def test_the_same_seed_is_the_same_day(parameters: Parameters) -> None:
    """What is simulated twice comes out the same, to the last digit."""
    assert at_load(parameters, 4, 0.5, seconds=5.0) == at_load(parameters, 4, 0.5, seconds=5.0)


def test_busy_means_as_busy_as_planned(parameters: Parameters) -> None:
    """At the busy hour's rate the simulated cores work the planned share of the time."""
    for members in (0, 4):
        simulation = Simulation(4)
        service = (
            Mesh(simulation, parameters, members=4) if members else Cluster(simulation, parameters, nodes=6, shards=2)
        )
        rate = busy_rate(parameters, members)
        run(simulation, service, lambda _, rate=rate: rate, rate, 10.0)
        cores = [member.core for member in service.members] if isinstance(service, Mesh) else service.nodes
        assert 0.6 == pytest.approx(sum(core.busy for core in cores) / len(cores) / 10.0, rel=0.05)
