"""
What a CPS does a second: one on SQLite, asked over kept-alive connections, as by the proxy in front of it.

Everything is real but the world: tokens and PASSporTs are signed beforehand, each is checked in full by the server
process, and each request has numbers of its own. The asking process has the same machine, so a figure is what one
core gives while another one asks.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import HOST
from stir.testing import ServiceProvider

ORIG: Final = "12155550100"
CONNECTIONS: Final = 16
"""Requests in flight, each on a connection of its own."""

WARM_UP: Final = 50
"""Requests that are not measured: they fetch the certificate and fill the caches."""


@dataclass(frozen=True)
class Request:
    """One request, ready to be sent."""

    method: str
    path: str
    token: str
    body: bytes | None
    expected: int


@dataclass(frozen=True)
class Result:
    """How one kind of request went."""

    what: str
    requests: int
    wrong: int
    per_second: float
    p50_ms: float
    p99_ms: float


def publish(provider: ServiceProvider, dest: str) -> Request:
    """Return a first-generation publish of one PASSporT."""
    passports = [provider.passport(orig=ORIG, dest=dest)]
    token = provider.request_token("publish", orig=ORIG, dest=dest, aud=HOST, passports=passports)
    return Request("POST", f"/passports/{dest}/{ORIG}", token, json.dumps({"passports": passports}).encode(), 201)


def retrieve(provider: ServiceProvider, dest: str) -> Request:
    """Return a first-generation retrieve."""
    token = provider.request_token("retrieve", orig=ORIG, dest=dest, aud=HOST)
    return Request("GET", f"/passports/{dest}/{ORIG}", token, None, 200)


async def measure(what: str, url: str, requests: Sequence[Request]) -> Result:
    """Send *requests*, so many at a time, and return how that went."""
    times: list[float] = []
    wrong = 0
    waiting = iter(requests)

    async def ask() -> None:
        nonlocal wrong
        for request in waiting:
            headers = {"Authorization": f"Bearer {request.token}", "Content-Type": "application/json"}
            sent = time.perf_counter()
            asked = session.request(request.method, url + request.path, headers=headers, data=request.body)
            async with asked as answer:
                await answer.read()
            times.append(time.perf_counter() - sent)
            wrong += answer.status != request.expected

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), trust_env=False) as session:
        began = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
        seconds = time.perf_counter() - began
    p50, p99 = (round(statistics.quantiles(times, n=100)[percent - 1] * 1e3, 2) for percent in (50, 99))
    return Result(what, len(times), wrong, round(len(times) / seconds), p50, p99)


async def bench_server(count: int) -> list[Result]:
    """Return the figures of *count* publishes and as many retrieves."""
    with tempfile.TemporaryDirectory(prefix="cps-bench-") as folder:
        async with Lab.open(Path(folder)) as lab:
            provider = lab.world.service_provider("709J")
            cps = await lab.start_cps(CPS_STORE__RETENTION="60", CPS_LIMITS__SPC_RATE="0")
            dests = [str(12_155_000_000 + number) for number in range(count + WARM_UP)]
            results = []
            makers: dict[str, Callable[[ServiceProvider, str], Request]] = {"publish": publish, "retrieve": retrieve}
            for what, make in makers.items():
                requests = [make(provider, dest) for dest in dests]
                await measure("warm-up", cps.process.url, requests[:WARM_UP])
                results.append(await measure(what, cps.process.url, requests[WARM_UP:]))
            return results
