"""
Calls go on while processes are killed: workers on one SQLite file, or nodes and a master of a Valkey cluster.

Each call is published at one node and retrieved at another a moment later, so that kills fall between. What was
acknowledged must be found, byte for byte; a node that does not answer, or answers 503, is followed by the next one,
as gateways do. Exit 0 if nothing was answered wrongly, and nothing lost but what died with the killed master.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp

from cps_client.lab.lab import Cps, Lab
from cps_client.lab.loopback import HOST
from stir.testing import ServiceProvider
from tests.support.valkey import Cluster, running_cluster, until

ORIG: Final = "12155550100"
PATIENCE: Final = 3.0
"""Longest wait for one answer, in seconds; a gateway's budget is shorter."""

CONNECT: Final = 1.0
DELAY: Final = 2.0
"""Most seconds between a call's publish and its retrieve."""

RETRIEVES: Final = 8
"""Most retrieves of a call that was acknowledged, while nobody answers."""

DRIFT: Final = 0.000_1


@dataclass
class Outcome:
    """What happened to all calls."""

    calls: int = 0
    acknowledged: int = 0
    found: int = 0
    lost: int = 0
    lost_on_killed_master: int = 0
    unanswered: int = 0
    errors: int = 0
    """Requests that failed at their first node."""
    wrong: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    """Seconds from each kill until all was whole again."""
    milliseconds: list[float] = field(default_factory=list, repr=False)

    def figures(self) -> dict[str, Any]:
        """Return it for people and for files."""
        times = sorted(self.milliseconds)
        shares = {f"p{share}_ms": round(times[len(times) * share // 100], 1) for share in (50, 99)} if times else {}
        recovery = {"recovery_s_median": statistics.median(self.recoveries), "recovery_s_max": max(self.recoveries)}
        named = asdict(self) | {"kills": len(self.kills), "wrong": self.wrong[:5], **shares, **recovery}
        return {name: value for name, value in named.items() if name not in {"milliseconds", "recoveries"}}


class Traffic:
    """Calls at a steady rate, until it is stopped."""

    def __init__(self, nodes: Sequence[Cps], provider: ServiceProvider, session: aiohttp.ClientSession) -> None:
        self._nodes = nodes
        self._provider = provider
        self._session = session
        self._numbers = count(12_150_000_000)
        self.outcome = Outcome()
        self.doomed: Callable[[str, float, float], bool] = lambda _dest, _since, _until: False
        """Whether a call that was published then and missed now died with its master."""

    async def run(self, rate: float, until: asyncio.Event) -> None:
        """Begin *rate* calls a second, and finish those that have begun."""
        calls: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for number in count():
            if until.is_set():
                break
            await asyncio.sleep(max(began + number / rate - time.monotonic(), DRIFT))
            task = asyncio.create_task(self._call(str(next(self._numbers)), number))
            calls.add(task)
            task.add_done_callback(calls.discard)
        await asyncio.gather(*calls)

    async def _call(self, dest: str, number: int) -> None:
        self.outcome.calls += 1
        passports = [self._provider.passport(orig=ORIG, dest=dest)]
        since = time.monotonic()
        status, _ = await self._ask("publish", dest, number, passports)
        if status != 201:
            return self._not_served("publish", status)
        self.outcome.acknowledged += 1
        for _ in range(RETRIEVES):
            await asyncio.sleep(random.uniform(0, DELAY))
            status, body = await self._ask("retrieve", dest, number + 1, None)
            if status not in {None, 503}:
                break
        if status == 200 and passports == body["passports"]:
            self.outcome.found += 1
        elif status == 404 and self.doomed(dest, since, time.monotonic()):
            self.outcome.lost_on_killed_master += 1
        elif status == 404:
            self.outcome.lost += 1
        else:
            self._not_served("retrieve", status)
        return None

    def _not_served(self, what: str, status: int | None) -> None:
        if status in {None, 503}:
            self.outcome.unanswered += 1
        else:
            self.outcome.wrong.append(f"{what}: {status}")

    async def _ask(
        self, action: str, dest: str, number: int, passports: list[str] | None
    ) -> tuple[int | None, dict[str, Any]]:
        """Ask one node after the other until one answers; every attempt has its own token."""
        status, body = None, {}
        for attempt in range(max(2, len(self._nodes))):
            node = self._nodes[(number + attempt) % len(self._nodes)]
            claims = {} if passports is None else {"passports": passports}
            token = self._provider.request_token(action, orig=ORIG, dest=dest, aud=HOST, **claims)
            content = {} if passports is None else {"json": {"passports": passports}}
            method = "GET" if passports is None else "POST"
            began = time.monotonic()
            with suppress(aiohttp.ClientError, TimeoutError):
                url = f"{node.process.url}/passports/{dest}/{ORIG}"
                headers = {"Authorization": f"Bearer {token}"}
                async with self._session.request(method, url, headers=headers, **content) as answer:
                    status, body = answer.status, await answer.json(content_type=None)
            if status not in {None, 503}:
                self.outcome.milliseconds.append((time.monotonic() - began) * 1e3)
                return status, body
            self.outcome.errors += attempt == 0
        return status, body


@asynccontextmanager
async def traffic(nodes: Sequence[Cps], provider: ServiceProvider, rate: float) -> AsyncIterator[Traffic]:
    """Let calls go on for as long as the block lasts."""
    limits = aiohttp.ClientTimeout(total=PATIENCE, connect=CONNECT)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=limits, connector=connector, trust_env=False) as session:
        # The library would ask again with the same token when a connection breaks, which is a replay.
        session._retry_connection = False
        calls, stop = Traffic(nodes, provider, session), asyncio.Event()
        running = asyncio.create_task(calls.run(rate, stop))
        try:
            yield calls
        finally:
            stop.set()
            await running


async def workers_killed(*, kills: int, rate: float, pause: float) -> Outcome:
    """Kill one of two workers on one SQLite file again and again."""
    with tempfile.TemporaryDirectory(prefix="cps-load-") as folder:
        async with Lab.open(Path(folder)) as lab:
            node = await lab.start_cps(CPS_WORKERS="2", CPS_STORE__RETENTION="60", CPS_LIMITS__SPC_RATE="0")
            async with traffic([node], lab.world.service_provider("709J"), rate) as calls:
                for _ in range(kills):
                    await asyncio.sleep(pause)
                    victim = random.choice(workers(node))
                    os.kill(victim, signal.SIGKILL)
                    calls.outcome.kills.append("worker")
                    calls.outcome.recoveries.append(await both_ready(node))
                await asyncio.sleep(DELAY)
            return calls.outcome


def workers(node: Cps) -> list[int]:
    """Return a node's workers: processes of its group whose parent is in it, too, and who have no child."""
    group = node.process._process.pid
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, its_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state not in "ZX":
                parents[int(path.parent.name)] = int(parent)
    leaves = [number for number, parent in parents.items() if parent in parents and number not in parents.values()]
    return leaves if len(parents) > 1 else []


async def both_ready(node: Cps) -> float:
    """Wait until a worker that was killed is missed, and until both say that they are ready; return the seconds."""
    began = time.monotonic()
    url = f"http://{node.process.settings['CPS_ADMIN_LISTEN']}/ready"
    await asyncio.sleep(0.1)
    async with aiohttp.ClientSession(trust_env=False) as session:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url, timeout=aiohttp.ClientTimeout(total=PATIENCE)) as answer:
                    found = (await answer.json(content_type=None))["workers"].values()
                    if all(worker and worker["ready"] for worker in found):
                        return round(time.monotonic() - began, 2)
            await asyncio.sleep(0.02)


async def nodes_killed(*, seconds: float, rate: float) -> Outcome:
    """Kill each of three nodes in turn, and one of the three masters of their cluster, which comes back empty."""
    with tempfile.TemporaryDirectory(prefix="cps-load-") as folder, running_cluster() as cluster:
        async with Lab.open(Path(folder)) as lab:
            shared = {"CPS_STORE__URL": cluster.url, "CPS_STORE__SECRET_FILE": f"{folder}/shared.secret"}
            shared |= {"CPS_STORE__RETENTION": "60", "CPS_LIMITS__SPC_RATE": "0"}
            nodes = [await lab.start_cps(f"node-{number}", **shared) for number in range(3)]
            async with traffic(nodes, lab.world.service_provider("709J"), rate) as calls:
                killed: list[float] = []
                calls.doomed = lambda _dest, since, until: any(since < at < until for at in killed)
                deaths = [(f"node {number}", node_dies(node)) for number, node in enumerate(nodes)]
                deaths.insert(2, ("master", master_dies(cluster, killed)))
                for name, death in deaths:
                    await asyncio.sleep(seconds / (len(deaths) + 1))
                    calls.outcome.kills.append(name)
                    calls.outcome.recoveries.append(await death)
                await asyncio.sleep(seconds / (len(deaths) + 1))
            return calls.outcome


async def node_dies(node: Cps) -> float:
    """Kill a node and start it again; return the seconds until it was healthy."""
    began = time.monotonic()
    await node.process.kill()
    await node.process.start()
    return round(time.monotonic() - began, 2)


async def master_dies(cluster: Cluster, killed: list[float]) -> float:
    """Kill a master and start it again; return the seconds until the cluster was whole."""
    began = time.monotonic()
    killed.append(began)
    await asyncio.to_thread(cluster.servers[0].kill)
    await asyncio.sleep(1)
    cluster.servers[0].start()
    await asyncio.to_thread(cluster.servers[0].wait)
    await whole_cluster(cluster)
    return round(time.monotonic() - began, 2)


async def whole_cluster(cluster: Cluster) -> None:
    """Wait until every server of the cluster says that all is well."""
    await asyncio.to_thread(until, cluster.is_ready, "the cluster is not whole again")


def verdict(outcome: Outcome) -> int:
    """Return the exit code that an outcome deserves."""
    return 1 if outcome.wrong or outcome.lost or not outcome.found else 0


def main() -> int:
    """Run one of the scenarios and print its figures."""
    parser = argparse.ArgumentParser(prog="resilience", description="Calls while processes are killed.")
    parser.add_argument("scenario", choices=["workers", "nodes"])
    parser.add_argument("--rate", type=float, default=200, help="calls a second")
    parser.add_argument("--kills", type=int, default=20, help="workers: how many are killed")
    parser.add_argument("--pause", type=float, default=1, help="workers: seconds between two kills")
    parser.add_argument("--seconds", type=float, default=60, help="nodes: how long calls go on")
    given = parser.parse_args()
    scenarios: dict[str, Callable[[], Coroutine[Any, Any, Outcome]]] = {
        "workers": lambda: workers_killed(kills=given.kills, rate=given.rate, pause=given.pause),
        "nodes": lambda: nodes_killed(seconds=given.seconds, rate=given.rate),
    }
    outcome = asyncio.run(scenarios[given.scenario]())
    sys.stdout.write(json.dumps(outcome.figures(), indent=2) + "\n")
    return verdict(outcome)


if __name__ == "__main__":
    sys.exit(main())
