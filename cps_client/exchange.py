"""One request to one CPS and its answer, within a deadline and bounds; what goes wrong is a CpsError."""

import asyncio
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from cps_client import limits
from cps_client.errors import CpsError, CpsRefusedError
from stir import strictjson
from stir.errors import JsonError
from stir.token import Target

_CHUNK: Final = 16_384
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "oob-shaken"}
_REDACTED: Final = re.compile(r"[0-9+][0-9 .()-]{5,}[0-9]|[A-Za-z0-9_.-]{60,}")
"""Telephone numbers and tokens, in what a CPS says."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A CPS as the settings name it."""

    base: str
    audience: str

    @classmethod
    def of(cls, base: str, audience: str | None = None) -> "Endpoint":
        """Return the CPS at the URL *base*; *audience* stands in for the URL's host without port."""
        return cls(base, audience or urlsplit(base).hostname or "")

    @property
    def name(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.base).netloc

    def url(self, target: Target) -> str:
        """Return the URL of *target* there; each part is percent-encoded for itself (RFC 3986)."""
        parts = [target.dest.value, target.orig.value]
        if target.spc is not None:
            parts.insert(0, target.spc)
        return f"{self.base}/passports/{'/'.join(quote(part, safe='') for part in parts)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a CPS answered: 2xx with its body, or 404."""

    status: int
    body: bytes

    @property
    def is_useful(self) -> bool:
        """Whether the CPS did what it was asked for."""
        return self.status != HTTPStatus.NOT_FOUND


class Exchange:
    """
    Requests to CPSs over kept-alive connections; use it as an asynchronous context manager.

    Args:
        tls_ca_file: Roots for the CPSs' certificates, in place of the system's.

    Raises:
        OSError: *tls_ca_file* cannot be read (ssl.SSLError is one).
    """

    def __init__(self, *, tls_ca_file: Path | None = None) -> None:
        self._tls = ssl.create_default_context(cafile=tls_ca_file)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._tls, limit=limits.CONNECTIONS, keepalive_timeout=limits.KEEPALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            middlewares=(_once,),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.close()

    @property
    def _opened(self) -> aiohttp.ClientSession:
        assert self._session is not None, "an Exchange is used inside its context"  # noqa: S101 - programming error
        return self._session

    async def publish(self, url: str, *, token: str, passports: Sequence[str], until: float) -> Answer:
        """
        Publish *passports*; *until* is an instant of the event loop's clock.

        Raises:
            CpsError: They are not published, or it is not known.
        """
        answer = await self._request("POST", url, token, publish_body(passports), until)
        if answer.status != HTTPStatus.CREATED and not _is_object(answer.body):
            raise CpsError("the answer is not a CPS's: neither 201 nor JSON", reason="malformed", status=answer.status)
        return answer

    async def retrieve(self, url: str, *, token: str, until: float) -> Answer:
        """
        Ask for what was published; 404 is an answer too.

        Raises:
            CpsError: It is not known.
        """
        return await self._request("GET", url, token, None, until)

    async def health(self, base: str, *, until: float) -> Answer:
        """
        Ask the CPS at *base* whether it can work.

        Raises:
            CpsError: It cannot, or it is not known.
        """
        return await self._request("GET", f"{base}/health", None, None, until)

    async def _request(
        self, method: Literal["GET", "POST"], url: str, token: str | None, body: bytes | None, until: float
    ) -> Answer:
        try:
            async with asyncio.timeout_at(until):
                status, content = await self._exchange(method, url, token, body)
        except TimeoutError as error:
            raise CpsError("the CPS did not answer in time", reason="timeout") from error
        except aiohttp.ClientError as error:
            raise _explained(error) from error
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Answer(status, content)
        if status == HTTPStatus.NOT_FOUND and method == "GET" and token is not None:
            return Answer(status, b"")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise CpsError("the CPS has too much to do for us", reason="busy", status=status)
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CpsRefusedError(status, _problem(content))
        raise CpsError(f"the CPS answered {status}", reason="status", status=status)

    async def _exchange(
        self, method: Literal["GET", "POST"], url: str, token: str | None, body: bytes | None
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._opened.request(
            method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
        )
        try:
            return answer.status, await _content(answer)
        finally:
            answer.close()  # a body that was not read to its end is cut off; a connection that was is kept


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the library from sending a GET again by itself: the token would be a replayed one."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _explained(error) from error


def publish_body(passports: Sequence[str]) -> bytes:
    """Return the body of a publish."""
    return strictjson.canonical({"passports": list(passports)})


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    """Read the body: all of it where it is the answer, and where it only explains, what comes at once."""
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return await _read(answer, limits.ANSWER_BYTES)
    with suppress(TimeoutError, aiohttp.ClientError, CpsError):  # the status has said what matters
        async with asyncio.timeout(limits.PROBLEM_SECONDS):
            return await _read(answer, limits.PROBLEM_BYTES)
    return b""


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CpsError("the CPS compressed its answer, unasked", reason="malformed", status=answer.status)
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > most:
            raise CpsError(f"the CPS's answer is longer than {most} bytes", reason="malformed", status=answer.status)
    return bytes(body)


def _explained(error: Exception) -> CpsError:
    """Say what went wrong without quoting the CPS: its bytes stand in some of aiohttp's messages."""
    detail, reason = next((row for kind, row in _TROUBLES.items() if isinstance(error, kind)), _BROKEN)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        detail = f"{detail}: {getattr(error.certificate_error, 'verify_message', '')}"
    return CpsError(detail, reason=reason)


_TROUBLES: Final[dict[type[Exception], tuple[str, str]]] = {
    aiohttp.ClientConnectorCertificateError: ("the CPS's TLS certificate is not accepted", "tls"),
    aiohttp.ClientConnectorSSLError: ("no TLS connection could be made with the CPS", "tls"),
    aiohttp.ClientConnectorDNSError: ("the host name of the CPS could not be resolved", "connect"),
    aiohttp.ClientConnectorError: ("no connection could be made with the CPS", "connect"),
    aiohttp.ClientOSError: ("the connection with the CPS broke", "disconnected"),
    aiohttp.ServerDisconnectedError: ("the CPS closed the connection without an answer", "disconnected"),
    aiohttp.ClientResponseError: ("the CPS's answer is not HTTP", "malformed"),
}
_BROKEN: Final = ("the CPS closed the connection before its answer was complete", "broken")


def _is_object(body: bytes) -> bool:
    """Return whether *body* is JSON as CPSs answer, and not what a proxy or portal says in their place."""
    try:
        strictjson.loads(body, max_bytes=limits.ANSWER_BYTES)
    except JsonError:
        return False
    return True


def _problem(body: bytes) -> str | None:
    """Return the explanation in a refusal, in any of the shapes that CPSs use, cleaned for logs."""
    try:
        document = strictjson.loads(body, max_bytes=limits.PROBLEM_BYTES)
    except JsonError:
        return None
    said = next((text for name in ("detail", "message", "error") if isinstance(text := document.get(name), str)), "")
    printable = "".join(character if character.isprintable() else " " for character in said)
    return _REDACTED.sub("…", printable)[: limits.PROBLEM_CHARACTERS].strip() or None
