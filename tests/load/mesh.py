"""
A full mesh of four: how soon the others have what one accepted, and what a peer that hangs costs the others' callers.

For the second figure the fourth node is a pretended one, with a socket of its own for each of the real ones, which
answers or hangs. They take turns: at every moment it hangs for some nodes and answers others, so that a machine that is
slow for a while is so for both.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import ADDRESS
from cps_client.lab.process import CpsProcess
from stir.testing import ServiceProvider
from tests.load.chaos_calls import FIRST_DEST, Caller, Node, calling, percentile, steadily

NODES: Final = 4
POLL: Final = 0.004
"""Shortest pause between two looks at one node, in seconds: how exact the figures are."""

POLL_SHARE: Final = 0.1
"""The pause grows with the wait, so that looking does not load a machine that is slow already."""

MISSING_AFTER: Final = 5.0
WATCHED_EVERY: Final = 8
"""One in so many calls is looked for, at all others: to look for all would cost more than the mesh itself."""

WARM_UP: Final = 24
MESH_AIM_MS: Final = 50.0
HANG_AIM: Final = 0.10
_CREATED: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_LENGTH: Final = b"content-length:"


@dataclass
class Spread:
    """How publishes got from one node to the others."""

    publishes: int = 0
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    missing: int = 0
    rate: float = 0.0
    node_cpu_ms: float = 0.0
    """What all nodes together spent on one publish: it says how many the machine's cores can take."""
    caller_cpu_ms: float = 0.0
    one_ms: list[float] = field(default_factory=list, repr=False)
    """From the 201 until one other node had it."""
    all_ms: list[float] = field(default_factory=list, repr=False)
    """From the 201 until all had it."""

    @property
    def failed(self) -> bool:
        """Whether anything came out otherwise than it must."""
        return bool(self.wrong or self.refused or self.missing or not self.all_ms)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the table."""
        rows = [("mesh of four: from the 201 until retrievable", "samples", "p50 ms", "p90 ms", "p99 ms", "max ms")]
        for what, values in (("at another node", self.one_ms), ("at all others", self.all_ms)):
            shares = (f"{percentile(values, percent):.1f}" for percent in (50, 90, 99))
            rows.append((what, f"{len(values):,}", *shares, f"{max(values, default=0):.1f}"))
        return rows


@dataclass
class Hang:
    """How long local publishes took while a peer answered, and while it hung."""

    calm_ms: list[list[float]] = field(default_factory=list, repr=False)
    """Of each phase."""
    hung_ms: list[list[float]] = field(default_factory=list, repr=False)
    refused: list[str] = field(default_factory=list)
    rate: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether a local publish was not accepted."""
        return bool(self.refused or not self.hung_ms)

    def changes(self, percent: int) -> list[float]:
        """Return by how much a percentile changed in each phase."""
        pairs = zip(self.calm_ms, self.hung_ms, strict=True)
        return [percentile(hung, percent) / percentile(calm, percent) - 1 for calm, hung in pairs]

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the table."""
        calm, hung = ([value for phase in phases for value in phase] for phases in (self.calm_ms, self.hung_ms))
        rows = [("local publishes while a peer", "samples", "p50 ms", "p90 ms", "p99 ms")]
        for what, values in (("answers", calm), ("hangs", hung)):
            rows.append((what, f"{len(values):,}", *(f"{percentile(values, share):.2f}" for share in (50, 90, 99))))
        pooled = (percentile(hung, share) / percentile(calm, share) - 1 for share in (50, 90, 99))
        rows.append(("change, all together", "", *(f"{change:+.1%}" for change in pooled)))
        medians = (statistics.median(self.changes(share)) for share in (50, 90, 99))
        rows.append(("change, median of the phases", f"{len(self.hung_ms)}", *(f"{change:+.1%}" for change in medians)))
        return rows


@asynccontextmanager
async def mesh(
    lab: Lab, providers: Sequence[ServiceProvider], extra: Sequence["Stub"] = ()
) -> AsyncIterator[tuple[list[Node], list[CpsProcess]]]:
    """Start a full mesh, a node for each provider; node *n* has the stub *n* as one more peer."""
    processes = [_process(lab, number, provider) for number, provider in enumerate(providers)]
    nodes = [Node(process.url, process.settings["CPS_HOSTNAME"]) for process in processes]
    for number, process in enumerate(processes):
        peers = [
            {"url": node.url, "spc": provider.spc, "hostname": node.hostname}
            for node, provider in zip(nodes, providers, strict=True)
            if node is not nodes[number]
        ]
        peers += [{"url": stub.url, "spc": "999Z", "hostname": "stub.example"} for stub in extra[number : number + 1]]
        process.settings["CPS_MESH__PEERS"] = json.dumps(peers)
    async with AsyncExitStack() as stack:
        for process in processes:
            stack.push_async_callback(process.stop)
        await asyncio.gather(*(process.start() for process in processes))
        yield nodes, processes


def _process(lab: Lab, number: int, provider: ServiceProvider) -> CpsProcess:
    key = lab.directory / f"{provider.spc}.key"
    key.touch(mode=0o600)
    key.write_bytes(provider.leaf.key_pem)
    settings = {f"CPS_{name}": value for name, value in lab.verification.items()}
    settings |= {"CPS_HOSTNAME": f"cps-{number}.example", "CPS_STORE__URL": "memory://", "CPS_STORE__RETENTION": "60"}
    settings |= {"CPS_MESH__SPC": provider.spc, "CPS_MESH__X5U": provider.x5u, "CPS_MESH__PRIVATE_KEY": str(key)}
    return CpsProcess(lab.directory, f"cps-{number}", settings | {"CPS_LIMITS__SPC_RATE": "0"})


class Watch:
    """Publishes at one node, and looks for it at the others."""

    def __init__(self, nodes: Sequence[Node], caller: Caller) -> None:
        self._nodes = nodes
        self._caller = caller
        self.spread = Spread()

    async def warm_up(self) -> None:
        """Let every node fetch what it needs from every other, and keep nothing of it."""
        for number in range(WARM_UP):
            await self.call(-WATCHED_EVERY * (number + 1))
        self.spread = Spread()

    async def call(self, number: int) -> None:
        """Publish at one node and look for it at all others, now and then."""
        turn, watched = divmod(number, WATCHED_EVERY)
        here, dest = (turn + watched) % len(self._nodes), str(FIRST_DEST + number)
        passports = (self._caller.passport(dest),)
        answer = await self._caller.publish(self._nodes[here], dest, passports)
        accepted = time.monotonic()
        self.spread.publishes += 1
        if answer.status != 201:
            self.spread.refused.append(str(answer.failure or answer.status))
            return
        if watched == 0:
            others = [*self._nodes[here + 1 :], *self._nodes[:here]]
            times = await asyncio.gather(*(self._found(node, dest, passports, accepted) for node in others))
            found = [each for each in times if each is not None]
            self.spread.one_ms += found
            self.spread.missing += len(times) - len(found)
            if len(found) == len(others):
                self.spread.all_ms.append(max(found))

    async def _found(self, node: Node, dest: str, passports: tuple[str, ...], since: float) -> float | None:
        """Ask *node* until it has the call; return the milliseconds, or None if it never has."""
        while time.monotonic() - since < MISSING_AFTER:
            answer = await self._caller.retrieve(node, dest)
            if answer.status == 200:
                if answer.passports != passports:
                    self.spread.wrong.append("not what was published")
                return (time.monotonic() - since) * 1e3
            if answer.status != 404:
                self.spread.wrong.append(f"retrieve: {answer.failure or answer.status}")
            await asyncio.sleep(max(POLL, POLL_SHARE * (time.monotonic() - since)))
        return None


class Stub:
    """A peer that takes everything with 201, or accepts connections and hangs."""

    def __init__(self) -> None:
        self.taken = 0
        """Publishes taken since it answers again."""
        self._answering = asyncio.Event()
        self._answering.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, ADDRESS, 0)
        self.url = f"http://{ADDRESS}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # the transports end in the loop's next round

    @property
    def answering(self) -> bool:
        """Whether it does."""
        return self._answering.is_set()

    def answer(self, *, yes: bool) -> None:
        """Answer from now on, or hang."""
        if yes and not self.answering:
            self.taken = 0
            self._answering.set()
        elif not yes:
            self._answering.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self.answering:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next(int(line.removeprefix(_LENGTH)) for line in lines if line.startswith(_LENGTH))
                await reader.readexactly(length)
                if self.answering:
                    self.taken += 1
                    writer.write(_CREATED)
            await self._answering.wait()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the node has hung up
        finally:
            writer.close()


async def spread_of(*, seconds: float, rate: float, nodes: int = NODES) -> Spread:
    """Publish *rate* a second at all nodes in turns; return when the others had it."""
    with tempfile.TemporaryDirectory(prefix="cps-mesh-") as folder:
        async with Lab.open(Path(folder)) as lab, calling(lab.world.service_provider("709J")) as caller:
            providers = [lab.world.service_provider(f"90{number}M") for number in range(nodes)]
            async with mesh(lab, providers) as (asked, processes):
                watch, total = Watch(asked, caller), round(seconds * rate)
                await watch.warm_up()
                spent, own = cpu_of(processes), time.process_time()
                kept = await steadily(rate, lambda number: number >= total, watch.call)
                watch.spread.rate = kept
                watch.spread.node_cpu_ms = (cpu_of(processes) - spent) * 1e3 / total
                watch.spread.caller_cpu_ms = (time.process_time() - own) * 1e3 / total
                return watch.spread


def cpu_of(processes: Sequence[CpsProcess]) -> float:
    """Return the seconds of CPU that *processes* and their children have used."""
    groups = {process._process.pid for process in processes}
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) in groups:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def hang_of(*, phases: int, seconds: float, rate: float, nodes: int = NODES) -> Hang:
    """Let the last node hang for each of the others in *phases* of *seconds*; return how publishes went."""
    with tempfile.TemporaryDirectory(prefix="cps-mesh-") as folder:
        async with AsyncExitStack() as stack:
            lab = await stack.enter_async_context(Lab.open(Path(folder)))
            caller = await stack.enter_async_context(calling(lab.world.service_provider("709J")))
            providers = [lab.world.service_provider(f"90{number}M") for number in range(nodes - 1)]
            stubs = [await stack.enter_async_context(Stub()) for _ in providers]
            asked, _ = await stack.enter_async_context(mesh(lab, providers, stubs))
            local = Local(asked, stubs, caller)
            await local.warm_up()
            switching = asyncio.create_task(local.switch(phases, seconds))
            local.hang.rate = await steadily(rate, lambda _: switching.done(), local.call)
            await switching
            return local.hang


class Local:
    """Publishes at nodes in turns, and notes whether the node's fourth peer hung."""

    def __init__(self, nodes: Sequence[Node], stubs: Sequence[Stub], caller: Caller) -> None:
        self._nodes = nodes
        self._stubs = stubs
        self._caller = caller
        self.hang = Hang()

    async def warm_up(self) -> None:
        """Let every node fetch what it needs, and the stubs take something."""
        for number in range(WARM_UP):
            await self.call(-1 - number)
        self.hang = Hang()

    async def switch(self, phases: int, seconds: float) -> None:
        """Let the peer hang for one half of the nodes, then for the other, and so on."""
        for phase in range(phases):
            self.hang.calm_ms.append([])
            self.hang.hung_ms.append([])
            for number, stub in enumerate(self._stubs):
                stub.answer(yes=(phase + number) % 2 == 0)
            await asyncio.sleep(seconds)

    async def call(self, number: int) -> None:
        """Publish once; what is published while a node still waits for its peer to come back counts for neither."""
        turn = number % len(self._nodes)
        dest, stub = str(FIRST_DEST + number), self._stubs[turn]
        passports = (self._caller.passport(dest),)
        answering, settled = stub.answering, stub.taken > 0
        began = time.monotonic()
        answer = await self._caller.publish(self._nodes[turn], dest, passports)
        took = (time.monotonic() - began) * 1e3
        if answer.status != 201:
            self.hang.refused.append(str(answer.failure or answer.status))
        elif answering == stub.answering and self.hang.hung_ms and (settled or not answering):
            (self.hang.calm_ms if answering else self.hang.hung_ms)[-1].append(took)
