"""What is simulated for the page on capacity, each with a seed of its own; the outcome is plain data."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.load.simulation.calls import Costs, Slot, milliseconds
from tests.load.simulation.cluster import Cluster
from tests.load.simulation.engine import Demand, Process, Server, Simulation, percentile
from tests.load.simulation.mesh import Mesh
from tests.load.simulation.parameters import Parameters
from tests.load.simulation.theory import md_wait, mg_wait, mm_wait
from tests.load.simulation.traffic import HOUR, PROFILE, Event, Rate, arrivals, day

Service = Cluster | Mesh

NODES: Final = 6
"""Cores of nodes in the slice of a cluster."""

CLUSTER: Final = 0
"""Stands where the number of members of a mesh would."""

SETTLE: Final = 3.0
"""Seconds at the beginning that do not count."""

TAIL: Final = 5.0
"""Seconds for the last calls to end."""

EVENTS: Final = (("vote at noon", 12.25), ("vote in the evening", 20.25))
EVENT_SECONDS: Final = HOUR / 4
STEADY: Final = 20.0
OVERLOAD: Final = 1.3
SEED: Final = 1_000
NEVER_MS: Final = 1_000.0
"""Told as a delay where nobody was served: a gateway's whole patience."""

Figures = dict[str, Any]


def build(
    parameters: Parameters, members: int, seed: int, *, bounded: bool = False, width: float = 1.0
) -> tuple[Simulation, Service]:
    """Return a cluster, or a mesh of so many *members*."""
    simulation = Simulation(seed)
    if members == CLUSTER:
        shards = max(
            2, math.ceil(busy_rate(parameters, members) * Costs(parameters).shard_call / parameters["shard_target"])
        )
        return simulation, Cluster(simulation, parameters, nodes=NODES, shards=shards, bounded=bounded, width=width)
    return simulation, Mesh(simulation, parameters, members=members, bounded=bounded, width=width)


def busy_rate(parameters: Parameters, members: int) -> float:
    """Return the calls a second that fill the slice's cores as far as is planned for the busy hour."""
    costs = Costs(parameters)
    if members == CLUSTER:
        return parameters["target"] * NODES / costs.cluster_call
    return parameters["target"] * members / costs.mesh_call(members)


def run(simulation: Simulation, service: Service, rate: Rate, most: float, seconds: float) -> None:
    """Let calls come for some *seconds*, and the last ones end."""
    simulation.start(arrivals(simulation, rate, most, service.call, seconds))
    simulation.run(seconds + TAIL)


def told(slot: Slot) -> Figures:
    """Return what became of calls, in figures."""
    figures: Figures = {"calls": slot.calls, "lost": slot.lost, "ends": dict(sorted(slot.ends.items()))}
    for name, values in (("publish", slot.publish), ("retrieve", slot.retrieve), ("spread", slot.spread)):
        if values:
            figures[name] = [milliseconds(values, percent) for percent in (50, 99, 99.9)]
    return figures


def whole_day(parameters: Parameters, members: int, *, bounded: bool) -> Figures:
    """Simulate the day with its events, and what happened in each quarter of an hour."""
    simulation, service = build(parameters, members, SEED + members, bounded=bounded, width=HOUR / 4)
    busy, factor = busy_rate(parameters, members), parameters["event_factor"]
    events = tuple(Event(name, hour, EVENT_SECONDS, factor) for name, hour in EVENTS)
    rate = day(busy, parameters["minute_factor"], events)
    end = HOUR * len(PROFILE)
    run(simulation, service, rate, busy * max(factor, parameters["minute_factor"]), end)
    slots = [service.tally.slots[number] for number in range(len(PROFILE) * 4)]
    quarters = [[slot.calls / (HOUR / 4), *_p99(slot), slot.lost / max(1, slot.calls)] for slot in slots]
    in_events = Slot()
    for slot in (slots[int(event.hour * 4)] for event in events):
        in_events.absorb(slot)
    return {
        **told(service.tally.whole()),
        **_more(service),
        "events": told(in_events),
        "scale": parameters["nation"] / busy,
        "quarters": [[float(f"{value:.3g}") for value in quarter] for quarter in quarters],
    }


def _p99(slot: Slot) -> tuple[float, float]:
    """Return p99 of both; where nothing came in time, what a gateway waited."""
    return (
        percentile(slot.publish, 99) * 1e3 if slot.publish else NEVER_MS,
        percentile(slot.retrieve, 99) * 1e3 if slot.retrieve else NEVER_MS,
    )


def _more(service: Service) -> Figures:
    if isinstance(service, Cluster):
        return {"live": service.live.highest}
    return {"outbox": service.highest, "announcements": dict(sorted(service.outcomes.items()))}


def at_load(
    parameters: Parameters, members: int, load: float, *, bounded: bool = False, seconds: float = STEADY
) -> Figures:
    """Simulate steady calls that take this share of the cores."""
    simulation, service = build(parameters, members, SEED + round(load * 100), bounded=bounded)
    rate = busy_rate(parameters, members) * load / parameters["target"]
    run(simulation, service, lambda _: rate, rate, seconds)
    return {**told(service.tally.whole(SETTLE, seconds)), **_more(service), "rate": rate}


