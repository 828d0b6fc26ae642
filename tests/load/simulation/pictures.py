"""The pictures of the page on capacity."""

from collections.abc import Mapping
from typing import Final

from tests.load.simulation import sizing
from tests.load.simulation.charts import Axis, Line, Panel, chart
from tests.load.simulation.parameters import Parameters
from tests.load.simulation.report import OWN_CALLS, SERVICES
from tests.load.simulation.results import Results
from tests.load.simulation.scenarios import LOADS, MESHES, SETTLE, name_of

HOURS: Final = Axis("hour of the day", range(0, 25, 3))
MILLISECONDS: Final = Axis("p99, ms", (20, 50, 100, 200, 500, 1_000), log=True)
PER_SECOND: Final = Axis("a second", [10.0**n for n in range(3, 8)], ("1 k", "10 k", "100 k", "1 M", "10 M"), log=True)
SIGNS: Final = {name_of(members): sign for sign, members in enumerate(SERVICES)}
PER_CENT: Final = Axis("% of calls", range(0, 101, 25))


def pictures(parameters: Parameters, results: Results) -> Mapping[str, str]:
    """Return every picture by its file's name."""
    return {
        "capacity-day.svg": day(results),
        "capacity-growth.svg": growth(parameters),
        "capacity-load.svg": load(results),
        "capacity-failures.svg": failures(results),
    }


def day(results: Results) -> str:
    """Draw the day: calls, delays and losses."""
    told = {name_of(members): results[f"day {name_of(members)}"] for members in SERVICES}
    busy = told["shared cluster"]

    def over(column: int, factor: float = 1.0, name: str = "shared cluster") -> list[tuple[float, float]]:
        return [((at + 0.5) / 4, quarter[column] * factor) for at, quarter in enumerate(told[name]["quarters"])]

    calls = Line("the nation", over(0, busy["scale"] / 1e3))
    panels = [
        Panel("Calls, thousands a second", HOURS, Axis("thousands a second", range(0, 301, 100)), [calls]),
        Panel("Publish, p99", HOURS, MILLISECONDS, [Line(name, over(1, 1, name), SIGNS[name]) for name in told]),
        Panel(
            "Calls that go on without their PASSporT",
            HOURS,
            PER_CENT,
            [Line(name, over(3, 100, name), SIGNS[name]) for name in told],
        ),
    ]
    return chart(
        "A nation's day, simulated",
        "Calls a second, the 99th percentile of a publish, and the share of calls lost in each quarter of an hour, for "
        "a shared cluster and meshes of 4 and 10 with the same share of their cores in use. Two mass-calling events.",
        panels,
    )


def growth(parameters: Parameters) -> str:
    """Draw how a mesh grows with its members."""
    members, nation = [2, 3, 4, 6, 8, 10, 15, 20, 30, 50], parameters["nation"]
    across = Axis("members", (2, 5, 10, 20, 50), log=True)
    requests = [
        Line("each brings 1,000 calls/s (quadratic)", [(n, sizing.republishes(n * OWN_CALLS, n)) for n in members]),
        Line(
            "the nation's calls, shared out (linear)",
            [(n, sizing.republishes(nation, n)) for n in members],
            1,
        ),
    ]
    cores = [
        Line(
            "mesh, each brings 1,000 calls/s", [(n, sizing.mesh(parameters, n * OWN_CALLS, n).cores) for n in members]
        ),
        Line(
            "one cluster for the same calls", [(n, sizing.cluster(parameters, n * OWN_CALLS).cores) for n in members], 1
        ),
    ]
    panels = [
        Panel("Requests between members", across, PER_SECOND, requests),
        Panel("Cores to have", across, Axis("cores", [10.0**n for n in range(5)], log=True), cores),
    ]
    return chart(
        "What each further member of a mesh costs",
        "Requests between members and cores, over the number of members, both axes logarithmic. Where each brings "
        "its own calls the requests grow with the square of their number.",
        panels,
    )


def load(results: Results) -> str:
    """Draw delays over load."""
    across = Axis("% of the cores in use", range(30, 101, 10))
    up = Axis("p99, ms", range(0, 126, 25))
    lines = [
        Line(name, [(load * 100, results[f"load {name} {load}"]["publish"][1]) for load in LOADS], SIGNS[name])
        for name in map(name_of, SERVICES)
    ]
    spread = [
        Line(name, [(load * 100, results[f"load {name} {load}"]["spread"][1]) for load in LOADS], SIGNS[name])
        for name in map(name_of, MESHES)
    ]
    panels = [
        Panel("Publish, p99", across, up, lines),
        Panel("From the 201 until another member has it, p99", across, Axis("p99, ms", range(0, 301, 50)), spread),
    ]
    return chart(
        "Delay over load, simulated",
        "The 99th percentile of a publish over the share of cores in use, and of the time until another member of a "
        "mesh has what one accepted. Both rise steeply above 90 per cent.",
        panels,
    )


def failures(results: Results) -> str:
    """Draw losses over time while something fails."""
    across = Axis("seconds", range(0, 31, 5))
    up = Axis("% of calls", range(0, 61, 10))
    groups = {
        "A part of the shared cluster is gone from second 6": {
            "fails node": "a node",
            "fails shard": "a Valkey master, one of two in this slice",
        },
        "A member of a mesh is gone from second 6 to 18": {"fails member 4": "of 4", "fails member 10": "of 10"},
        "A member of a mesh is three times slower from second 6 to 18": {
            "fails slow 4": "of 4",
            "fails slow 10": "of 10",
        },
    }
    panels = [
        Panel(title, across, up, [_lost(name, results[key], sign) for sign, (key, name) in enumerate(keys.items())])
        for title, keys in groups.items()
    ]
    return chart(
        "Calls that lose their PASSporT while something fails, simulated",
        "Share of the calls that began at each half second. A node of the cluster costs nothing, a Valkey master its "
        "share until its replica serves, a member of a mesh what the circuit breakers withhold when it is back.",
        panels,
    )


def _lost(name: str, told: Results, sign: int) -> Line:
    points = [((at + 0.5) / 2, rate / told["rate"] * 100) for at, rate in enumerate(told["lost_rate"])]
    return Line(name, [point for point in points if point[0] < 30 and point[0] > SETTLE / 10], sign)
