"""The world's URLs on a real HTTPS server: certificate repository and policy administrator in one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from socket import socket
from ssl import SSLContext
from typing import Final

from aiohttp import web

from stir.testing.repository import Resource

_SHUTDOWN_SECONDS: Final = 0.5


@asynccontextmanager
async def served(
    resources: Mapping[str, Resource], base: str, listener: socket, tls: SSLContext
) -> AsyncIterator[None]:
    """
    Serve those of *resources* whose URL begins with *base*; what is added or changed meanwhile counts at once.

    Args:
        resources: By URL, as :class:`stir.testing.Repository` holds them.
        base: The scheme, host and port by which *listener* is reached.
        listener: Where connections come in; closed at the end.
        tls: The server's certificate.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        resource = resources.get(f"{base}{request.raw_path}", Resource(b"", status=HTTPStatus.NOT_FOUND))
        if resource.gate is not None:
            await resource.gate.wait()
        await asyncio.sleep(resource.delay)
        if resource.down and request.transport is not None:
            request.transport.abort()
        return _response(request, resource)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, ssl_context=tls).start()
        yield
    finally:
        await runner.cleanup()


def _response(request: web.Request, resource: Resource) -> web.Response:
    if resource.status != HTTPStatus.OK:
        return web.Response(status=resource.status)
    if "ETag" in resource.headers and request.headers.get("If-None-Match") == resource.headers["ETag"]:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=resource.headers)
    return web.Response(body=resource.content, headers=resource.headers)
