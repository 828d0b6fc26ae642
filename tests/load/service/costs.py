"""What a request costs, beside one raw verification: rows take turns, with the yardstick before and behind each."""

import gc
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.load.service import cores
from tests.load.service.client import REFUSALS, Shot, connected, percentile
from tests.load.service.prepared import Kind
from tests.load.service.rig import CONNECTIONS, Asked

YARDS: Final = 200
"""Verifications in one measurement of the yardstick; some 20 ms."""

FEWEST: Final = 50
"""Fewest requests in one shot, however slow the machine is."""

DIFFERENT: Final = 64
"""Different signatures that take turns in it."""


@dataclass(frozen=True)
class Spread:
    """A median over several runs, and its extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float], digits: int = 4) -> "Spread":
        """Return the spread of *values*, with so many digits behind the point."""
        return cls(*(round(value, digits) for value in (statistics.median(values), min(values), max(values))))


@dataclass(frozen=True)
class Case:
    """A pair of rows: publishes to one server, and then their retrieves."""

    what: str
    server: str
    kind: Kind = field(default_factory=Kind)
    aims: tuple[float | None, float | None] = (None, None)
    """The most that a publish and a retrieve should cost, in yardsticks."""
    retrieves: bool = True


@dataclass(frozen=True)
class Run:
    """One shot, and what it cost for each request, in seconds of CPU."""

    shot: Shot = field(repr=False)
    cpu: float
    store: float
    """What its database spent."""
    load: float
    """What this process spent on asking."""
    yard: float
    """What the yardstick cost around it."""

    @property
    def ratio(self) -> float:
        """The server's cost in yardsticks."""
        return self.cpu / self.yard


@dataclass(frozen=True)
class Cost:
    """A row of the table: everything over all runs."""

    what: str
    runs: int
    requests: int
    wrong: int
    others: dict[int, int]
    """How often each status came that none should have had; 0: no answer."""
    ratio: Spread
    cpu_us: Spread
    store_us: Spread
    load_us: Spread
    per_second: Spread
    p50_ms: Spread
    p99_ms: Spread
    p999_ms: Spread
    aim: float | None = None

    @property
    def refused(self) -> int:
        """How many of the wrong ones got 429 or 503, as on a machine that stands still for a second."""
        return sum(self.others.get(status, 0) for status in REFUSALS)

    @classmethod
    def of(cls, what: str, runs: Sequence[Run], aim: float | None = None) -> "Cost":
        """Return the row of these *runs*."""

        def spread(value: Callable[[Run], float], digits: int = 1) -> Spread:
            return Spread.of([value(run) for run in runs], digits)

        def reached(percent: float) -> Spread:
            return spread(lambda run: percentile(run.shot.times, percent) * 1e3, 3)

        others = sum((run.shot.statuses - Counter({run.shot.expected: run.shot.accepted}) for run in runs), Counter())
        return cls(
            what,
            len(runs),
            sum(run.shot.requests for run in runs),
            others.total(),
            dict(others),
            spread(lambda run: run.ratio, 3),
            spread(lambda run: run.cpu * 1e6),
            spread(lambda run: run.store * 1e6),
            spread(lambda run: run.load * 1e6),
            spread(lambda run: run.shot.requests / run.shot.seconds),
            reached(50),
            reached(99),
            reached(99.9),
            aim,
        )


class Yardstick:
    """One raw ECDSA P-256 verification, as pyca does it; on the servers' core, while they rest."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key.public_key()
        self._algorithm = ECDSA(SHA256())
        texts = [b"%0500d" % number for number in range(DIFFERENT)]  # as long as what a token's signature covers
        self._signed = [(key.sign(text, self._algorithm), text) for text in texts]
        self.taken: list[float] = []

    def take(self, count: int = YARDS) -> float:
        """Return the CPU seconds of one."""
        turns = cycle(self._signed)
        with cores.on([cores.SERVER]):
            began = time.thread_time()
            for _ in range(count):
                self._key.verify(*next(turns), self._algorithm)
            self.taken.append((time.thread_time() - began) / count)
        return self.taken[-1]


class Costs:
    """Takes the shots of cases, and keeps what they cost."""

    def __init__(self, yardstick: Yardstick, servers: Mapping[str, Asked]) -> None:
        self._yardstick = yardstick
        self._servers = servers
        self.runs: dict[str, list[Run]] = {}
        """By the name of the row."""
        self._aims: dict[str, float | None] = {}

    async def measure(self, cases: Sequence[Case], *, rounds: int, requests: int, seconds: float) -> None:
        """
        Let *cases* take turns, *rounds* times.

        Args:
            cases: What is asked.
            rounds: How often each.
            requests: Requests in each shot; fewer where the machine is too slow for so many.
            seconds: How long it all should take at most.
        """
        began = time.monotonic()
        for turn in range(rounds):
            for case in cases:
                await self._turn(case, requests)
            took = time.monotonic() - began
            faster = (seconds - took) / (rounds - turn) / (took / (turn + 1))
            requests = max(min(FEWEST, requests), round(requests * min(1.0, faster)))

    def rows(self) -> Iterator[Cost]:
        """Return the table."""
        for what, runs in self.runs.items():
            yield Cost.of(what, runs, self._aims[what])

    async def _turn(self, case: Case, requests: int) -> None:
        server = self._servers[case.server]
        published = server.maker.publishes(case.kind, requests)
        publishes = [each.data for each in published]
        run = await self._run(server, lambda load: load.closed(publishes, HTTPStatus.CREATED))
        self.keep(f"publish, {case.what}", run, case.aims[0])
        pairs = zip(published, run.shot.answers, strict=True)
        kept = [each for each, status in pairs if status == HTTPStatus.CREATED]
        if case.retrieves and kept:
            retrieves = server.maker.retrieves(case.kind, kept)
            run = await self._run(server, lambda load: load.closed(retrieves, HTTPStatus.OK), publishes=0)
            self.keep(f"retrieve, {case.what}", run, case.aims[1])

    def keep(self, what: str, run: Run, aim: float | None) -> None:
        """Add a run to a row."""
        self._aims[what] = aim
        self.runs.setdefault(what, []).append(run)

    async def _run(self, server: Asked, fire, publishes: int | None = None) -> Run:
        async with connected(server.port, CONNECTIONS) as load:
            gc.collect()
            before = self._yardstick.take()
            cpu, store, own = cores.cpu_seconds(server.processes), cores.cpu_seconds(server.store), time.process_time()
            shot = await fire(load)
            own = time.process_time() - own
            await server.settled(shot.accepted if publishes is None else publishes)
            cpu = cores.cpu_seconds(server.processes) - cpu
            store = cores.cpu_seconds(server.store) - store
        yard = (before + self._yardstick.take()) / 2
        return Run(shot, *(spent / shot.requests for spent in (cpu, store, own)), yard)
