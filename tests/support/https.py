"""HTTPS servers on loopback that say what a test tells them to, and count what they could get rid of."""

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

import trustme

from stir.errors import FetchError
from stir.x5u import Address, X5uPolicy

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
HOST = "cr.example"

_SEND_BUFFER = 262_144

Send = Callable[[bytes], Awaitable[None]]
Script = Callable[[bytes, Send], Awaitable[None]]


@functools.cache
def authority() -> trustme.CA:
    """The CA that the tests' servers have their certificates from."""
    return trustme.CA()


def ca_file(folder: Path) -> Path:
    """Write the root of :func:`authority` into *folder*."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return path


@dataclass
class Server:
    """A server under way, and what it saw."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0
    """Bytes of answers that were taken from it, by the client or by the buffers of the kernel."""

    def url(self, path: str = "/cert.pem", host: str = HOST) -> str:
        """Return a URL on this server."""
        return f"https://{host}:{self.port}{path}"

    def policy(self) -> X5uPolicy:
        """Return a policy that allows this server."""
        return X5uPolicy(frozenset({self.port}), LOOPBACK)


@asynccontextmanager
async def serve(script: Script, *names: str, tls: bool = True, deaf: bool = False) -> AsyncIterator[Server]:
    """
    Serve each connection by *script*, which gets the request's header and a way to send.

    A *deaf* server reads nothing after the request, not even that the client is gone.
    """
    seen = Server(port=0)
    jobs: set[asyncio.Task[None]] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of its own: one that asyncio.start_server made logs an error when it is cancelled.
        jobs.add(asyncio.create_task(talk(reader, writer)))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

        async def send(data: bytes) -> None:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0)  # drain alone may not notice for long that the client is gone
            seen.sent += len(data)

        try:
            request = await reader.readuntil(b"\r\n\r\n")
            seen.requests.append(request)
            if deaf:
                writer.transport.pause_reading()
            await script(request, send)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left, which is what many of these tests want
        finally:
            writer.transport.abort()

    listener = _listener(seen)
    context = _context(*names) if tls else None
    server = await asyncio.start_server(on_connection, sock=listener, ssl=context)
    seen.port = listener.getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for job in jobs:
            job.cancel()
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert not [error for error in results if isinstance(error, Exception)]


def _listener(seen: Server) -> socket.socket:
    """Make a listening socket that counts connections, those included that never get through TLS."""

    class Counting(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            accepted = super().accept()
            seen.connections += 1
            return accepted

    listener = Counting(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def _context(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or (HOST, "127.0.0.1"))).configure_cert(context)
    return context


@dataclass
class Names:
    """A resolver that gives, for each time it is asked, the next of its answers; the last one again and again."""

    answers: Sequence[Sequence[str]] = (("127.0.0.1",),)
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    async def resolve(self, host: str) -> Sequence[Address]:
        """Return the answer that is due."""
        self.asked.append(host)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return [ip_address(each) for each in answer]

    async def close(self) -> None:
        """Note it."""
        self.closed = True


class NoNames:
    """A resolver that knows nothing."""

    async def resolve(self, host: str) -> Sequence[Address]:
        """Fail."""
        raise FetchError(f"{host} is unknown here", reason="resolve")

    async def close(self) -> None:
        """Nothing is held."""


def answer(body: bytes = b"", *fields: str, status: str = "200 OK") -> bytes:
    """Return an HTTP response."""
    head = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def always(response: bytes) -> Script:
    """Return a script that sends *response* and then waits for the client to leave."""

    async def script(_: bytes, send: Send) -> None:
        await send(response)
        while True:  # an HTTP client that waits for more would wait for ever
            await asyncio.sleep(0.01)
            await send(b"")

    return script
