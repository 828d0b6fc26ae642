"""
Three nodes on a Valkey cluster of three masters, each killed in turn and one of the masters, too.

Each call is published at one node and retrieved at another a moment later. A node that does not answer, or answers
503, is followed by the next one, as gateways do. A retrieve that no node served is tried again later, so that the end
of every acknowledged publish is known.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from redis.crc import key_slot

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import HOST
from cps_client.lab.process import CpsProcess
from cps_server.store.base import CallKey, Entry, Mark, Nonce
from cps_server.store.sealed import SealedStore
from tests.load.chaos_calls import FIRST_DEST, ORIG, Answer, Caller, Node, calling, percentile, steadily
from tests.support.valkey import SLOTS, Cluster, running_cluster, until

GAP: Final = 0.1
"""Seconds between a call's publish and its retrieve: the set-up of its TDM leg."""

DOWN: Final = 1.0
"""How long what was killed stays dead, in seconds, as with a supervisor that waits a moment."""

RETENTION: Final = 60
LATE: Final = 20.0
"""How long a retrieve that no node served is tried again, in seconds."""

LATE_PAUSE: Final = 0.25
EMPTY_EVERY: Final = 20
"""One in so many calls is followed by a retrieve for a call that nobody published."""

EMPTY_DEST: Final = FIRST_DEST + 5_000_000_000
WARM_UP: Final = 30
MASTER: Final = 0


@dataclass(frozen=True)
class Failure:
    """A request that a node did not serve, as its caller saw it."""

    at: float
    kind: str


@dataclass
class Kill:
    """One death, and how long it was felt."""

    victim: str
    at: float
    whole: float = 0.0
    """Seconds until the victim served again."""


@dataclass
class Outcome:
    """What happened to all calls."""

    calls: int = 0
    acknowledged: int = 0
    found: int = 0
    late: int = 0
    """Acknowledged, and no node served the first retrieve."""
    lost_with_master: int = 0
    lost: int = 0
    never_answered: int = 0
    unpublished: int = 0
    """Publishes that no node acknowledged: their calls go on without PASSporT."""
    empty: int = 0
    """Retrieves for calls that nobody published."""
    rate: float = 0.0
    wrong: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unserved: list[float] = field(default_factory=list)
    """When no node served a publish or a first retrieve."""
    kills: list[Kill] = field(default_factory=list)
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: {"publish": [], "retrieve": []})

    @property
    def failed(self) -> bool:
        """Whether a promise was broken, or nothing was tried."""
        return bool(self.wrong or self.lost or self.never_answered or not self.found)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the table of calls."""
        kinds = Counter(failure.kind for failure in self.failures)
        times = (
            (f"{what} p50 / p99, failover included", f"{percentile(values, 50):.1f} / {percentile(values, 99):.1f} ms")
            for what, values in self.milliseconds.items()
        )
        return [
            ("calls", "figure"),
            ("calls, at the rate kept", f"{self.calls:,} at {self.rate:.0f}/s"),
            ("publishes acknowledged", f"{self.acknowledged:,}"),
            ("found, byte for byte", f"{self.found:,}"),
            ("retrieves that no node served at first", f"{self.late:,}"),
            ("lost with the killed master's slots", f"{self.lost_with_master}"),
            ("lost otherwise (must be 0)", f"{self.lost + self.never_answered}"),
            ("wrong answers (must be 0)", f"{len(self.wrong)}"),
            ("retrieves of nothing published, all 404", f"{self.empty:,}"),
            ("publishes that no node took", f"{self.unpublished:,}"),
            ("requests failed at a node", ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())) or "0"),
            *times,
        ]

    def kill_rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the table of deaths."""
        ends = [kill.at for kill in self.kills[1:]] + [float("inf")]
        rows = [("killed", "serves again s", "last error s", "errors", "kinds", "calls unserved")]
        for kill, end in zip(self.kills, ends, strict=False):
            felt = [failure for failure in self.failures if kill.at <= failure.at < end]
            last = f"{max(failure.at for failure in felt) - kill.at:.2f}" if felt else "-"
            kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(Counter(one.kind for one in felt).items()))
            unserved = sum(kill.at <= at < end for at in self.unserved)
            rows.append((kill.victim, f"{kill.whole:.2f}", last, f"{len(felt)}", kinds or "-", f"{unserved}"))
        return rows


class _Keys:
    """A store without anything in it, which notes the key that it is asked for."""

    def __init__(self) -> None:
        self.asked: bytes = b""

    async def get(self, key: bytes, mark: Mark, *, now: int, limit: int) -> Sequence[Entry]:
        del mark, now, limit
        self.asked = key
        return ()


async def slot_of(secret: bytes, dest: str) -> int:
    """Return the slot of the cluster in which nodes with *secret* keep the call to *dest*."""
    keys, now = _Keys(), datetime.now(UTC)
    nonce = Nonce("TEST", str(uuid4()), now)
    await SealedStore(keys, secret).retrieve(CallKey(dest, ORIG), nonce=nonce, now=now)  # type: ignore[arg-type]
    return key_slot(b"cps:{%b}" % keys.asked.hex().encode())


