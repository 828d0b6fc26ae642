"""A redirect server on loopback with pretended call logic behind it, and a client that speaks SIP to it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from cps_client.gateway.calls import Budgets, Calls
from cps_client.gateway.metrics import Metrics
from cps_client.gateway.sip.server import SipServer, serve_sip
from cps_client.gateway.sip.settings import SipSettings
from cps_client.origination import Originated, Outbound
from cps_client.routes import Route, Routes
from cps_client.termination import Inbound, Terminated
from stir.errors import SignatureError
from stir.verdict import CASES, NO_PASSPORT, PASSED, PassportResult, Source, Verdict

IDENTITY = "eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln;info=<https://certificates.example/1.pem>;alg=ES256;ppt=shaken"
SIGNED_HERE = IDENTITY.replace("c2ln", "aGVyZQ")
CONTACT = "sip:{user}@192.0.2.9:5080;user=phone"
TOLD = {
    "P-Asserted-Identity": "<tel:+12155550100;verstat=TN-Validation-Passed>",
    "Attestation-Info": "A",
    "Origination-Id": "de305d54-75b4-431b-adb2-eb6b9e546014",
}
REASON = 'STIR;cause=438;text="Invalid Identity Header"'
CASE = {"passed": PASSED, "failed": CASES[SignatureError], "none": NO_PASSPORT}


@dataclass
class Logic:
    """Call logic that does what a test says, and remembers what it was asked."""

    outbound: list[Outbound] = field(default_factory=list)
    inbound: list[Inbound] = field(default_factory=list)
    result: str = "passed"
    identities: tuple[str, ...] = (IDENTITY,)
    added: tuple[str, ...] = ()
    error: Exception | None = None
    holding: asyncio.Event | None = None
    """Calls wait for it, if there is one."""

    @property
    def asked(self) -> int:
        """How many calls have come."""
        return len(self.outbound) + len(self.inbound)

    async def originate(self, call: Outbound, *, budget: float | None = None) -> Originated:
        """Publish it, or pretend to."""
        self.outbound.append(call)
        await self._wait()
        return Originated(call.identities + self.added, self.added)

    async def terminate(self, call: Inbound, *, budget: float | None = None) -> Terminated:
        """Return the verdict that the test wants."""
        self.inbound.append(call)
        await self._wait()
        verdict = Verdict(PassportResult("shaken", CASE[self.result]), Source.OOB_V1, ())
        reasons = (REASON,) if self.result == "failed" else ()
        return Terminated(verdict, self.identities, TOLD if self.result == "passed" else {}, reasons)

    async def _wait(self) -> None:
        if self.holding is not None:
            await self.holding.wait()
        if self.error is not None:
            raise self.error


@dataclass(frozen=True)
class Reply:
    """An answer taken apart, by other means than the product's."""

    status: int
    fields: list[tuple[str, str]]
    raw: bytes

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read one answer."""
        head, body = raw.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        assert b"" == body
        found = re.fullmatch(r"SIP/2\.0 ([1-6]\d\d) [A-Za-z /]+", first)
        assert found is not None, first
        return cls(int(found[1]), [tuple(line.split(": ", 1)) for line in lines], raw)

    def all(self, name: str) -> list[str]:
        """Return the values of one field."""
        return [value for named, value in self.fields if named == name]

    def __getitem__(self, name: str) -> str:
        (value,) = self.all(name)
        return value


class Phone(asyncio.DatagramProtocol):
    """A UDP client."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        """Remember it."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep the answer."""
        self.replies.put_nowait(Reply.read(data))

    def send(self, data: str | bytes) -> None:
        """Send one datagram."""
        self.transport.sendto(data.encode() if isinstance(data, str) else data)

    async def ask(self, data: str | bytes) -> Reply:
        """Send, and return the next answer."""
        self.send(data)
        return await self.reply()

    async def reply(self) -> Reply:
        """Return the next answer."""
        async with asyncio.timeout(10):
            return await self.replies.get()


@dataclass
class World:
    """The server, what is behind it, and phones."""

    server: SipServer
    logic: Logic
    stack: AsyncExitStack

    async def phone(self, **options: Any) -> Phone:
        """Return a UDP client of the first listener."""
        address = self.server.addresses[0]
        _, phone = await asyncio.get_running_loop().create_datagram_endpoint(
            Phone, remote_addr=(address.host, address.port), **options
        )
        self.stack.callback(phone.transport.close)
        return phone


Serving = Callable[..., Any]


@pytest.fixture
def logic() -> Logic:
    """Call logic with which every call passes."""
    return Logic()


@pytest.fixture
def serving(logic: Logic) -> Serving:
    """Serve with these settings."""

    @asynccontextmanager
    async def serve(listen: str = "udp:127.0.0.1:0", *, most: int = 100, **settings: Any) -> AsyncIterator[World]:
        budgets = Budgets(publish=5, retrieve=5)
        calls = Calls(logic, logic, budgets=budgets, most=most, metrics=Metrics())
        routes = Routes(Route(None, ()), lenient=True)
        given = SipSettings(listen=(listen,), **{"contact": CONTACT} | settings)
        async with AsyncExitStack() as stack, serve_sip(given, calls, routes) as server:
            yield World(server, logic, stack)

    return serve


def request(
    method: str = "INVITE",
    uri: str = "sip:+12155551212@127.0.0.1:5060",
    *extra: str,
    branch: str = "z9hG4bK1",
    via: str = "SIP/2.0/UDP 127.0.0.1:9;branch={branch};rport",
    cseq: str | None = None,
    to: str = "<sip:+12155551212@127.0.0.1>",
    caller: str = "<sip:+12155550100@127.0.0.1>",
    body: str = "",
) -> str:
    """Return a request; *extra* are header lines, such as ``Identity: …``."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via.format(branch=branch)}",
        "Max-Forwards: 70",
        f"From: {caller};tag=from1",
        f"To: {to}",
        "Call-ID: call-1@127.0.0.1",
        f"CSeq: {cseq or f'1 {method}'}",
        *extra,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", body])
