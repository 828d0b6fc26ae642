"""One HTTP connection to addresses that were checked, and to nothing else."""

import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from stir import limits
from stir.x5u import Address

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}

AddrInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, so that nothing is resolved a second time."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked addresses, whatever *host* is."""
        results = [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=_FAMILIES[address.version],
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]
        return [result for result in results if family in {socket.AF_UNSPEC, result["family"]}]

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def connect(tls: ssl.SSLContext, addresses: Sequence[Address]) -> AsyncIterator[aiohttp.ClientSession]:
    """
    A session for one request to *addresses* and nowhere else.

    At the end its sockets are cut. Closing is not enough: it waits half a minute for the peer's TLS goodbye,
    and whoever withholds that could make us hold any number of connections.
    """
    sockets: list[socket.socket] = []

    def open_socket(info: AddrInfo) -> socket.socket:
        # The last word before connect(2): also for literal addresses, which pass no resolver.
        if ip_address(info[4][0]) not in addresses:
            raise PermissionError(errno.EACCES, "the address was not checked")
        sockets.append(socket.socket(*info[:3]))
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.FETCH_SOCKET_BYTES)
        return sockets[-1]

    connector = aiohttp.TCPConnector(
        resolver=_Pinned(addresses), use_dns_cache=False, ssl=tls, force_close=True, socket_factory=open_socket
    )
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(_session(connector))
        stack.callback(_cut, sockets)
        yield session


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        read_bufsize=limits.FETCH_CHUNK_BYTES,
        max_line_size=limits.FETCH_HEADER_BYTES,
        max_field_size=limits.FETCH_HEADER_BYTES,
        max_headers=limits.FETCH_HEADERS,
    )


def _cut(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        with suppress(OSError):  # never connected, or closed already: nothing to cut
            each.shutdown(socket.SHUT_RDWR)