class Calls:
    """Calls that look for a node that serves them, and note what comes of it."""

    def __init__(self, nodes: Sequence[Node], caller: Caller, secret: Path) -> None:
        self._nodes = nodes
        self._caller = caller
        self._secret = secret
        self.outcome = Outcome()
        self.master_killed_at = float("inf")

    async def warm_up(self) -> None:
        """Let every node fetch what it needs, and keep nothing of it."""
        for number in range(WARM_UP):
            await self.call(-1 - number)
        self.outcome = Outcome()

    async def call(self, number: int) -> None:
        """Publish, wait for the call to arrive, retrieve elsewhere."""
        dest, since = str(FIRST_DEST + number), time.monotonic()
        passports = (self._caller.passport(dest),)
        self.outcome.calls += 1
        answer = await self._served("publish", number, lambda node: self._caller.publish(node, dest, passports))
        if answer is None:
            self.outcome.unpublished += 1
        elif answer.status != 201:
            self.outcome.wrong.append(f"publish: {answer.status}")
        else:
            self.outcome.acknowledged += 1
            await asyncio.sleep(GAP)
            await self._judge(dest, passports, await self._retrieved(dest, number + 1), since)
        if number % EMPTY_EVERY == 0:
            await self._ask_for_nothing(number)

    async def _retrieved(self, dest: str, first: int) -> Answer | None:
        """Return the answer for *dest*, however often it must be asked for."""
        ask = partial(self._caller.retrieve, dest=dest)
        answer = await self._served("retrieve", first, ask)
        deadline = time.monotonic() + LATE
        if answer is None:
            self.outcome.late += 1
        while answer is None and time.monotonic() < deadline:
            await asyncio.sleep(LATE_PAUSE)
            answer = await self._first_served(first, ask, note=False)
        return answer

    async def _judge(self, dest: str, passports: tuple[str, ...], answer: Answer | None, since: float) -> None:
        if answer is None:
            self.outcome.never_answered += 1
        elif (answer.status, answer.passports) == (200, passports):
            self.outcome.found += 1
        elif answer.status == 404:
            await self._missing(dest, since)
        else:
            self.outcome.wrong.append(f"retrieve: {answer.status}, {len(answer.passports)} PASSporTs")

    async def _missing(self, dest: str, since: float) -> None:
        """Count a loss; it was the master's when that died meanwhile and had the call's slot."""
        first, end = (SLOTS * part // 3 for part in (MASTER, MASTER + 1))
        with_master = since <= self.master_killed_at and first <= await slot_of(self._secret.read_bytes(), dest) < end
        if with_master and self.master_killed_at < time.monotonic():
            self.outcome.lost_with_master += 1
        else:
            self.outcome.lost += 1

    async def _ask_for_nothing(self, number: int) -> None:
        ask = partial(self._caller.retrieve, dest=str(EMPTY_DEST + number))
        answer = await self._first_served(number, ask, note=False)
        if answer is not None:
            self.outcome.empty += 1
            if answer.status != 404:
                self.outcome.wrong.append(f"retrieve of nothing: {answer.status}")

    async def _served(self, what: str, first: int, ask: Callable[[Node], Awaitable[Answer]]) -> Answer | None:
        began = time.monotonic()
        answer = await self._first_served(first, ask, note=True)
        if answer is None:
            self.outcome.unserved.append(began)
        else:
            self.outcome.milliseconds[what].append((time.monotonic() - began) * 1e3)
        return answer

    async def _first_served(self, first: int, ask: Callable[[Node], Awaitable[Answer]], *, note: bool) -> Answer | None:
        """Ask one node after the other, each with a new token; None if none serves."""
        for attempt in range(len(self._nodes)):
            answer = await ask(self._nodes[(first + attempt) % len(self._nodes)])
            if answer.failure is None:
                return answer
            if note:
                self.outcome.failures.append(Failure(time.monotonic(), answer.failure))
        return None


async def cluster_under_fire(*, seconds: float, rate: float, **settings: str) -> Outcome:
    """Kill two nodes, a master and the third node during *rate* calls a second; return what happened."""
    with tempfile.TemporaryDirectory(prefix="cps-chaos-") as folder, running_cluster() as cluster:
        secret = Path(folder) / "shared.secret"
        shared = {"CPS_STORE__URL": cluster.url.replace("valkey", "redis", 1), "CPS_STORE__SECRET_FILE": str(secret)}
        shared |= {"CPS_STORE__RETENTION": str(RETENTION), "CPS_LIMITS__SPC_RATE": "0", **settings}
        async with Lab.open(Path(folder)) as lab, calling(lab.world.service_provider("709J")) as caller:
            started = await asyncio.gather(*(lab.start_cps(f"node-{number}", **shared) for number in range(3)))
            processes = [cps.process for cps in started]
            calls = Calls([Node(process.url, HOST) for process in processes], caller, secret)
            await calls.warm_up()
            killing = asyncio.create_task(_kill_all(calls, processes, cluster, pause=seconds / 5))
            kept = await steadily(rate, lambda _: killing.done(), calls.call)
            await killing
            calls.outcome.rate = kept
            return calls.outcome


async def _kill_all(calls: Calls, processes: Sequence[CpsProcess], cluster: Cluster, *, pause: float) -> None:
    """Kill one after the other, each when the one before serves again, *pause* seconds apart at least."""
    deaths: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
        (f"node {number}", partial(_node_dies, process)) for number, process in enumerate(processes)
    ]
    deaths.insert(2, ("Valkey master", partial(_master_dies, cluster)))
    for victim, dies in deaths:
        await asyncio.sleep(pause)
        kill = Kill(victim, time.monotonic())
        calls.outcome.kills.append(kill)
        if victim == "Valkey master":
            calls.master_killed_at = kill.at
        await dies()
        kill.whole = time.monotonic() - kill.at
    await asyncio.sleep(pause)


async def _node_dies(process: CpsProcess) -> None:
    await process.kill()
    await asyncio.sleep(DOWN)
    await process.start()


async def _master_dies(cluster: Cluster) -> None:
    master = cluster.servers[MASTER]
    await asyncio.to_thread(master.kill)
    await asyncio.sleep(DOWN)
    master.start()
    await asyncio.to_thread(master.wait)
    await asyncio.to_thread(until, cluster.is_ready, "the cluster is not whole again")
