"""HTTP connections that answer even broken requests in the application's manner, and wait for none for ever."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Manner:
    """What an application bears from its clients, and how it answers what never becomes a request."""

    malformed: Callable[[str], web.Response]
    """Makes the answer to bytes that are no HTTP request, from a sentence for people."""
    internal: Callable[[], web.Response]
    """Makes the answer to a defect that got past every middleware."""
    header_line_bytes: int
    """Longest request line or header field."""
    header_seconds: Callable[[], float]
    """How long a new connection may take until its first request has arrived whole."""
    lingering_seconds: float
    """How long the rest of a body that nobody wants is read."""
    keepalive_seconds: float
    """How long an idle connection is kept."""
    drain_seconds: float
    """How long requests in flight may take to finish at the end."""


class Connection(RequestHandler):
    """
    One connection of a client.

    aiohttp answers what is no HTTP request in plain text and writes the
    offending bytes, which may hold a token, into its log; and it lets a new
    connection take all day over its first request. Both are otherwise here.
    """

    def __init__(self, manner: Manner, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._manner = manner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._first_request = self._loop.call_later(self._manner.header_seconds(), self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop that clock."""
        self._first_request.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer bytes that are no HTTP request, or a defect that got past every middleware."""
        del message  # aiohttp's words, which quote the bytes
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("connection_failed", error=type(exc).__name__)
            response = self._manner.internal()
        else:
            log.info("request_malformed", error=type(exc).__name__)
            response = self._manner.malformed("The bytes are no HTTP request of acceptable size.")
        response.force_close()
        return response

    def _give_up(self) -> None:
        if self._request_count == 0:
            self.force_close()


class Server(web.Server):
    """Makes a :class:`Connection` for every client."""

    def __init__(self, manner: Manner, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._manner = manner

    def __call__(self) -> RequestHandler:
        """Return the handler of a new connection."""
        return Connection(self._manner, self, loop=self._loop, **self._kwargs)


class ManneredRunner(web.AppRunner):
    """Runs an application on :class:`Connection`."""

    def __init__(self, app: web.Application, manner: Manner, **options: Any) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,  # nobody sends compressed bodies, but for harm
            lingering_time=manner.lingering_seconds,
            keepalive_timeout=manner.keepalive_seconds,
            max_line_size=manner.header_line_bytes,
            max_field_size=manner.header_line_bytes,
            shutdown_timeout=manner.drain_seconds,
            **options,
        )
        self._manner = manner

    def open_connections(self) -> int:
        """Return how many clients are connected."""
        return len(self.server.connections) if self.server is not None else 0

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return Server(
            self._manner,
            server.request_handler,
            request_factory=server.request_factory,
            **server._kwargs,  # noqa: SLF001 - aiohttp has no other place to name the protocol class
        )
