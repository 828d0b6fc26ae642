"""The tables of the page on capacity: from the parameters by arithmetic, and from what was simulated."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from cps_server.federation.republish import OUTBOX, SENDERS
from tests.load.simulation import sizing
from tests.load.simulation.calls import FOUND, Costs
from tests.load.simulation.parameters import Parameter, Parameters
from tests.load.simulation.results import Results
from tests.load.simulation.scenarios import ALL_MESHES, CLUSTER, LOADS, MESHES, NODES, busy_rate, name_of

RATES: Final = (100.0, 10_000.0)
"""Calls a second that are sized beside the nation's."""

OWN_CALLS: Final = 1_000.0
"""Calls a second that each new member brings into a mesh."""

Rows = Sequence[Sequence[str]]
SERVICES: Final = (CLUSTER, *MESHES)

_NUMBER: Final = re.compile(r"[-+]?\d[\d,.]*( ?%)?$")
_BLOCK: Final = re.compile(r"(<!-- made: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str, blocks: Mapping[str, str]) -> str:
    """Return *page* with what belongs between its marks; every block has its place."""
    assert {match[1] for match in _BLOCK.findall(page)} == set(blocks)
    return _BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match[2]]}\n\n{match[3]}", page)


def blocks(parameters: Parameters, results: Results) -> dict[str, str]:
    """Return every made part of the page."""
    makers: dict[str, Callable[[Parameters, Results], Rows]] = {
        "parameters": lambda some, _: list(all_parameters(some)),
        "calls": lambda some, _: list(costs(some)),
        "cluster": lambda some, _: list(clusters(some)),
        "meshes": lambda some, _: list(meshes(some)),
        "growth": lambda some, _: list(growth(some)),
        "same-machines": lambda some, _: list(same_machines(some)),
        "outbox": lambda some, _: list(outboxes(some)),
        "memory": lambda some, _: list(memories(some)),
        "day": lambda _, all_results: list(days(all_results)),
        "loads": lambda _, all_results: list(loads(all_results)),
        "overload": lambda _, all_results: list(overloads(all_results)),
        "mesh-latency": lambda _, all_results: list(spreads(all_results)),
        "failures": lambda some, all_results: list(failures(some, all_results)),
        "theory": lambda _, all_results: list(theory(all_results)),
        "measurement": lambda _, all_results: list(measurement(all_results)),
    }
    made = {name: markdown(make(parameters, results)) for name, make in makers.items()}
    return {**made, "about": f"Measured: {parameters.about}."}


def markdown(rows: Rows) -> str:
    """Return a table: columns of numbers to the right, all others to the left."""
    rules = ["--:" if all(_NUMBER.match(row[at]) for row in rows[1:]) else "---" for at in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))


