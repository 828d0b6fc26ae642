"""
The table of what a stranger may try with an x5u, and how each case ends.

Run with ``-s`` to see it. Servers are real sockets on loopback with real TLS; what they could get rid of is
counted on their side, and so includes what lies unread in the buffers of both kernels.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stir import limits
from stir.aio.certificates import CertificateCache
from stir.aio.clock import SystemClock
from stir.aio.fetch import HttpsFetcher
from stir.errors import CertificateFormatError, FetchError, StirError, UrlError
from stir.x5u import X5uPolicy
from tests.support.certificates import ca, leaf, root
from tests.support.https import LOOPBACK, Names, Script, Send, Server, always, answer, ca_file, serve

DEADLINE = 0.4
BUFFERS = 1_000_000
"""Bytes that may lie in the kernels' buffers between a server and us."""

TEN_MEGABYTES = 10_000_000
CHUNK = b"x" * 16_384


@dataclass(frozen=True)
class Row:
    """One attempt: what is tried, where, and how it has to end."""

    case: str
    expected: type[StirError]
    reason: str | None = None
    url: str = "https://cr.example:{port}/cert.pem"
    script: Script | None = None
    names: tuple[tuple[str, ...], ...] = (("127.0.0.1",),)
    connections: int = 0
    public_only: bool = False
    """Whether loopback is as forbidden as in production; servers need it allowed."""


async def endless_body(_: bytes, send: Send) -> None:
    """Send a body without end, as fast as it is taken."""
    await send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await send(CHUNK)


async def endless_after_body(_: bytes, send: Send) -> None:
    """Send a whole answer, too large or not, and do not stop."""
    await send(answer(b"x" * limits.CHAIN_BYTES))
    while True:
        await send(CHUNK)


