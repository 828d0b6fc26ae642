"""
A mesh: every member sends what is published at it to all others (ATIS-1000096).

The product's own bounds and its own circuit breaker are at work here. What is simulated is one core of each member,
with its part of the member's calls and its own outbox for each peer, as each worker process has.
"""

from collections import Counter, deque
from collections.abc import Generator

from cps_server.federation.breaker import CircuitBreaker
from cps_server.federation.republish import OUTBOX, PAUSE_SECONDS, SECONDS, SENDERS
from tests.load.simulation.calls import FOUND, MISSED, UNANSWERED, UNPUBLISHED, Costs, Slot, Tally
from tests.load.simulation.engine import Demand, Process, Server, Simulation
from tests.load.simulation.node import Step, Wire, asked, outage
from tests.load.simulation.parameters import Parameters


class Member:
    """One CPS of the mesh."""

    def __init__(self, simulation: Simulation) -> None:
        self.core = Server(simulation)
        self.links: list[Link] = []


class Published:
    """A call that one member accepted."""

    __slots__ = ("at", "dies_at", "holders", "slot", "wanted")

    def __init__(self, at: float, life: float, holder: Member, wanted: Member, slot: Slot) -> None:
        self.at = at
        self.dies_at = at + life
        self.holders = {holder}
        self.wanted = wanted
        """Where it will be looked for."""
        self.slot = slot


class Link:
    """The way from one member to another: see cps_server.federation.republish, which it follows step by step."""

    def __init__(self, mesh: "Mesh", here: Member, there: Member) -> None:
        self._mesh = mesh
        self._here = here
        self._there = there
        self._waiting: deque[Published] = deque()
        self._senders = 0
        self._breaker = CircuitBreaker()
        self.outcomes: Counter[str] = Counter()
        self.highest = 0
        """Most announcements that waited."""

    def offer(self, call: Published) -> None:
        """Announce a call; when the outbox is full the oldest one gives way."""
        if len(self._waiting) == OUTBOX:
            self._waiting.popleft()
            self.outcomes["overflow"] += 1
        self._waiting.append(call)
        self.highest = max(self.highest, len(self._waiting))
        if self._senders < SENDERS:
            self._senders += 1
            self._mesh.simulation.start(self._send())

    def drop(self) -> None:
        """Forget what waits, as when the process dies."""
        self.outcomes["dropped"] += len(self._waiting)
        self._waiting.clear()

    def _send(self) -> Process:
        while self._waiting:
            outcome = yield from self._deliver(self._waiting.popleft())
            self.outcomes[outcome] += 1
        self._senders -= 1

    def _deliver(self, call: Published) -> Generator[float, None, str]:
        simulation, outcome = self._mesh.simulation, "circuit-open"
        for pause in (0.0, PAUSE_SECONDS):
            if pause:
                yield pause
            if simulation.now >= call.dies_at:
                return "died"
            if not self._breaker.admits(simulation.now):
                return outcome
            if (yield from self._post(call)):
                self._breaker.succeeded()
                return "delivered"
            self._breaker.failed(simulation.now)
            outcome = "failed"
        return outcome

    def _post(self, call: Published) -> Step:
        mesh, end = self._mesh, self._mesh.simulation.now + SECONDS
        core, life = self._here.core, self._here.core.life
        if not core.is_up:
            return False
        yield core.take(mesh.costs.send.draw(mesh.simulation.chance))
        if core.life != life:
            return False
        if not (yield from asked(mesh.simulation, mesh.wire, self._there.core, mesh.costs.receive, end)):
            return False
        call.holders.add(self._there)
        if self._there is call.wanted:
            call.slot.spread.append(mesh.simulation.now - call.at)
        yield mesh.wire.far
        return True


class Mesh:
    """
    One core of each member of a mesh.

    Args:
        simulation: Where it lives.
        parameters: What everything costs.
        members: How many.
        bounded: Whether members refuse when their queue is long.
        width: Seconds that are counted together.
    """

    def __init__(
        self, simulation: Simulation, parameters: Parameters, *, members: int, bounded: bool = False, width: float = 1.0
    ) -> None:
        self.simulation = simulation
        self.costs = Costs(parameters)
        self.wire = Wire.of(parameters, bounded=bounded)
        self._parameters = parameters
        self.members = [Member(simulation) for _ in range(members)]
        for here in self.members:
            here.links = [Link(self, here, there) for there in self.members if there is not here]
        self.tally = Tally(simulation, width)

    @property
    def outcomes(self) -> Counter[str]:
        """How announcements ended, all links together."""
        return sum((link.outcomes for member in self.members for link in member.links), Counter())

    @property
    def highest(self) -> int:
        """Most announcements that waited for one peer."""
        return max(link.highest for member in self.members for link in member.links)

    def call(self) -> Process:
        """Publish a call at its own member, set it up, and retrieve it at another provider's member."""
        simulation, parameters, chance = self.simulation, self._parameters, self.simulation.chance
        slot, began = self.tally.slot, simulation.now
        home, wanted = chance.choice(self.members), chance.choice(self.members)
        took = yield from self._request(home, self.costs.publish, self.wire.publish_budget)
        if took is None:
            slot.ends[UNPUBLISHED] += 1
            return
        slot.publish.append(simulation.now - began)
        call = Published(simulation.now, parameters["life"], took, wanted, slot)
        for link in took.links:
            link.offer(call)
        yield parameters["setup_least"] + chance.expovariate(1 / parameters["setup_more"])
        began = simulation.now
        asked_at = yield from self._request(wanted, self.costs.retrieve, self.wire.retrieve_budget)
        if asked_at is None:
            slot.ends[UNANSWERED] += 1
            return
        slot.retrieve.append(simulation.now - began)
        slot.ends[FOUND if asked_at in call.holders else MISSED] += 1

    def lose_member(self) -> Process:
        """Let a member go away, with what waits in its outboxes, and come back with its store."""
        member = self.members[0]
        for link in member.links:
            link.drop()
        return outage(member.core, self._parameters["outage"])

    def slow_member(self, factor: float) -> Process:
        """Let a member's core be slower by a *factor* for a while."""
        core = self.members[0].core
        core.pace = factor
        yield self._parameters["outage"]
        core.pace = 1.0

    def _request(self, member: Member, work: Demand, budget: float) -> Generator[float, None, Member | None]:
        """Ask *member*, and when it does not answer in half of the *budget*, another one; return who answered."""
        simulation = self.simulation
        end = simulation.now + budget
        if (yield from self._ask(member, work, simulation.now + budget / 2)):
            return member
        other = simulation.chance.choice([each for each in self.members if each is not member])
        return other if (yield from self._ask(other, work, end)) else None

    def _ask(self, member: Member, work: Demand, end: float) -> Step:
        if not (yield from asked(self.simulation, self.wire, member.core, work, end)):
            return False
        yield self.wire.far + 2 * self.wire.near
        return self.simulation.now <= end
