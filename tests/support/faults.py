"""CPSs that are broken in one way each, on real sockets and behind TLS; what is broken is all that they do."""

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from ssl import SSLContext

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from cps_client.lab.loopback import ADDRESS, HOST, free_ports
from stir.testing import TlsAuthority
from tests.support.fake_cps import Asked, FakeCps, Reaction, answering, drip, half_body, hang, hang_up, no_http


async def without_end(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Send until the other side has gone, which TLS tells only when the loop turns."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


PROBLEM = {"type": "about:blank", "title": "No", "status": 0, "detail": "no"}
ANSWERS: dict[str, Reaction] = {
    "hangs": hang,
    "hangs up": hang_up,
    "answers 500": answering(500, PROBLEM),
    "answers 503": answering(503, PROBLEM, Retry_After="1"),
    "answers 401": answering(401, PROBLEM),
    "answers 403": answering(403, PROBLEM),
    "answers 429": answering(429, PROBLEM, Retry_After="1"),
    "speaks no HTTP": no_http,
    "answers garbage": answering(200, b"\x00\xff{["),
    "answers HTML": answering(200, b"<html>Welcome to the guest network</html>", Content_Type="text/html"),
    "answers half a body": half_body,
    "answers without end": without_end,
    "drips": drip,
}
"""By what the CPS does with each request."""

_ENOUGH = 1_000
"""More requests than any test makes."""


@asynccontextmanager
async def answering_cps(fault: str, tls: TlsAuthority) -> AsyncIterator[str]:
    """Run a CPS that does to each request what *fault* says; yield its URL."""
    async with _running(ANSWERS[fault], tls.certificate(HOST).server_context()) as url:
        yield url


@asynccontextmanager
async def refusing_cps(_: TlsAuthority) -> AsyncIterator[str]:
    """Yield the URL of a port where nobody listens."""
    yield f"https://{HOST}:{free_ports(1)[0]}"


@asynccontextmanager
async def silent_cps(_: TlsAuthority) -> AsyncIterator[str]:
    """Accept connections, and never say a byte, not even of TLS."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError):
            await reader.read()

    server = await asyncio.start_server(accept, ADDRESS, 0)
    try:
        yield f"https://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


@asynccontextmanager
async def misnamed_cps(tls: TlsAuthority) -> AsyncIterator[str]:
    """Show the certificate of another host."""
    async with _running(hang, tls.certificate("cps.example").server_context()) as url:
        yield url


@asynccontextmanager
async def expired_cps(tls: TlsAuthority) -> AsyncIterator[str]:
    """Show a certificate of a month and more ago."""
    past = copy.copy(tls)
    past._at -= timedelta(days=60)
    async with _running(hang, past.certificate(HOST).server_context()) as url:
        yield url


@asynccontextmanager
async def nameless_cps(_: TlsAuthority) -> AsyncIterator[str]:
    """Yield a URL whose host name nobody knows (RFC 6761, section 6.4)."""
    yield "https://cps.invalid"


@asynccontextmanager
async def _running(reaction: Reaction, context: SSLContext) -> AsyncIterator[str]:
    fake = FakeCps(generate_private_key(SECP256R1()).public_key(), reactions=[reaction] * _ENOUGH)
    async with fake.running(context, host=HOST):
        yield fake.url