async def endless_header(_: bytes, send: Send) -> None:
    """Send a header field without end."""
    await send(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        await send(CHUNK)


async def endless_interim(_: bytes, send: Send) -> None:
    """Send interim answers without end."""
    while True:
        await send(b"HTTP/1.1 103 Early Hints\r\n\r\n")


async def large_announced(_: bytes, send: Send) -> None:
    """Send 10 MB, and say so before."""
    await send(f"HTTP/1.1 200 OK\r\nContent-Length: {TEN_MEGABYTES}\r\n\r\n".encode())
    for _ in range(TEN_MEGABYTES // len(CHUNK)):
        await send(CHUNK)


async def large_chunked(_: bytes, send: Send) -> None:
    """Send 10 MB in chunks, the length of which nobody knows before."""
    await send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(TEN_MEGABYTES // len(CHUNK)):
        await send(f"{len(CHUNK):x}\r\n".encode() + CHUNK + b"\r\n")


async def slow_drip(_: bytes, send: Send) -> None:
    """Send a byte now and then, so that no time-out for silence ever strikes."""
    await send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await send(b"x")
        await asyncio.sleep(0.02)


async def slow_header(_: bytes, send: Send) -> None:
    """Drip the header."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000:
        await send(bytes([byte]))
        await asyncio.sleep(0.02)


def redirect(target: str) -> Script:
    """Return a script that sends the client somewhere else."""
    return always(answer(b"", f"Location: {target}", status="302 Found"))


def thousand_certificates() -> Script:
    """Return a script that serves a chain of 1,000 certificates; it stays under the bound for bytes never."""
    pem = leaf(ca(root())).pem
    return always(answer(pem * 1_000, "Content-Type: application/pem-certificate-chain"))


def seven_certificates() -> Script:
    """Return a script that serves one certificate more than a chain may have, well under the bound for bytes."""
    pem = leaf(ca(root())).pem
    return always(answer(pem * (limits.CHAIN_CERTIFICATES + 1)))


REFUSED_URLS = {
    "http": "http://cr.example:{port}/cert.pem",
    "another port": "https://cr.example:22/cert.pem",
    "user": "https://user:password@cr.example:{port}/cert.pem",
    "query": "https://cr.example:{port}/cert.pem?a=b",
    "fragment": "https://cr.example:{port}/cert.pem#a",
    "no path": "https://cr.example:{port}",
    "IPv4 literal": "https://127.0.0.1:{port}/cert.pem",
    "IPv4 literal, public": "https://93.184.216.34:{port}/cert.pem",
    "IPv4 literal, metadata service": "https://169.254.169.254:{port}/cert.pem",
    "IPv4 literal, decimal": "https://2130706433:{port}/cert.pem",
    "IPv4 literal, octal": "https://0177.0.0.1:{port}/cert.pem",
    "IPv4 literal, hexadecimal": "https://0x7f000001:{port}/cert.pem",
    "IPv4 literal, short": "https://127.1:{port}/cert.pem",
    "IPv6 literal": "https://[::1]:{port}/cert.pem",
    "IPv6 literal, mapped": "https://[::ffff:127.0.0.1]:{port}/cert.pem",
}

FORBIDDEN = {
    "private name": ("10.0.0.1",),
    "loopback name, IPv6": ("::1",),
    "link-local name": ("169.254.169.254",),
    "unspecified name": ("0.0.0.0",),
    "mapped name": ("::ffff:127.0.0.1",),
    "NAT64 name": ("64:ff9b::7f00:1",),
    "6to4 name": ("2002:7f00:1::",),
    "public and private name": ("93.184.216.34", "127.0.0.1"),
}

ROWS = [
    *(Row(f"URL: {case}", UrlError, url=url, public_only=True) for case, url in REFUSED_URLS.items()),
    Row(
        "address: localhost",
        FetchError,
        "refused-address",
        url="https://localhost:{port}/cert.pem",
        public_only=True,
    ),
    *(
        Row(f"address: {case}", FetchError, "refused-address", names=(addresses,), public_only=True)
        for case, addresses in FORBIDDEN.items()
    ),
    Row("TLS: another host's certificate", FetchError, "tls", "https://other.example:{port}/a", connections=1),
    Row("redirect to http", FetchError, "redirect", script=redirect("http://127.0.0.1/a"), connections=1),
    Row("redirect to itself", FetchError, "redirect", script=redirect("/cert.pem"), connections=1),
    Row("endless body", FetchError, "too-large", script=endless_body, connections=1),
    Row("endless header", FetchError, "protocol", script=endless_header, connections=1),
    Row("endless interim answers", FetchError, None, script=endless_interim, connections=1),
    Row("endless after a whole body", StirError, None, script=endless_after_body, connections=1),
    Row("10 MB body, announced", FetchError, "too-large", script=large_announced, connections=1),
    Row("10 MB body, in chunks", FetchError, "too-large", script=large_chunked, connections=1),
    Row("slow drip of the body", FetchError, "timeout", script=slow_drip, connections=1),
    Row("slow drip of the header", FetchError, "timeout", script=slow_header, connections=1),
    Row("1,000 certificates", FetchError, "too-large", script=thousand_certificates(), connections=1),
    Row("one certificate too many", CertificateFormatError, None, script=seven_certificates(), connections=1),
]  # fmt: skip


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """The table, shown when all rows are through."""
    rows: list[str] = []
    yield rows
    sys.stdout.write("\n".join(["", *rows, ""]))


@pytest.mark.clause("passport-5-public", "passport-5-time", "pki-p8-bounds")
@pytest.mark.parametrize("row", ROWS, ids=[row.case for row in ROWS])
async def test_every_attempt_is_refused(row: Row, tmp_path: Path, table: list[str]) -> None:
    """An x5u never makes us talk to a host that is not public, nor read or wait beyond the bounds."""
    names = Names(row.names)
    async with serve(row.script or endless_body) as server:
        policy = X5uPolicy(frozenset({server.port}), () if row.public_only else LOOPBACK)
        async with HttpsFetcher(policy, tls_ca_file=ca_file(tmp_path), resolver=names, timeout=DEADLINE) as fetcher:
            cache = CertificateCache(fetcher, clock=SystemClock())
            begun = time.perf_counter()
            with pytest.raises(row.expected) as caught:
                await cache.chain(row.url.format(port=server.port))
            took = time.perf_counter() - begun
            sent = await _settled(server)
    table.append(_line(row, caught.value, took, sent))

    assert row.reason in {None, getattr(caught.value, "reason", None)}
    assert row.connections == server.connections
    assert row.expected is not UrlError or not names.asked
    assert sent <= limits.CHAIN_BYTES + BUFFERS
    assert took < DEADLINE + 1


@pytest.mark.clause("passport-5-public")
async def test_a_name_that_changes_between_check_and_connect(tmp_path: Path, table: list[str]) -> None:
    """
    A name is resolved once and connected to where it was checked: a second answer is never asked for.

    The first answer is allowed and nobody listens there; every later one, ours and the machine's own for this
    name, is where an inner service listens.
    """
    row = Row("address: changes between check and connect", FetchError, "connect")
    names = Names([["127.0.0.77"], ["127.0.0.1"]])
    async with (
        serve(always(answer(b"inner")), "localhost") as server,
        HttpsFetcher(server.policy(), tls_ca_file=ca_file(tmp_path), resolver=names, timeout=DEADLINE) as fetcher,
    ):
        begun = time.perf_counter()
        with pytest.raises(FetchError, match="Connection refused") as caught:
            await fetcher.fetch(server.url(host="localhost"), max_bytes=9)
        took = time.perf_counter() - begun
        assert (["localhost"], 0) == (names.asked, server.connections)
    table.append(_line(row, caught.value, took, 0))


async def _settled(server: Server) -> int:
    """Return what *server* got rid of, once it gets rid of no more."""
    before = -1
    while before != server.sent:
        before = server.sent
        await asyncio.sleep(0.05)
    return server.sent


def _line(row: Row, error: StirError, took: float, sent: int) -> str:
    reason = getattr(error, "reason", error.code)
    return f"{row.case:45} {type(error).__name__:24} {reason:22} {took * 1e3:7.1f} ms {sent:9,} B  {error.detail}"
