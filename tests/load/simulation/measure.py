"""
What requests cost on this machine: the measured part of parameters.toml, and delays to hold the simulator against.

The asked node has one core for itself and the asker the other one. CPU times are of the whole process group, by the
system's own account; delays are from sending a request to having its answer, at Poisson instants.
"""

import asyncio
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import HOST
from cps_client.lab.process import CpsProcess
from stir.testing import ServiceProvider
from tests.load.mesh import cpu_of, mesh
from tests.load.simulation.parameters import FILE, save
from tests.support.valkey import Server, running_server

ORIG: Final = "12155550100"
FIRST_DEST: Final = 12_150_000_000
REQUESTS: Final = 1_500
WARM_UP: Final = 100
CONNECTIONS: Final = 8
SECONDS: Final = 4.0
"""How long requests come at each load, at Poisson instants."""

LOADS: Final = (0.05, 0.2, 0.4)
"""
Shares of one core; the first is so low that nothing waits, and tells what a request takes beside the core.

Above the last the asker, whose core is no faster, would wait for itself.
"""

ROUNDS: Final = 3
PRIORITY: Final = 1
"""Of what is measured, in real time: others on the machine would be measured along with it."""

FRAMING: Final = 190
"""Bytes of a request's or an answer's first line and other header fields, about."""

Sent = tuple[str, str, str, bytes | None]
"""Method, path, token, body."""


@dataclass(frozen=True)
class Delay:
    """How long publishes took at one load of the node's core, in milliseconds: the quietest of some rounds."""

    rate: float
    load: float
    """Share of the core that the requests took."""
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


def publish(provider: ServiceProvider, number: int, audience: str = HOST) -> Sent:
    """Return a publish of one PASSporT."""
    dest = str(FIRST_DEST + number)
    passports = [provider.passport(orig=ORIG, dest=dest)]
    token = provider.request_token("publish", orig=ORIG, dest=dest, aud=audience, passports=passports)
    return "POST", f"/passports/{dest}/{ORIG}", token, json.dumps({"passports": passports}).encode()


def retrieve(provider: ServiceProvider, number: int, audience: str = HOST) -> Sent:
    """Return a retrieve of what :func:`publish` published under the same *number*."""
    dest = str(FIRST_DEST + number)
    token = provider.request_token("retrieve", orig=ORIG, dest=dest, aud=audience)
    return "GET", f"/passports/{dest}/{ORIG}", token, None