def all_parameters(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield every parameter."""
    yield "parameter", "value", "unit", "source", "what it is"
    for one in parameters.all.values():
        yield f"`{one.name}`", figure(one), one.unit, one.source, one.note


def figure(one: Parameter) -> str:
    """Return a value as it stands in the file."""
    return f"{one.value:,.10g}"


def costs(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield what one call takes of processors and lines."""
    all_costs, bits = Costs(parameters), 8 * parameters["wire"]
    yield (
        "one call, published and retrieved once",
        "nodes' CPU, ms",
        "Valkey's CPU, ms",
        "requests",
        "kbit between CPSs",
    )
    yield name_of(CLUSTER), ms(all_costs.cluster_call), ms(all_costs.shard_call), "2", "0"
    for members in ALL_MESHES:
        kept = members * all_costs.put.seconds + all_costs.get.seconds
        between = (members - 1) * parameters["republish_bytes"] * bits / 1e3
        yield name_of(members), ms(all_costs.mesh_call(members)), ms(kept), str(members + 1), f"{between:,.0f}"


def clusters(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield the sizes of shared clusters."""
    yield (
        *("calls/s", "cores at work", "cores to have", "Valkey masters + replicas", "Valkey memory, GB"),
        *("outside, Mbit/s", "node to Valkey, Mbit/s", "$ a month", "$ per million calls"),
    )
    for calls in (*RATES, parameters["nation"]):
        size = sizing.cluster(parameters, calls)
        yield (
            *(f"{calls:,.0f}", number(size.busy_cores), f"{size.cores:,}", f"{size.masters} + {size.masters}"),
            *(number(size.memory / 1e9), number(size.outside / 1e6), number(size.inside / 1e6)),
            *(f"{size.dollars:,.0f}", million(size)),
        )


def million(size: sizing.Size) -> str:
    """Return the dollars for a million calls, over a month of such days."""
    calls = size.calls * sizing.HOURS * 3600 * sizing.mean_share()
    return number(size.dollars / calls * 1e6)


def meshes(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield the sizes of meshes for the nation."""
    head = (
        "members",
        "cores to have",
        "of these, a member",
        "Valkey masters",
        "Valkey memory, GB",
        "between CPSs, Gbit/s",
    )
    yield (*head, "$ a month", "× the cluster's")
    calls = parameters["nation"]
    one = sizing.cluster(parameters, calls)
    for members in (CLUSTER, *ALL_MESHES):
        size = sizing.mesh(parameters, calls, members) if members else one
        yield (
            *(str(members) if members else name_of(members), f"{size.cores:,}", f"{size.cores / max(1, members):,.0f}"),
            *(f"{size.masters:,}", number(size.memory / 1e9), number(size.between / 1e9)),
            *(f"{size.dollars:,.0f}", f"{size.dollars / one.dollars:.1f}"),
        )


def growth(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield how a mesh grows with its members, each of which brings calls of its own."""
    yield "members", "calls/s", "outboxes", "republishes/s", "between CPSs, Mbit/s", "cores, mesh", "cores, one cluster"
    for members in ALL_MESHES:
        calls = OWN_CALLS * members
        size, one = sizing.mesh(parameters, calls, members), sizing.cluster(parameters, calls)
        yield (
            *(str(members), f"{calls:,.0f}", f"{sizing.links(members):,}"),
            *(f"{sizing.republishes(calls, members):,.0f}", number(size.between / 1e6)),
            *(f"{size.cores:,}", f"{one.cores:,}"),
        )


def same_machines(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield how many calls the nation's cluster would carry as a mesh."""
    calls, all_costs = parameters["nation"], Costs(parameters)
    yield "the same cores as", "calls/s", "share"
    for members in SERVICES + tuple(each for each in ALL_MESHES if each > max(SERVICES)):
        share = all_costs.cluster_call / all_costs.mesh_call(members) if members else 1.0
        yield name_of(members), f"{calls * share:,.0f}", f"{share * 100:.1f} %"


def outboxes(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield how full the outbox of one worker process for one peer can get."""
    yield (
        "members",
        "into one outbox, a second",
        f"out of it at most, with {SENDERS} senders",
        "full after a peer stops, s",
    )
    delivery = 2 * parameters["far"] + Costs(parameters).receive.seconds + Costs(parameters).send.seconds
    for members in ALL_MESHES:
        into = busy_rate(parameters, members) / members
        yield str(members), number(into), f"{SENDERS / delivery:,.0f}", number(OUTBOX / into)


def memories(parameters: Parameters) -> Iterator[tuple[str, ...]]:
    """Yield what Valkey holds."""
    yield "calls/s", "live PASSporTs", "kept in all", "PASSporTs, GB", "used tokens", "used tokens, GB", "GB in all"
    seconds = parameters["life"] + parameters["spare_seconds"]
    for calls in (*RATES, parameters["nation"]):
        kept, marks = calls * seconds, calls * 2 * parameters["mark_seconds"]
        yield (
            *(f"{calls:,.0f}", f"{calls * parameters['life']:,.0f}", f"{kept:,.0f}"),
            *(number(kept * parameters["entry_bytes"] / 1e9), f"{marks:,.0f}"),
            *(number(marks * parameters["mark_bytes"] / 1e9), number(sizing.memory(parameters, calls) / 1e9)),
        )


def days(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield how the day went."""
    head = (
        "the day",
        "calls simulated",
        "publish p50 / p99 / p99.9, ms",
        "retrieve, ms",
        "lost",
        "in the two events",
    )
    yield (*head, "lost at other times")
    for bounded in (False, True):
        for members in SERVICES:
            figures = results[f"day {name_of(members)}{' bounded' if bounded else ''}"]
            events = figures["events"]
            calm_calls, calm_lost = figures["calls"] - events["calls"], figures["lost"] - events["lost"]
            yield (
                name_of(members) + (", refusing" if bounded else ""),
                *(f"{figures['calls']:,}", triple(figures["publish"]), triple(figures["retrieve"])),
                *(share(figures["lost"], figures["calls"]), share(events["lost"], events["calls"])),
                share(calm_lost, calm_calls),
            )


def loads(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield p99 over the share of the cores in use."""
    yield "cores in use", *(f"{name_of(members)}: publish p99 / lost" for members in SERVICES)
    for load in LOADS:
        told = (results[f"load {name_of(members)} {load}"] for members in SERVICES)
        yield (
            f"{load * 100:.0f} %",
            *(f"{each['publish'][1]:.0f} ms / {share(each['lost'], each['calls'])}" for each in told),
        )


def overloads(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield what becomes of calls when there are more than the cores can take."""
    yield "30 % more calls than the cores can take", "found in time", "publish p99, ms", "how the rest ends"
    for bounded in (False, True):
        for members in SERVICES:
            told = results[f"overload {name_of(members)} {bounded}"]
            rest = ", ".join(
                f"{end} {share(count, told['calls'])}" for end, count in told["ends"].items() if end != FOUND
            )
            p99 = f"{told['publish'][1]:,.0f}" if "publish" in told else "none came in time"
            found = share(told["calls"] - told["lost"], told["calls"])
            yield name_of(members) + (", refusing" if bounded else ""), found, p99, rest


def spreads(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield how soon another member has what one accepted."""
    yield (
        "members",
        "from the 201 until another has it: p50 / p99 / p99.9, ms",
        "publish, ms",
        "fullest outbox",
        "not there",
    )
    for members in ALL_MESHES:
        told = results[f"mesh {members}"]
        lost = share(told["lost"], told["calls"])
        yield str(members), triple(told["spread"]), triple(told["publish"]), f"{told['outbox']:,}", lost


def failures(parameters: Parameters, results: Results) -> Iterator[tuple[str, ...]]:
    """Yield what failures cost; the loss is told in seconds' worth of the calls of what failed."""
    yield (
        "what fails in the busy hour",
        "lost while it lasts",
        "lost afterwards",
        "lost, in seconds of its calls",
        "publish p99.9, ms",
    )
    away = f"for {parameters['outage']:g} s"
    rows = [("fails node", f"a node of the cluster is gone {away}", NODES)]
    shards = results["fails shard"]["shards"]
    rows += [
        (
            "fails shard",
            f"a Valkey master of the cluster dies; its replica serves after {parameters['shard_heal']:g} s",
            shards,
        )
    ]
    for members in MESHES:
        rows += [(f"fails member {members}", f"a member of {members} is gone {away}", members)]
        rows += [(f"fails slow {members}", f"a member of {members} is three times slower {away}", members)]
    for name, what, parts in rows:
        told = results[name]
        during = told["during"]
        after = share(told["lost"] - during["lost"], told["calls"] - during["calls"])
        seconds = told["lost"] / (told["rate"] / parts)
        yield what, share(during["lost"], during["calls"]), after, f"{seconds:.1f}", f"{told['publish'][2]:,.0f}"


def theory(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the simulator beside queueing theory."""
    yield "queue at 70 % load, work of mean 1", "mean wait by theory", "simulated", "difference"
    for one in results["theory"]:
        apart = one["simulated"] / one["theory"] - 1
        yield one["queue"], f"{one['theory']:.4f}", f"{one['simulated']:.4f}", f"{apart * 100:+.1f} %"


def measurement(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the simulator beside a real node."""
    head = ("publishes/s", "core in use")
    yield *head, *(f"{name}, ms: measured / simulated" for name in ("mean", "p50", "p90", "p99"))
    for one in results["measurement"]:
        real, computed = one["measured"], one["simulated"]
        pairs = (f"{real[name]:.1f} / {computed[name]:.1f}" for name in ("mean_ms", "p50_ms", "p90_ms", "p99_ms"))
        yield f"{real['rate']:.0f}", f"{real['load'] * 100:.0f} %", *pairs


def ms(seconds: float) -> str:
    """Return milliseconds."""
    return number(seconds * 1e3)


def number(value: float) -> str:
    """Return a number with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def share(part: float, whole: float) -> str:
    """Return a share in per cent; none at all is told from little."""
    if not part:
        return "0"
    per_cent = part / whole * 100
    return f"{per_cent:.1f} %" if per_cent >= 0.1 else f"{per_cent:.2g} %"


def triple(values: Sequence[Any]) -> str:
    """Return three percentiles."""
    return " / ".join(f"{value:,.0f}" for value in values)
