"""What became of calls, and what requests cost: shared by the cluster and the mesh."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.load.simulation.engine import Demand, Simulation, percentile
from tests.load.simulation.parameters import Parameters

FOUND: Final = "found"
UNPUBLISHED: Final = "not published"
MISSED: Final = "not there"
UNANSWERED: Final = "retrieve not answered"


class Costs:
    """Processor time of each kind of request, its part of the proxy's included."""

    def __init__(self, parameters: Parameters) -> None:
        self._variation = parameters["variation"]
        proxy = parameters["proxy"]
        self.publish = self._demand(parameters["publish"] + proxy)
        self.retrieve = self._demand(parameters["retrieve"] + proxy)
        self.send = self._demand(parameters["send"] + proxy)
        self.receive = self._demand(parameters["receive"] + proxy)
        self.put = self._demand(parameters["valkey_put"])
        self.get = self._demand(parameters["valkey_get"])

    @property
    def cluster_call(self) -> float:
        """Seconds of the nodes' cores for one call in a shared cluster."""
        return self.publish.seconds + self.retrieve.seconds

    @property
    def shard_call(self) -> float:
        """Seconds of a Valkey master's core for one call."""
        return self.put.seconds + self.get.seconds

    def mesh_call(self, members: int) -> float:
        """Seconds of all members' cores for one call in a mesh."""
        return self.cluster_call + (members - 1) * (self.send.seconds + self.receive.seconds)

    def _demand(self, seconds: float) -> Demand:
        return Demand(seconds, self._variation)


@dataclass(slots=True)
class Slot:
    """The calls that began in one stretch of time."""

    ends: Counter[str] = field(default_factory=Counter)
    publish: list[float] = field(default_factory=list)
    """Seconds until the 201 came."""
    retrieve: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    """Seconds from the 201 until another member had it."""

    def absorb(self, other: "Slot") -> None:
        """Add what is in *other*."""
        self.ends.update(other.ends)
        self.publish += other.publish
        self.retrieve += other.retrieve
        self.spread += other.spread

    @property
    def calls(self) -> int:
        """How many."""
        return self.ends.total()

    @property
    def lost(self) -> int:
        """How many went on without their PASSporT."""
        return self.calls - self.ends[FOUND]


class Tally:
    """All calls, by when they began."""

    def __init__(self, simulation: Simulation, width: float) -> None:
        self._simulation = simulation
        self.width = width
        self.slots: defaultdict[int, Slot] = defaultdict(Slot)

    @property
    def slot(self) -> Slot:
        """Where a call that begins now is counted."""
        return self.slots[int(self._simulation.now / self.width)]

    def whole(self, first: float = 0.0, end: float = float("inf")) -> Slot:
        """Return the calls that began in a time."""
        total = Slot()
        for number, slot in self.slots.items():
            if first <= number * self.width < end:
                total.absorb(slot)
        return total


def milliseconds(values: list[float], percent: float) -> float:
    """Return a percentile in milliseconds, with three digits."""
    return float(f"{percentile(values, percent) * 1e3:.3g}")
