"""The TLS in front of a CPS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from cps_client.lab.front import tls_front
from cps_client.lab.loopback import HOST, free_ports, listener, port_of
from stir.testing import TlsAuthority

TLS = TlsAuthority()


@asynccontextmanager
async def fronted(port: int) -> AsyncIterator[str]:
    """Yield the HTTPS address in front of *port*."""
    sock = listener()
    async with tls_front(sock, TLS.certificate(HOST).server_context(), port):
        yield f"https://{HOST}:{port_of(sock)}"


@asynccontextmanager
async def upstream(handler) -> AsyncIterator[int]:
    """Yield the port of a plain HTTP server."""
    server = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await server.setup()
    sock = listener()
    await web.SockSite(server, sock).start()
    yield port_of(sock)
    await server.cleanup()


def client() -> aiohttp.ClientSession:
    """Return a session that trusts the front's CA."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=TLS.client_context()))


async def test_bytes_pass_both_ways() -> None:
    """A request of a megabyte and its answer pass unharmed; the connection is kept for the next one."""
    peers = set()

    async def echo(request: web.BaseRequest) -> web.Response:
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=await request.read())

    body = bytes(range(256)) * 4096
    async with upstream(echo) as port, fronted(port) as url, client() as session:
        for _ in range(2):
            async with session.post(url, data=body) as answer:
                assert body == await answer.read()

    assert 1 == len(peers)


async def test_the_last_bytes_arrive_when_the_server_closes() -> None:
    """An answer that ends with the connection is whole."""

    async def bye(request: web.BaseRequest) -> web.Response:
        return web.Response(body=bytes(300_000), headers={"Connection": "close"})

    async with upstream(bye) as port, fronted(port) as url, client() as session, session.get(url) as answer:
        assert 300_000 == len(await answer.read())


async def test_a_dead_server_shows_as_a_closed_connection() -> None:
    """While nobody listens behind it, clients are told at once that there is no service."""
    async with fronted(*free_ports(1)) as url, client() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await asyncio.wait_for(session.get(url), 2)


async def test_closing_the_front_ends_what_passes() -> None:
    """A request that hangs does not keep the lab from ending."""
    started = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.Response:
        started.set()
        await asyncio.sleep(60)
        return web.Response()

    async with client() as session, upstream(hang) as port:
        async with fronted(port) as url:
            request = asyncio.create_task(session.get(url))
            await started.wait()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asyncio.wait_for(request, 5)
