"""A piece of the telephone network out of real programs: Kamailio, SIPp, the sidecar, and a TDM trunk between them."""

import asyncio
import errno
import os
import random
import re
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Self

import aiohttp

from cps_client.lab import tether
from cps_client.lab.loopback import ADDRESS, listener, port_of

SECONDS = 60
"""Longest wait for anything to come up or to happen, on a machine that has much else to do."""


async def until(condition: Callable[[], Awaitable[bool]], told: Callable[[], str]) -> None:
    """Wait until *condition* holds, or fail with what is *told* then."""
    try:
        async with asyncio.timeout(SECONDS):
            while not await condition():  # noqa: ASYNC110 - other processes know nothing of tests
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not so after {SECONDS} s: {told()}") from None


_PORTS: Final = range(20_000, 32_000)
"""Below the ports that the system gives to connections by itself: one found free stays so."""


def free_udp_ports(count: int) -> list[int]:
    """Return ports that are free for UDP, and for TCP as well."""
    found = filter(_is_free, random.sample(_PORTS, len(_PORTS)))
    return list(islice(found, count))


def _is_free(port: int) -> bool:
    with ExitStack() as stack:
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                stack.enter_context(socket.socket(socket.AF_INET, kind)).bind((ADDRESS, port))
        except OSError:
            return False
    return True


async def bound(port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> bool:
    """Return whether somebody has a port, by default of UDP."""
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


class Program:
    """A program in the foreground, with a log, that ends with the test."""

    def __init__(self, log: Path, *command: object) -> None:
        self.log = log
        self._command = [str(word) for word in command]
        self._process: Process | None = None

    async def start(self) -> Self:
        """Start it, and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", tether.__file__, str(os.getpid()), *self._command),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=self.log.parent,
                start_new_session=True,
            )
        await until(self._up, self.said)
        return self

    async def _up(self) -> bool:
        assert self._process is not None
        assert not self._process.returncode, self.said()
        return self._process.returncode == 0 or await self.is_ready()

    def environment(self) -> Mapping[str, str]:
        """Return the environment that it runs in."""
        return os.environ

    async def is_ready(self) -> bool:
        """Return whether it does its work; here, whether it runs."""
        return True

    async def ended(self) -> int:
        """Return its exit code once it has ended."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and with it all that it started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            await self.stop(signal.SIGKILL)
        with suppress(ProcessLookupError):  # its children may be left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it started."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def said(self, lines: int = 20) -> str:
        """Return the end of its log."""
        found = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"== {self.log.name}", *found[-lines:]])


class Sidecar(Program):
    """``cps-client gateway`` with these settings."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str]) -> None:
        (self.port,) = free_udp_ports(1)
        self.settings = dict(settings)
        self.url = f"http://{ADDRESS}:{self.port}"
        super().__init__(folder / f"{name}.log", sys.executable, "-P", "-m", "cps_client", "gateway")

    async def use(self, settings: Mapping[str, str]) -> None:
        """See to it that it runs with these *settings* beside its own."""
        if self._process is None or not settings.items() <= self.settings.items():
            await self.stop()
            self.settings |= settings
            await self.start()

    def environment(self) -> Mapping[str, str]:
        """Return its settings, and nobody else's."""
        clean = {key: value for key, value in os.environ.items() if not key.upper().startswith("CPS_")}
        return clean | self.settings | {"CPS_CLIENT_GATEWAY__LISTEN": f"{ADDRESS}:{self.port}"}

    async def retrieved(self, orig: str, dest: str) -> dict:
        """Ask it for a call, as a gateway does."""
        question = {"orig": orig, "dest": dest}
        async with aiohttp.ClientSession(self.url, trust_env=False) as session:
            answer = await session.post("/v1/retrieve", json=question)
            return await answer.json()

    def asked(self, path: str) -> int:
        """Return how many requests it has answered so far whose path begins with *path*."""
        return len(re.findall(rf'"route": ?"{path}', self.log.read_text()))

    async def is_ready(self) -> bool:
        """Return whether calls should be sent there."""
        async with aiohttp.ClientSession(trust_env=False) as session:
            try:
                async with session.get(f"{self.url}/ready") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False


