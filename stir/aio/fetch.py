"""
Fetching what a stranger's PASSporT tells us to fetch, without being used against anybody.

A fetch is one GET on one connection: the URL is judged as text, its name is resolved once, every address is
judged, and the connection goes to those very addresses. Nothing is followed, decoded, remembered or reused;
a certificate is fetched about once a day, so a pool of connections would only be something more to attack.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, Self

import aiohttp
from yarl import URL

from stir import limits
from stir.aio.connection import connect
from stir.aio.lookup import Resolver, SystemResolver
from stir.errors import FetchError
from stir.x5u import Address, X5uPolicy

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_AGENT: Final = "oob-shaken"
_CONDITIONS: Final = frozenset({"if-none-match", "if-modified-since"})


class Headers(Mapping[str, str]):
    """Header fields by name without regard to case; several of one name are one list (RFC 9110, section 5.3)."""

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._fields: dict[str, str] = {}
        for name, value in fields:
            key = name.lower()
            self._fields[key] = f"{self._fields[key]}, {value}" if key in self._fields else value

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True)
class Response:
    """What a server answered: 200 with a whole body, or 304 to a conditional request."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", Headers(self.headers.items()))


class Fetcher(Protocol):
    """Reads URLs within bounds."""

    async def fetch(self, url: str, *, max_bytes: int, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
        """
        Return the whole answer to a GET of *url*.

        Args:
            url: As it stands in a PASSporT, or in the settings.
            max_bytes: Longest body accepted.
            headers: More request header fields; with If-None-Match or If-Modified-Since, 304 is an answer.

        Raises:
            UrlError: The URL is never fetched; nothing was sent.
            FetchError: It could not be read; ``reason`` says what stood in the way.
        """
        ...


class HttpsFetcher:
    """
    A fetcher for URLs of strangers; use it as an asynchronous context manager.

    Args:
        policy: Which URLs and addresses are fetched from.
        tls_ca_file: Roots for the servers' certificates, in place of the system's.
        resolver: In place of the machine's.
        timeout: Seconds for one fetch, waiting for a place, name resolution and the last byte included.
        places: Most fetches at once.
        places_per_host: Most fetches at once from one host.

    Raises:
        OSError: *tls_ca_file* cannot be read (ssl.SSLError is one).
    """

    def __init__(
        self,
        policy: X5uPolicy,
        *,
        tls_ca_file: Path | None = None,
        resolver: Resolver | None = None,
        timeout: float = limits.FETCH_SECONDS,
        places: int = limits.FETCHES,
        places_per_host: int = limits.FETCHES_PER_HOST,
    ) -> None:
        self._policy = policy
        self._tls_ca_file = tls_ca_file
        self._tls = _context(tls_ca_file)
        self._resolver = resolver if resolver is not None else SystemResolver()
        self._timeout = timeout
        self._places = _Places(places, places_per_host)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resolver.close()

    def reload(self) -> None:
        """
        Read the roots for the servers' certificates again.

        Raises:
            OSError: The file cannot be read (ssl.SSLError is one); those read before stay.
        """
        self._tls = _context(self._tls_ca_file)

    async def fetch(self, url: str, *, max_bytes: int, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
        """Return the whole answer to a GET of *url*; see :class:`Fetcher`."""
        host = self._policy.check(url).hostname or ""
        late = FetchError(f"too many other fetches were under way for {self._timeout:g} s", reason="busy")
        try:
            async with asyncio.timeout(self._timeout), self._places.take(host):
                late = FetchError(f"the server took longer than {self._timeout:g} s", reason="timeout")
                return await self._get(url, await self._addresses(host), max_bytes, headers)
        except TimeoutError as error:
            raise late from error

    async def _addresses(self, host: str) -> Sequence[Address]:
        """Resolve *host*; one forbidden address among many refuses them all, or rebinding would be a lottery."""
        try:
            addresses: Sequence[Address] = [ip_address(host)]
        except ValueError:
            addresses = await self._resolver.resolve(host)
        if not addresses:
            raise FetchError("the host name of the URL has no address", reason="resolve")
        if not all(map(self._policy.permits, addresses)):
            raise FetchError("the host of the URL has an address that is not public", reason="refused-address")
        return addresses[: limits.FETCH_ADDRESSES]

    async def _get(
        self, url: str, addresses: Sequence[Address], max_bytes: int, headers: Mapping[str, str]
    ) -> Response:
        wanted = {"Accept-Encoding": "identity", "User-Agent": _AGENT, **headers}
        conditional = not _CONDITIONS.isdisjoint(name.lower() for name in headers)
        async with connect(self._tls, addresses) as session:
            try:
                answer = await session.get(URL(url, encoded=True), headers=wanted, allow_redirects=False)
                with closing(answer):
                    _require_plain(answer, conditional=conditional)
                    body = await _read(answer, max_bytes)
            except aiohttp.ClientError as error:
                raise _explained(error) from None
        return Response(answer.status, Headers(answer.headers.items()), body)


class _Places:
    """How many fetches are under way, in total and from each host; a host is forgotten with its last fetch."""

    def __init__(self, total: int, per_host: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._hosts: dict[str, tuple[asyncio.Semaphore, set[object]]] = {}

    @asynccontextmanager
    async def take(self, host: str) -> AsyncIterator[None]:
        """Wait for a place; first the host's, so that a slow host's queue holds no place of the others."""
        gate, users = self._hosts.setdefault(host, (asyncio.Semaphore(self._per_host), set()))
        me = object()
        users.add(me)
        try:
            async with gate, self._total:
                yield
        finally:
            users.discard(me)
            if not users:
                del self._hosts[host]


def _require_plain(answer: aiohttp.ClientResponse, *, conditional: bool) -> None:
    """Refuse an answer for its status line and header fields, before its body is read."""
    if answer.status == HTTPStatus.NOT_MODIFIED and conditional:
        return
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        raise FetchError(f"the server redirects ({answer.status}), which is not followed", reason="redirect")
    if answer.status != HTTPStatus.OK:
        raise FetchError(f"the server answered {answer.status}", reason="status")
    codings = {*answer.headers.getall("Content-Encoding", ()), *answer.headers.getall("Transfer-Encoding", ())}
    if not {coding.strip().lower() for coding in codings} <= {"identity", "chunked"}:
        raise FetchError("the server compressed its answer, unasked", reason="encoding")


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    too_large = FetchError(f"the answer is longer than {max_bytes} bytes", reason="too-large")
    if answer.status == HTTPStatus.OK and (answer.content_length or 0) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in answer.content.iter_chunked(limits.FETCH_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _explained(error: aiohttp.ClientError) -> FetchError:
    """Say what went wrong without quoting the server: its bytes stand in some of aiohttp's messages."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "")
            return FetchError(f"the server's TLS certificate is not accepted: {reason}", reason="tls")
        case aiohttp.ClientConnectorSSLError():
            return FetchError("no TLS connection could be made with the server", reason="tls")
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            cause = os.strerror(number) if number else "every address failed in its own way"
            return FetchError(f"no connection to the server: {cause}", reason="connect")
        case aiohttp.ClientResponseError():
            return FetchError("the server's answer is not HTTP, or its header is too long", reason="protocol")
        case _:
            return FetchError("the server closed the connection before its answer was complete", reason="broken")


def _context(tls_ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
