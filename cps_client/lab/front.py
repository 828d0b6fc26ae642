"""The TLS that stands in front of a CPS, as nginx does in production."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import socket
from ssl import SSLContext
from typing import Final

from cps_client.lab.loopback import ADDRESS

_CHUNK: Final = 65_536
_CLOSE_SECONDS: Final = 0.5


@asynccontextmanager
async def tls_front(listener: socket, tls: SSLContext, port: int) -> AsyncIterator[None]:
    """
    Pass what comes in on *listener* to *port* of this machine, without the TLS.

    While nobody listens on that port, connections are closed at once, as if the whole machine had restarted.
    """
    passing: set[asyncio.Task[None]] = set()

    def accept(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(_pass(reader, writer, port))
        passing.add(task)
        task.add_done_callback(passing.discard)

    server = await asyncio.start_server(accept, sock=listener, ssl=tls)
    try:
        yield
    finally:
        server.close()
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def _pass(reader: StreamReader, writer: StreamWriter, port: int) -> None:
    async with _closing(writer):
        with suppress(OSError):  # nobody there, or one side went away, which the other one is told by closing it
            upstream_reader, upstream = await asyncio.open_connection(ADDRESS, port)
            async with _closing(upstream):
                await _either(
                    asyncio.create_task(_copy(reader, upstream)),
                    asyncio.create_task(_copy(upstream_reader, writer)),
                )


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def _either(*tasks: asyncio.Task[None]) -> None:
    """Wait until one of *tasks* ends, and end the others."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _closing(writer: StreamWriter) -> AsyncIterator[None]:
    """Send what is left and close; a peer that does not answer the goodbye is cut off."""
    try:
        yield
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await writer.wait_closed()
        writer.transport.abort()