def failing(parameters: Parameters, members: int, what: Callable[[Any], Process], *, bounded: bool = False) -> Figures:
    """Simulate the busy hour, into which something fails."""
    simulation, service = build(parameters, members, SEED + 7, bounded=bounded, width=0.5)
    rate, seconds = busy_rate(parameters, members), 2 * SETTLE + 2 * parameters["outage"]
    simulation.start(what(service), after=2 * SETTLE)
    run(simulation, service, lambda _: rate, rate, seconds)
    lost = [
        service.tally.slots[number].lost / service.tally.width for number in range(int(seconds / service.tally.width))
    ]
    during = service.tally.whole(2 * SETTLE, 2 * SETTLE + parameters["outage"])
    figures = {**told(service.tally.whole()), **_more(service), "during": told(during), "lost_rate": lost, "rate": rate}
    return figures | ({"shards": len(service.shards)} if isinstance(service, Cluster) else {})


def against_theory() -> list[Figures]:
    """Simulate queues whose waits are known."""
    cases: list[tuple[str, float, int, float]] = [
        ("M/M/1", 1.0, 1, mm_wait(0.7, 1.0)),
        ("M/M/8", 1.0, 8, mm_wait(5.6, 1.0, 8)),
        ("M/D/1", 0.0, 1, mg_wait(0.7, 1.0, 0.0)),
        ("M/D/8", 0.0, 8, md_wait(5.6, 1.0, 8)),
        ("M/G/1, variation 0.3", 0.3, 1, mg_wait(0.7, 1.0, 0.3)),
    ]
    return [
        {"queue": name, "theory": wait, "simulated": mean_wait(0.7 * servers, variation, servers, seed=SEED)}
        for name, variation, servers, wait in cases
    ]


def mean_wait(rate: float, variation: float, servers: int, *, seed: int, jobs: int = 200_000) -> float:
    """Return the mean wait in a queue with work of mean 1, in the simulator."""
    waits = queue_delays(rate, Demand(1.0, variation), servers, seed=seed, jobs=jobs)[0]
    return sum(waits) / len(waits)


def queue_delays(rate: float, work: Demand, servers: int, *, seed: int, jobs: int) -> tuple[list[float], list[float]]:
    """Return the waits, and the times until all was done, of jobs at one queue."""
    simulation = Simulation(seed)
    server = Server(simulation, servers)
    waits: list[float] = []
    delays: list[float] = []

    def job() -> Process:
        waits.append(server.wait)
        delays.append(server.take(work.draw(simulation.chance)))
        return
        yield

    simulation.start(arrivals(simulation, lambda _: rate, rate, job, jobs / rate))
    simulation.run()
    return waits, delays


def against_measurement(parameters: Parameters) -> list[Figures]:
    """Simulate the core that was measured at the same loads; what a request takes beside it is from the first."""
    found: list[Figures] = []
    first = parameters.delays[0]
    beside = first["mean_ms"] / 1e3 - _delay_of(first, parameters)[0]
    for measured in parameters.delays:
        mean, delays = _delay_of(measured, parameters)
        computed = [
            (value + beside) * 1e3 for value in (mean, *(percentile(delays, percent) for percent in (50, 90, 99)))
        ]
        names = ("mean_ms", "p50_ms", "p90_ms", "p99_ms")
        found.append({"measured": dict(measured), "simulated": dict(zip(names, computed, strict=True))})
    return found


def _delay_of(measured: Mapping[str, float], parameters: Parameters) -> tuple[float, list[float]]:
    """Return the mean delay and all delays at a core that is as busy as it was."""
    work = Demand(measured["load"] / measured["rate"], parameters["variation"])
    delays = queue_delays(measured["rate"], work, 1, seed=SEED, jobs=50_000)[1]
    return sum(delays) / len(delays), delays


MESHES: Final = (4, 10)
ALL_MESHES: Final = (2, 4, 10, 20, 50)
LOADS: Final = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def jobs(parameters: Parameters) -> dict[str, Callable[[], Any]]:
    """Return everything that is simulated, by name."""
    all_jobs: dict[str, Callable[[], Any]] = {
        "theory": against_theory,
        "measurement": lambda: against_measurement(parameters),
    }
    for members in (CLUSTER, *MESHES):
        name = name_of(members)
        all_jobs[f"day {name}"] = lambda members=members: whole_day(parameters, members, bounded=False)
        all_jobs[f"day {name} bounded"] = lambda members=members: whole_day(parameters, members, bounded=True)
        for load in LOADS:
            all_jobs[f"load {name} {load}"] = lambda members=members, load=load: at_load(parameters, members, load)
        for bounded in (False, True):
            all_jobs[f"overload {name} {bounded}"] = lambda members=members, bounded=bounded: at_load(
                parameters, members, OVERLOAD, bounded=bounded
            )
    for members in ALL_MESHES:
        seconds = STEADY if members < 20 else STEADY / 2
        all_jobs[f"mesh {members}"] = lambda members=members, seconds=seconds: at_load(
            parameters, members, parameters["target"], seconds=seconds
        )
    all_jobs["fails node"] = lambda: failing(parameters, CLUSTER, Cluster.lose_node)
    all_jobs["fails shard"] = lambda: failing(parameters, CLUSTER, Cluster.lose_shard)
    for members in MESHES:
        all_jobs[f"fails member {members}"] = lambda members=members: failing(parameters, members, Mesh.lose_member)
        all_jobs[f"fails slow {members}"] = lambda members=members: failing(parameters, members, slow)
    return all_jobs


def slow(service: Mesh) -> Process:
    """Let a member be three times slower than it should be."""
    return service.slow_member(3.0)


def name_of(members: int) -> str:
    """Return what a service is called in tables."""
    return f"mesh of {members}" if members else "shared cluster"
