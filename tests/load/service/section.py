"""The whole service's section of the benchmark: what is started, what is asked of it, and the tables."""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import sub, truediv
from typing import Final

import uvloop

from tests.load.service import cores, growth, terminating
from tests.load.service.costs import Case, Cost, Costs, Run, Spread, Yardstick
from tests.load.service.growth import Memory, Sizes
from tests.load.service.latency import LOADS, Latency, latencies
from tests.load.service.prepared import Kind
from tests.load.service.rig import Rig, rigged

COST_HEAD: Final = (
    *("service", "× ECDSA", "from", "to", "aim", "CPU µs", "store µs", "a second", "p50 ms", "p99 ms", "p99.9 ms"),
    "wrong",
)
DERIVED_HEAD: Final = ("compared", "median", "from", "to", "aim")
LATENCY_HEAD: Final = (
    *("open loop", "load", "a second", "accepted", "refused", "p50 ms", "p99 ms", "from", "to", "p99.9 ms"),
    *("sent late ms", "wrong"),
)
MEMORY_HEAD: Final = ("100,000 live PASSporTs", "counted", "CPS MB", "database MB")
AIMS: Final = {"memory": (3.6, 2.1), "SQLite": (4.0, 2.3), "Valkey": (4.5, 2.8)}
"""The most that a publish and a retrieve should cost, in raw verifications."""

MORE_AIM: Final = 1.15
WORKERS_AIM: Final = 1.7


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int = 5
    requests: int = 1_000
    seconds: float = 600.0
    """Longest time for the costs; where the machine is slow, shots are smaller."""
    loads: Sequence[float] = LOADS
    load_seconds: float = 4.0
    stocked: int = 100_000
    sizes: Sizes | None = field(default_factory=Sizes)
    all_cases: bool = True


QUICK: Final = Extent(
    requests=200, seconds=30.0, loads=(0.3, 0.7, 1.3), load_seconds=0.5, stocked=20_000, sizes=None, all_cases=False
)


@dataclass(frozen=True)
class Derived:
    """One row compared with another, run by run."""

    what: str
    value: Spread
    aim: float
    at_least: bool = False
    """Whether more is better."""


@dataclass(frozen=True)
class Service:
    """All figures of this section."""

    yardstick_us: Spread
    costs: list[Cost]
    derived: list[Derived]
    latency: list[Latency]
    growth: list[Cost]
    memory: list[Memory]

    @property
    def wrong(self) -> int:
        """How many requests were answered otherwise than they must be, and not because there was too much to do."""
        asked = sum(row.wrong - row.refused for row in (*self.costs, *self.growth))
        return asked + sum(row.wrong for row in self.latency)

    @property
    def ratios(self) -> dict[str, float]:
        """What every row of the costs costs, in yardsticks."""
        return {row.what: row.ratio.median for row in self.costs}

    def tables(self) -> Iterator[list[tuple[str, ...]]]:
        """Return the tables that have rows."""
        tables = (
            (COST_HEAD, [cost_row(row) for row in self.costs]),
            (DERIVED_HEAD, [derived_row(row) for row in self.derived]),
            (LATENCY_HEAD, [latency_row(row) for row in self.latency]),
            (("growth", *COST_HEAD[1:]), [cost_row(row) for row in self.growth]),
            (
                MEMORY_HEAD,
                [(one.store, f"{one.stocked:,}", f"{one.server_mb:,}", f"{one.store_mb:,}") for one in self.memory],
            ),
        )
        return ([head, *rows] for head, rows in tables if rows)


def cost_row(row: Cost) -> tuple[str, ...]:
    """Return the cells of a row of costs."""
    times = (f"{value.median:.2f}" for value in (row.p50_ms, row.p99_ms, row.p999_ms))
    ratios = (f"{value:.2f}" for value in (row.ratio.median, row.ratio.least, row.ratio.most))
    aim = "" if row.aim is None else f"≤ {row.aim:.2f}"
    costs = (f"{value.median:,.0f}" for value in (row.cpu_us, row.store_us, row.per_second))
    return row.what, *ratios, aim, *costs, *times, str(row.wrong)


def derived_row(row: Derived) -> tuple[str, ...]:
    """Return the cells of a comparison."""
    values = (f"{value:.2f}" for value in (row.value.median, row.value.least, row.value.most))
    return row.what, *values, f"{'≥' if row.at_least else '≤'} {row.aim:.2f}"


def latency_row(row: Latency) -> tuple[str, ...]:
    """Return the cells of a row of latencies."""
    times = (row.p50_ms.median, row.p99_ms.median, row.p99_ms.least, row.p99_ms.most, row.p999_ms.median)
    shares = (f"{value.median:.1%}" for value in (row.accepted, row.refused))
    late = f"{row.late_p99_ms.median:.2f}"
    cells = (f"{row.load:.0%}", f"{row.offered.median:,.0f}", *shares, *(f"{value:.2f}" for value in times), late)
    return row.what, *cells, str(row.wrong)


