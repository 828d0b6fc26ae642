"""
One service for all: nodes that share a Valkey cluster.

What is simulated is a slice of it, with all proportions kept: so many cores of nodes, and masters with their part of
the calls. A node is a core here; the loss of one is the loss of that share of the machines.
"""

from tests.load.simulation.calls import FOUND, UNANSWERED, UNPUBLISHED, Costs, Tally
from tests.load.simulation.engine import Demand, Level, Process, Server, Simulation
from tests.load.simulation.node import Step, Wire, asked, outage
from tests.load.simulation.parameters import Parameters


class Cluster:
    """
    A slice of a shared cluster.

    Args:
        simulation: Where it lives.
        parameters: What everything costs.
        nodes: Cores of nodes.
        shards: Valkey masters.
        bounded: Whether nodes refuse when their queue is long.
        width: Seconds that are counted together.
    """

    def __init__(
        self,
        simulation: Simulation,
        parameters: Parameters,
        *,
        nodes: int,
        shards: int,
        bounded: bool = False,
        width: float = 1.0,
    ) -> None:
        self._simulation = simulation
        self._parameters = parameters
        self._costs = Costs(parameters)
        self._wire = Wire.of(parameters, bounded=bounded)
        self.nodes = [Server(simulation) for _ in range(nodes)]
        self.shards = [Server(simulation) for _ in range(shards)]
        self._offered = list(self.nodes)
        """Those that the balancer knows to be there."""
        self.tally = Tally(simulation, width)
        self.live = Level(simulation)
        """Entries in Valkey's memory."""

    def call(self) -> Process:
        """Publish a call, set it up, and retrieve it."""
        simulation, parameters = self._simulation, self._parameters
        slot, began = self.tally.slot, simulation.now
        shard = simulation.chance.choice(self.shards)
        put = yield from self._request(shard, self._costs.publish, self._costs.put, self._wire.publish_budget)
        if not put:
            slot.ends[UNPUBLISHED] += 1
            return
        slot.publish.append(simulation.now - began)
        self.live.add(1)
        simulation.start(self._forget(), after=parameters["life"] + parameters["spare_seconds"])
        yield parameters["setup_least"] + simulation.chance.expovariate(1 / parameters["setup_more"])
        began = simulation.now
        got = yield from self._request(shard, self._costs.retrieve, self._costs.get, self._wire.retrieve_budget)
        slot.ends[FOUND if got else UNANSWERED] += 1
        if got:
            slot.retrieve.append(simulation.now - began)

    def lose_node(self) -> Process:
        """Let a node's machine go away; the balancer notices after a while, and when it is back."""
        node, away = self.nodes[0], self._parameters["outage"]
        noticed = self._parameters["node_removal"]
        self._simulation.start(outage(node, away))
        yield noticed
        self._offered.remove(node)
        yield away - noticed
        self._offered.append(node)

    def lose_shard(self) -> Process:
        """Let a Valkey master die, until its replica serves with what it had."""
        return outage(self.shards[0], self._parameters["shard_heal"])

    def _request(self, shard: Server, work: Demand, stored: Demand, budget: float) -> Step:
        """Ask a node, and when that does not answer in half of the *budget*, another one."""
        chance, end = self._simulation.chance, self._simulation.now + budget
        first = chance.choice(self._offered)
        if (yield from self._ask(first, shard, work, stored, self._simulation.now + budget / 2)):
            return True
        others = [node for node in self._offered if node is not first]
        return (yield from self._ask(chance.choice(others or [first]), shard, work, stored, end))

    def _ask(self, node: Server, shard: Server, work: Demand, stored: Demand, end: float) -> Step:
        simulation, wire = self._simulation, self._wire
        if not (yield from asked(simulation, wire, node, work, end)):
            return False
        if not shard.is_up:
            yield wire.far  # a 503
            return False
        life = shard.life
        yield 2 * wire.near + shard.take(stored.draw(simulation.chance))
        yield wire.far
        return shard.life == life and simulation.now <= end

    def _forget(self) -> Process:
        self.live.add(-1)
        return
        yield