class Kamailio(Program):
    """Kamailio with configurations in its folder, in little memory, ready when it answers OPTIONS."""

    def __init__(self, folder: Path, configuration: str, port: int) -> None:
        self.port = port
        runtime = folder / f"{configuration}.run"
        runtime.mkdir()
        file = folder / configuration
        command = ("/usr/sbin/kamailio", "-DD", "-E", "-f", file, "-Y", runtime, "-m", "32", "-M", "4")
        super().__init__(folder / f"{configuration}.log", *command)

    async def is_ready(self) -> bool:
        """Return whether it answers."""
        return await self._answers("200", "OPTIONS", "ping", "ping", "ping", 0.5)

    async def tries(self, orig: str, dest: str, *fields: str, times: int = 1) -> bool:
        """Send it an INVITE, as often as told, and return whether 100 comes; nobody hears what follows."""
        return await self._answers("100", "INVITE", orig, dest, f"call-{orig}", 10, *fields, times=times)

    async def refuses(self, address: str) -> bool:
        """Return whether it wants nothing from *address*."""
        return await self._answers("403", "INVITE", "stranger", "1", f"call-{address}", 10, source=address)

    async def _answers(
        self,
        status: str,
        method: str,
        orig: str,
        dest: str,
        call_id: str,
        seconds: float,
        *fields: str,
        times: int = 1,
        source: str = ADDRESS,
    ) -> bool:
        head = (
            f"{method} sip:{dest}@{ADDRESS}:{self.port} SIP/2.0",
            f"Via: SIP/2.0/UDP {ADDRESS}:9;rport;branch=z9hG4bK{call_id}",
            f"From: <sip:{orig}@{ADDRESS}>;tag=1",
            f"To: <sip:{dest}@{ADDRESS}>",
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:{ADDRESS}:9>",
            "Max-Forwards: 70",
            *fields,
            "Content-Length: 0",
        )
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)  # noqa: FBT003 - the socket module gives it no name
            sock.bind((source, 0))
            for _ in range(times):
                await loop.sock_sendto(sock, "\r\n".join([*head, "", ""]).encode(), (ADDRESS, self.port))
            try:
                async with asyncio.timeout(seconds):
                    return (await loop.sock_recv(sock, 65_535)).startswith(f"SIP/2.0 {status}".encode())
            except (TimeoutError, ConnectionError):
                return False


class Sipp(Program):
    """SIPp with a scenario, whose exit code says whether all went as the scenario has it."""

    def __init__(
        self, log: Path, scenario: Path, port: int, keys: Mapping[str, str], *options: object, tcp: bool = False
    ) -> None:
        self._port = port
        self._kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        self._errors = log.with_suffix(".err")
        words = [word for name, value in keys.items() for word in ("-key", name, value)]
        super().__init__(
            log,
            *("/usr/bin/sipp", "-sf", scenario, "-i", ADDRESS, "-p", port, "-nostdin"),
            *("-trace_err", "-error_file", self._errors, "-recv_timeout", f"{SECONDS}s"),
            *("-t", "t1" if tcp else "u1", *options, *words),
        )

    async def is_ready(self) -> bool:
        """Return whether it listens."""
        return await bound(self._port, self._kind)

    def said(self, lines: int = 20) -> str:
        """Return what it complained of."""
        return self._errors.read_text() if self._errors.exists() else super().said(lines)


@dataclass
class Trunk(asyncio.DatagramProtocol):
    """The TDM trunk as seen from SIP: what is sent into it comes out at the far end, and is noted down."""

    far_end: int
    crossed: list[str] = field(default_factory=list)
    """INVITEs, each once however often it was sent."""
    held: list[bytes] | None = None
    """What waits while the network sets calls up; None: nothing has to."""
    lost: set[str] = field(default_factory=set)
    """Numbers whose calls come out nowhere."""
    port: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a port of the system's choice."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(ADDRESS, 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        try:
            yield self
        finally:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take what comes in."""
        text = data.decode(errors="replace")
        if text.startswith("INVITE") and text not in self.crossed:
            self.crossed.append(text)
        if any(number in text for number in self.lost):
            return
        if self.held is None:
            self._transport.sendto(data, (ADDRESS, self.far_end))
        else:
            self.held.append(data)

    def release(self) -> None:
        """Let through what waits, and all that comes."""
        held, self.held = self.held or [], None
        for data in held:
            self._transport.sendto(data, (ADDRESS, self.far_end))

    async def has(self, count: int) -> None:
        """Wait until so many INVITEs have come in."""

        async def come() -> bool:
            return len(self.crossed) >= count

        await until(come, lambda: f"{len(self.crossed)} calls have come to the trunk")


class Valve:
    """What stands between the sidecars and their CPS: it lets through, delays, or refuses."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._writers: set[asyncio.StreamWriter] = set()
        self._delay: float | None = 0
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a port of the system's choice."""
        sock = listener()
        self.port = port_of(sock)
        server = await asyncio.start_server(self._pass, sock=sock)
        try:
            yield self
        finally:
            server.close()
            self._cut()

    def set(self, delay: float | None) -> None:
        """Delay everything that goes through by so many seconds; None lets nobody in. What is open is cut."""
        self._delay = delay
        self._cut()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._delay is None:
            writer.transport.abort()
            return
        upstream_reader, upstream = await asyncio.open_connection(ADDRESS, self._upstream)
        both = {writer, upstream}
        self._writers |= both
        try:
            await asyncio.gather(self._copy(reader, upstream), self._copy(upstream_reader, writer))
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                await asyncio.sleep(self._delay or 0)
                writer.write(data)
                await writer.drain()
        writer.close()
