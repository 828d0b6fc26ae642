"""HTTP connections that answer even broken requests with problem documents, and wait for none for ever."""

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cps_server import limits
from cps_server.api import answers

log = structlog.get_logger()


class Connection(RequestHandler):
    """
    One connection of a client.

    aiohttp answers what is no HTTP request in plain text and writes the
    offending bytes, which may hold a token, into its log; and it lets a new
    connection take all day over its first request. Both are otherwise here.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._first_request = self._loop.call_later(limits.HEADER_SECONDS, self._give_up)

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
            response = answers.internal()
        else:
            log.info("request_malformed", error=type(exc).__name__)
            response = answers.malformed("The bytes are no HTTP request of acceptable size.")
        response.force_close()
        return response

    def _give_up(self) -> None:
        if self._request_count == 0:
            self.force_close()


class Server(web.Server):
    """Makes a :class:`Connection` for every client."""

    def __call__(self) -> RequestHandler:
        """Return the handler of a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on :class:`Connection`."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(
            app,
            access_log=None,
            lingering_time=limits.LINGERING_SECONDS,
            keepalive_timeout=limits.KEEPALIVE_SECONDS,
            max_line_size=limits.HEADER_LINE_BYTES,
            max_field_size=limits.HEADER_LINE_BYTES,
            shutdown_timeout=limits.DRAIN_SECONDS,
            **options,
        )

    def open_connections(self) -> int:
        """Return how many clients are connected."""
        return len(self.server.connections) if self.server is not None else 0

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return Server(server.request_handler, request_factory=server.request_factory, **server._kwargs)  # noqa: SLF001 - aiohttp has no other place to name the protocol class