def bench_service(*, quick: bool) -> Service:
    """Return the figures of the whole service."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, frozen():
        return runner.run(measured(QUICK if quick else Extent()))


@contextmanager
def frozen() -> Iterator[None]:
    """Let what is made at the start be no garbage: looking at it before every shot would take most of the time."""
    try:
        yield
    finally:
        gc.unfreeze()


async def measured(extent: Extent) -> Service:
    """Start everything, and return its figures."""
    began = time.monotonic()
    async with rigged() as rig:
        yardstick = Yardstick(rig.provider.private_key)
        cases = await start(rig, extent)
        gc.freeze()
        note(began, "servers started")
        costs = Costs(yardstick, rig.servers)
        await costs.measure(cases, rounds=extent.rounds, requests=extent.requests, seconds=extent.seconds)
        await terminating.measure(
            rig, costs, yardstick, rig.servers["memory"], rounds=extent.rounds, requests=extent.requests
        )
        note(began, "costs measured")
        asked = [rig.servers[name] for name in (("memory", "SQLite", "Valkey") if extent.all_cases else ("memory",))]
        latency = await latencies(asked, loads=extent.loads, rounds=extent.rounds, seconds=extent.load_seconds)
        grown = Costs(yardstick, rig.servers)
        note(began, "latency measured")
        memory = await growth.memory(rig, extent.stocked, growth.STORES if extent.all_cases else ("memory",))
        if extent.sizes is not None:
            await follow(rig, grown, extent.sizes, extent, began)
        note(began, "growth measured")
        taken = Spread.of([each * 1e6 for each in yardstick.taken], 1)
        return Service(taken, list(costs.rows()), derived(costs.runs), latency, list(grown.rows()), memory)


async def start(rig: Rig, extent: Extent) -> list[Case]:
    """Start the servers that are compared, and return what is asked of them."""
    await rig.floor("floor")
    for name in ("memory", "SQLite", "Valkey"):
        await rig.cps(name, name.lower())
    await rig.cps("SQLite, 2 workers", "sqlite", WORKERS="2")
    for check in ("off", "shape"):
        await rig.cps(f"memory, PASSporTs {check}", VERIFY_PASSPORTS=check)
    cases = [Case("bare aiohttp, the floor", "floor")]
    cases += [Case(name, name, aims=aims) for name, aims in AIMS.items()]
    cases += [Case(f"{name}, generation 2", name, Kind(2, 1)) for name in (AIMS if extent.all_cases else ("memory",))]
    cases += [
        Case("memory, 2 PASSporTs", "memory", Kind(1, 2), retrieves=extent.all_cases),
        Case("memory, PASSporTs shape", "memory, PASSporTs shape", retrieves=False),
        Case("memory, PASSporTs off", "memory, PASSporTs off", retrieves=False),
        Case("SQLite, 2 workers", "SQLite, 2 workers", retrieves=extent.all_cases),
    ]
    if extent.all_cases:
        for name in ("memory", "SQLite"):
            what = f"{name}, expiry included"
            await rig.forgetful(what, name.lower())
            cases.append(Case(what, what, retrieves=False))
    return cases


def derived(runs: dict[str, list[Run]]) -> list[Derived]:
    """Return what follows from rows of the same rounds."""

    def compared(what: str, other: str, value, by) -> Spread:
        pairs = zip(runs[f"publish, {what}"], runs[f"publish, {other}"], strict=True)
        return Spread.of([by(value(one), value(two)) for one, two in pairs], 3)

    more = compared("memory, 2 PASSporTs", "memory", lambda run: run.ratio, sub)
    twice = compared("SQLite, 2 workers", "SQLite", lambda run: run.shot.requests / run.shot.seconds, truediv)
    dearer = compared("SQLite, 2 workers", "SQLite", lambda run: run.cpu / run.yard, truediv)
    rows = [Derived("one PASSporT more in a publish, × ECDSA", more, MORE_AIM)]
    if len(cores.ALL) > 1:
        rows.append(Derived("publishes a second, 2 workers ÷ 1 worker", twice, WORKERS_AIM, at_least=True))
    rows.append(Derived("CPU of a publish, 2 workers ÷ 1 worker", dearer, 2 / WORKERS_AIM))
    return rows


async def follow(rig: Rig, costs: Costs, sizes: Sizes, extent: Extent, began: float) -> None:
    """Measure how costs grow, one kind of growth after the other, each with its sizes in turns."""
    share = extent.seconds / 3
    for cases, requests in (
        (await growth.stored(rig, sizes.stored), extent.requests),
        (await growth.signers(rig, sizes.signers), extent.requests),
        (await growth.peers(rig, sizes.peers), min(extent.requests, growth.OUTBOX)),
    ):
        await costs.measure(cases, rounds=extent.rounds, requests=requests, seconds=share)
    for server in rig.servers.values():
        if server.undelivered:
            note(began, f"{server.name}: {server.undelivered} publishes did not reach a peer in time")


def note(began: float, what: str) -> None:
    """Tell whoever waits how far it has come."""
    sys.stderr.write(f"{time.monotonic() - began:5.0f} s: {what}\n")


def machine() -> dict[str, str | int]:
    """Return what is worth knowing about this machine beside its Python."""
    with open("/proc/cpuinfo") as lines:  # noqa: PTH123 - one line is read
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {"processor": model, "cores used": len(cores.ALL)}
