"""Every URL of the test world, served from memory."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from stir import limits
from stir.aio.fetch import Fetcher, Response
from stir.errors import FetchError
from stir.x5u import X5uPolicy

CHAIN_TYPE: Final = "application/pem-certificate-chain"
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Resource:
    """What one URL serves, and how badly."""

    body: bytes | Callable[[], bytes]
    """Bytes, or a function that makes them anew for each fetch."""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = HTTPStatus.OK
    delay: float = 0.0
    """Seconds until the answer; longer than ``limits.FETCH_SECONDS`` fails at once, as a time-out would."""
    down: bool = False
    """Nobody answers."""
    gate: asyncio.Event | None = None
    """The answer waits for this event."""

    @property
    def content(self) -> bytes:
        """The body of one answer."""
        return self.body if isinstance(self.body, bytes) else self.body()


class Repository(Fetcher):
    """A fetcher without sockets: it holds every URL of a world, counts fetches, and fails on demand."""

    def __init__(self, *, policy: X5uPolicy | None = None) -> None:
        self.resources: dict[str, Resource] = {}
        self.fetches: Counter[str] = Counter()
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.policy = policy or X5uPolicy()

    async def fetch(self, url: str, *, max_bytes: int, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
        """
        Return what *url* serves; 304 where If-None-Match has the ETag that is served.

        Raises:
            UrlError: The policy does not allow the URL.
            FetchError: The URL is down, too slow, answers an error, or its body is longer than *max_bytes*.
        """
        self.policy.check(url)
        self.fetches[url] += 1
        self.requests.append((url, dict(headers)))
        resource = self.resources.get(url, Resource(b"", status=HTTPStatus.NOT_FOUND))
        await self._wait(resource)
        if resource.status != HTTPStatus.OK:
            raise FetchError(f"the server answered {int(resource.status)}", reason="status")
        if "ETag" in resource.headers and headers.get("If-None-Match") == resource.headers["ETag"]:
            return Response(int(HTTPStatus.NOT_MODIFIED), resource.headers, b"")
        body = resource.content
        if len(body) > max_bytes:
            raise FetchError(f"the answer is longer than {max_bytes} bytes", reason="too-large")
        return Response(int(resource.status), resource.headers, body)

    @staticmethod
    async def _wait(resource: Resource) -> None:
        if resource.gate is not None:
            await resource.gate.wait()
        if resource.down:
            raise FetchError("no connection to the server", reason="connect")
        if resource.delay > limits.FETCH_SECONDS:
            raise FetchError(f"the server took longer than {limits.FETCH_SECONDS:g} s", reason="timeout")
        await asyncio.sleep(resource.delay)

    def serve(self, url: str, body: bytes | Callable[[], bytes], **headers: str) -> None:
        """Serve *body* at *url*; header names are written with ``_`` for ``-``."""
        self.resources[url] = Resource(body, {name.replace("_", "-"): value for name, value in headers.items()})

    def serve_chain(self, url: str, pem: bytes) -> None:
        """Serve a certificate chain at *url*, as a well-kept repository does."""
        self.serve(url, pem, Content_Type=CHAIN_TYPE, Cache_Control="public, max-age=86400")

    def down(self, url: str) -> None:
        """Let nobody answer at *url*."""
        self._change(url, down=True)

    def up(self, url: str) -> None:
        """Undo :meth:`down`, :meth:`fail`, :meth:`slow` and :meth:`hold`."""
        self._change(url, down=False, status=int(HTTPStatus.OK), delay=0.0, gate=None)

    def fail(self, url: str, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        """Answer *status* at *url*."""
        self._change(url, status=int(status))

    def slow(self, url: str, seconds: float) -> None:
        """Answer at *url* only after *seconds*."""
        self._change(url, delay=seconds)

    def hold(self, url: str) -> asyncio.Event:
        """Answer at *url* only once the returned event is set."""
        gate = asyncio.Event()
        self._change(url, gate=gate)
        return gate

    def replace(self, url: str, body: bytes | Callable[[], bytes]) -> None:
        """Serve another body at *url*, with the headers that it had."""
        self._change(url, body=body)

    def headers(self, url: str, headers: Mapping[str, str]) -> None:
        """Serve other headers at *url*."""
        self._change(url, headers=headers)

    def _change(self, url: str, **changes: object) -> None:
        self.resources[url] = replace(self.resources.get(url, Resource(b"")), **changes)  # type: ignore[arg-type]  # knobs are checked by replace