class Asker:
    """Sends requests to one node; anything but the right status is an error."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.answer_bytes = 0
        """Length of the last answer's body."""

    async def ask(self, sent: Sent) -> float:
        """Send one request; return the seconds until its answer."""
        method, path, token, body = sent
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        began = time.perf_counter()
        async with self._session.request(method, self._url + path, headers=headers, data=body) as answer:
            self.answer_bytes = len(await answer.read())
        assert (201 if method == "POST" else 200) == answer.status, answer.status
        return time.perf_counter() - began

    async def closed(self, requests: Sequence[Sent]) -> None:
        """Send *requests*, some at a time."""
        waiting = iter(requests)

        async def ask_all() -> None:
            for sent in waiting:
                await self.ask(sent)

        await asyncio.gather(*(ask_all() for _ in range(CONNECTIONS)))

    async def at_poisson_instants(self, requests: Sequence[Sent], rate: float, seed: int) -> list[float]:
        """Send *requests* at random instants, *rate* a second, whether or not earlier ones have ended."""
        chance, at, began = random.Random(seed), 0.0, time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for sent in requests:
                at += chance.expovariate(rate)
                await asyncio.sleep(began + at - time.perf_counter())
                tasks.append(group.create_task(self.ask(sent)))
        return [task.result() for task in tasks]


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Asker]:
    """Yield an asker of the node at *url*."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        yield Asker(session, url)


def pin(processes: Sequence[CpsProcess]) -> None:
    """Give *processes* the first core, and this one the last; both go before others, where that is allowed."""
    cores = sorted(os.sched_getaffinity(0))
    groups = {process.group for process in processes}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(path.name)) in groups:
                prefer(int(path.name), cores[0])
    prefer(0, cores[-1])


def prefer(process: int, core: int) -> None:
    """Put *process* on a *core*, where it goes before others if that is allowed."""
    os.sched_setaffinity(process, {core})
    with suppress(PermissionError):
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(PRIORITY))


@asynccontextmanager
async def node(store: str) -> AsyncIterator[tuple[CpsProcess, Asker, ServiceProvider]]:
    """Yield a node that keeps its entries in *store*, warm, and who may ask it."""
    with tempfile.TemporaryDirectory(prefix="cps-measure-") as folder:
        async with Lab.open(Path(folder)) as lab:
            provider = lab.world.service_provider("709J")
            settings = {"CPS_STORE__URL": store, "CPS_STORE__RETENTION": "60", "CPS_LIMITS__SPC_RATE": "0"}
            settings |= {"CPS_STORE__SECRET_FILE": str(Path(folder) / "secret")}
            process = (await lab.start_cps(**settings)).process
            pin([process])
            async with asking(process.url) as asker:
                await asker.closed([publish(provider, -1 - number) for number in range(WARM_UP)])
                yield process, asker, provider


async def spent(processes: Sequence[CpsProcess], work: Callable[[], Awaitable[None]]) -> list[float]:
    """Return the µs of CPU that each of *processes* spends on one request while *work* does its requests."""
    before = [cpu_of([process]) for process in processes]
    await work()
    return [(cpu_of([one]) - was) * 1e6 / REQUESTS for one, was in zip(processes, before, strict=True)]


async def one_node(store: str, valkey: Server | None = None) -> dict[str, float]:
    """Return what a publish and a retrieve cost a node on *store*, and what they cost *valkey*."""
    found: dict[str, float] = {}
    async with node(store) as (process, asker, provider):
        for name, make in (("publish", publish), ("retrieve", retrieve)):
            requests = [make(provider, number) for number in range(REQUESTS)]
            before = stats(valkey)
            (found[f"{name}_us"],) = await spent([process], lambda sent=requests: asker.closed(sent))
            after = stats(valkey)
            found |= {f"{name}_{key}": (after[key] - before[key]) / REQUESTS for key in before}
            _, path, token, body = requests[0]
            found[f"{name}_request_bytes"] = FRAMING + len(path) + len(token) + len(body or b"")
            found[f"{name}_answer_bytes"] = FRAMING + asker.answer_bytes
    return found


def stats(valkey: Server | None) -> dict[str, float]:
    """Return the counters of a Valkey server."""
    if valkey is None:
        return {}
    told = {key: float(value) for key, value in dict(valkey.ask("INFO", "everything")).items() if is_number(value)}  # type: ignore[call-overload]
    return {
        "store_us": (told["used_cpu_user_main_thread"] + told["used_cpu_sys_main_thread"]) * 1e6,
        "store_bytes": told["used_memory"],
        "store_traffic_bytes": told["total_net_input_bytes"] + told["total_net_output_bytes"],
    }


def is_number(value: object) -> bool:
    """Return whether a counter is one."""
    return isinstance(value, int | float)


async def mesh_of_two() -> dict[str, float]:
    """Return what sending on and taking in one publish costs, beyond the publish itself."""
    with tempfile.TemporaryDirectory(prefix="cps-measure-") as folder:
        async with Lab.open(Path(folder)) as lab:
            publisher = lab.world.service_provider("709J")
            providers = [lab.world.service_provider(f"90{number}M") for number in range(2)]
            async with mesh(lab, providers) as (nodes, processes), asking(nodes[0].url) as asker:
                pin(processes)
                hostname = nodes[0].hostname
                await asker.closed([publish(publisher, -1 - number, hostname) for number in range(WARM_UP)])
                requests = [publish(publisher, number, hostname) for number in range(REQUESTS)]

                async def work() -> None:
                    await asker.closed(requests)
                    await delivered(processes[1])

                publish_and_send, receive = await spent(processes, work)
                body = json.dumps({"token": requests[0][2]}).encode()
                size = FRAMING + sum(map(len, (requests[0][1], requests[0][2], requests[0][3] or b"", body)))
    return {"publish_and_send_us": publish_and_send, "receive_us": receive, "republish_request_bytes": size}


async def delivered(process: CpsProcess) -> None:
    """Wait until a node has nothing more to do: what is still on its way reaches it within some seconds."""
    for before in iter(lambda: cpu_of([process]), None):
        await asyncio.sleep(0.5)
        if before == cpu_of([process]):
            return


async def delays(service_us: float) -> list[Delay]:
    """
    Return how long publishes take at several loads of the node's core, in the quietest of some rounds.

    Others on the machine can only add to it; a round in which they left too little for the load is no round.
    """
    rounds = []
    for turn in range(2 * ROUNDS):
        with suppress(ExceptionGroup):
            rounds.append(await one_round(turn, service_us))
    return [min(column, key=lambda delay: delay.mean_ms) for column in zip(*rounds, strict=True)]


async def one_round(turn: int, service_us: float) -> list[Delay]:
    """Ask a fresh node at each of the loads."""
    found = []
    async with node("memory://") as (process, asker, provider):
        for step, load in enumerate(LOADS, 1):
            rate = load / service_us * 1e6
            numbers = range(step * 1_000_000, step * 1_000_000 + max(200, round(SECONDS * rate)))
            requests = [publish(provider, number) for number in numbers]
            cpu, began = cpu_of([process]), time.perf_counter()
            times = await asker.at_poisson_instants(requests, rate, seed=turn)
            took = time.perf_counter() - began
            cuts = statistics.quantiles([each * 1e3 for each in times], n=100)
            share, mean = (cpu_of([process]) - cpu) / took, statistics.fmean(times) * 1e3
            found.append(Delay(len(times) / took, share, mean, cuts[49], cuts[89], cuts[98]))
    return found


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


async def costs() -> dict[str, float]:
    """Return values for parameters.toml."""
    memory, valkey, pair = [], [], []
    for _ in range(ROUNDS):  # in turns, so that a machine that is slow for a while is so for all
        memory.append(await one_node("memory://"))
        with running_server() as server:
            valkey.append(await one_node(f"valkey://{server.address}/0", server))
        pair.append(await mesh_of_two())
    return values(medians(memory), medians(valkey), medians(pair))


def values(alone: Mapping[str, float], shared: Mapping[str, float], both: Mapping[str, float]) -> dict[str, float]:
    """Return the parameters that one node in memory, one on Valkey, and two members of a mesh tell."""
    return {
        "publish_memory": alone["publish_us"],
        "publish": shared["publish_us"],
        "retrieve": shared["retrieve_us"],
        "send": both["publish_and_send_us"] - alone["publish_us"],
        "receive": both["receive_us"],
        "valkey_put": shared["publish_store_us"],
        "valkey_get": shared["retrieve_store_us"],
        "publish_bytes": shared["publish_request_bytes"] + shared["publish_answer_bytes"],
        "retrieve_bytes": shared["retrieve_request_bytes"] + shared["retrieve_answer_bytes"],
        "republish_bytes": both["republish_request_bytes"] + shared["publish_answer_bytes"],
        "store_bytes": shared["publish_store_traffic_bytes"] + shared["retrieve_store_traffic_bytes"],
        "entry_bytes": shared["publish_store_bytes"] - shared["retrieve_store_bytes"],
        "mark_bytes": shared["retrieve_store_bytes"],
    }


def about() -> str:
    """Return when and on what it was measured."""
    load, day = os.getloadavg()[0], datetime.now(UTC)
    return (
        f"{day:%d %B %Y}, Python {platform.python_version()}, {os.cpu_count()} × {platform.machine()}, a shared "
        f"machine with load average {load:.1f} at the end"
    )


def measure_into(file: Path = FILE) -> None:
    """Measure everything, and put it into the file of parameters."""
    found_costs = asyncio.run(costs())
    found = asyncio.run(delays(found_costs["publish_memory"]))
    save(found_costs, [asdict(delay) for delay in found], about(), file)
