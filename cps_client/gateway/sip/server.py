"""The SIP face put on sockets: opened at the start, drained at the end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from cps_client.gateway.calls import Calls
from cps_client.gateway.sip import limits
from cps_client.gateway.sip.access import Access
from cps_client.gateway.sip.counts import Counts
from cps_client.gateway.sip.invite import Invites
from cps_client.gateway.sip.redirect import Redirector
from cps_client.gateway.sip.settings import Listen, SipSettings
from cps_client.gateway.sip.tcp import TcpListener
from cps_client.gateway.sip.udp import UdpListener
from cps_client.routes import Routes
from stir.aio.addresses import Address
from stir.aio.configuration import SettingsError

_SETTING = "CPS_CLIENT_GATEWAY__SIP__LISTEN"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SipServer:
    """The SIP face while it is up."""

    counts: Counts
    addresses: tuple[Address, ...]
    """Where it listens, in the settings' order, with the ports that the system chose."""
    redirector: Redirector

    def drain(self) -> None:
        """Answer pings with 503, so that proxies take another server; calls are still answered."""
        self.redirector.drain()


@asynccontextmanager
async def serve_sip(settings: SipSettings, calls: Calls, routes: Routes) -> AsyncIterator[SipServer]:
    """
    Serve SIP as *settings* say until the end, and then until every call has its answer.

    Args:
        settings: What the operator decided; without a place to listen at nothing is served.
        calls: The call logic, as all faces have it.
        routes: Tell which numbers are those of emergency services.

    Raises:
        SettingsError: It cannot listen there.
    """
    counts = Counts()
    redirector = Redirector(Invites(settings, calls, routes, counts), counts)
    access = Access(settings.allow_networks)
    async with AsyncExitStack() as stack:
        addresses = []
        for listen in settings.listeners:
            opened = _tcp if listen.transport == "tcp" else _udp
            addresses.append(await stack.enter_async_context(opened(listen, settings, access, redirector, counts)))
        if addresses:
            log.info("sip_listening", addresses=[str(address) for address in addresses])
        # Leaving goes backwards: the calls are finished first, the sockets closed then.
        stack.push_async_callback(redirector.close)
        yield SipServer(counts, tuple(addresses), redirector)


@asynccontextmanager
async def _udp(
    listen: Listen, settings: SipSettings, access: Access, redirector: Redirector, counts: Counts
) -> AsyncIterator[Address]:
    del settings
    opened = await _bound(listen, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.UDP_BUFFER_BYTES)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: UdpListener(listen, access, redirector, counts), sock=opened
    )
    try:
        yield Address(*opened.getsockname()[:2])
    finally:
        transport.close()


@asynccontextmanager
async def _tcp(
    listen: Listen, settings: SipSettings, access: Access, redirector: Redirector, counts: Counts
) -> AsyncIterator[Address]:
    opened = await _bound(listen, socket.SOCK_STREAM)
    listener = TcpListener(listen, access, redirector, counts, most=settings.connections)
    server = await asyncio.get_running_loop().create_server(listener, sock=opened)
    try:
        yield Address(*opened.getsockname()[:2])
    finally:
        server.close()
        listener.close()
        await server.wait_closed()


async def _bound(listen: Listen, kind: socket.SocketKind) -> socket.socket:
    """Return a socket at the first address that the listener's host stands for."""
    address, loop = listen.address, asyncio.get_running_loop()
    opened = None
    try:
        family, _, _, _, where = (await loop.getaddrinfo(address.host, address.port, type=kind))[0]
        opened = socket.socket(family, kind)
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(where)
    except OSError as error:
        if opened is not None:
            opened.close()
        raise SettingsError(f"{_SETTING}: cannot listen on {address}: {error.strerror}") from error
    opened.setblocking(False)  # noqa: FBT003 - that is how sockets are asked
    return opened
