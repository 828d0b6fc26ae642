"""How long publishes take at several loads, and what becomes of them when more come than the server can take."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from tests.load.service.client import Shot, connected, percentile
from tests.load.service.costs import Spread
from tests.load.service.prepared import Kind
from tests.load.service.rig import CONNECTIONS, Asked

LOADS: Final = (0.3, 0.5, 0.7, 0.9, 1.3)
"""Shares of the capacity at which requests are sent, at random instants."""

OPEN_CONNECTIONS: Final = 128
"""Connections over which they are sent: what the proxy in front may have open to one CPS."""

FEWEST: Final = 50
"""Fewest requests of one shot."""


@dataclass(frozen=True)
class Latency:
    """A row of the table: one server at one load, over all runs."""

    what: str
    load: float
    runs: int
    requests: int
    wrong: int
    offered: Spread
    """Requests a second."""
    accepted: Spread
    """The share that was answered as it must be."""
    refused: Spread
    """The share that was turned away with 429 or 503."""
    p50_ms: Spread
    p99_ms: Spread
    p999_ms: Spread
    late_p99_ms: Spread
    """How late requests were sent by the benchmark's own fault."""

    @classmethod
    def of(cls, what: str, load: float, shots: Sequence[tuple[float, Shot]]) -> "Latency":
        """Return the row of these shots, each with the rate that was planned for it."""
        taken = [shot for _, shot in shots]

        def reached(percent: float) -> Spread:
            return Spread.of([percentile(shot.times, percent) * 1e3 for shot in taken], 3)

        return cls(
            what,
            load,
            len(taken),
            sum(shot.requests for shot in taken),
            sum(shot.wrong for shot in taken),
            Spread.of([rate for rate, _ in shots], 1),
            Spread.of([shot.accepted / shot.requests for shot in taken]),
            Spread.of([shot.refused / shot.requests for shot in taken]),
            reached(50),
            reached(99),
            reached(99.9),
            Spread.of([percentile(shot.late, 99) * 1e3 for shot in taken], 3),
        )


def instants(number: int, rate: float, seed: int) -> list[float]:
    """Return when requests are sent that come at random, *rate* a second: in seconds, ascending."""
    chance, at, found = random.Random(seed), 0.0, []
    for _ in range(number):
        at += chance.expovariate(rate)
        found.append(at)
    return found


async def latencies(
    servers: Sequence[Asked], *, loads: Sequence[float] = LOADS, rounds: int, seconds: float
) -> list[Latency]:
    """Return what publishes to *servers* took at these *loads*, which take turns *rounds* times."""
    shots: dict[tuple[str, float], list[tuple[float, Shot]]] = {}
    for turn in range(rounds):
        for server in servers:
            full = await capacity(server, seconds / 2)
            for load in loads:
                rate = full * load
                shot = await _at_rate(server, rate, seconds, seed=turn)
                shots.setdefault((server.name, load), []).append((rate, shot))
    return [Latency.of(f"publish, {name}", load, taken) for (name, load), taken in shots.items()]


async def capacity(server: Asked, seconds: float) -> float:
    """Return how many publishes a second the server answers when there is always another one; takes about *seconds*."""
    number, found = FEWEST, 0.0
    for _ in range(2):
        publishes = [each.data for each in server.maker.publishes(Kind(), number)]
        async with connected(server.port, CONNECTIONS) as load:
            shot = await load.closed(publishes, HTTPStatus.CREATED)
        found = shot.requests / shot.seconds
        number = max(FEWEST, round(found * seconds))
    return found


async def _at_rate(server: Asked, rate: float, seconds: float, *, seed: int) -> Shot:
    number = max(FEWEST, round(rate * seconds))
    publishes = [each.data for each in server.maker.publishes(Kind(), number)]
    async with connected(server.port, OPEN_CONNECTIONS) as load:
        return await load.opened(publishes, instants(number, rate, seed), HTTPStatus.CREATED)
