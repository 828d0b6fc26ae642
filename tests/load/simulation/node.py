"""How a request fares at a node: what both kinds of service have in common."""

from collections.abc import Generator
from dataclasses import dataclass

from tests.load.simulation.engine import Demand, Process, Server, Simulation
from tests.load.simulation.parameters import Parameters

Step = Generator[float, None, bool]
"""Yields waits; returns whether the answer came in time, and was a good one."""


@dataclass(frozen=True)
class Wire:
    """Delays and patience, in seconds."""

    far: float
    near: float
    publish_budget: float
    retrieve_budget: float
    refuse: float | None
    """Wait from which on a node says 503 at once; None: it takes everything."""
    refusal: float

    @classmethod
    def of(cls, parameters: Parameters, *, bounded: bool) -> "Wire":
        """Return them from *parameters*."""
        names = ("far", "near", "publish_budget", "retrieve_budget", "refuse", "refusal")
        values = dict(zip(names, map(parameters.__getitem__, names), strict=True))
        return cls(**values if bounded else {**values, "refuse": None})


def asked(simulation: Simulation, wire: Wire, node: Server, work: Demand, end: float) -> Step:
    """
    Send a request to *node* and let it work; the answer's way back is the caller's.

    What nobody waits for any more is worked on all the same, as the node does not know. A machine that is gone says
    nothing: its caller waits until *end*.
    """
    yield wire.far
    if not node.is_up:
        yield max(0.0, end - simulation.now)
        return False
    if wire.refuse is not None and node.wait > wire.refuse:
        node.take(wire.refusal)
        yield wire.far
        return False
    life, delay = node.life, node.take(work.draw(simulation.chance))
    if simulation.now + delay + wire.far > end:
        yield max(0.0, end - simulation.now)
        return False
    yield delay
    if node.life != life:
        yield max(0.0, end - simulation.now)
        return False
    return True


def outage(node: Server, seconds: float) -> Process:
    """Let *node* be away for some time."""
    node.die()
    yield seconds
    node.rise()
