"""Metrics, readiness and liveness, over HTTP."""

from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from cps_server.admin.node import Node
from cps_server.api import answers
from cps_server.api.middleware import SERVER, problem_documents
from cps_server.metrics import CONTENT_TYPE, render
from cps_server.version import VERSION

NODE: Final = web.AppKey("node", Node)

routes = web.RouteTableDef()


def build_admin(node: Node) -> web.Application:
    """Return the application of the admin listener for *node*."""
    app = web.Application(middlewares=[problem_documents()])
    app[NODE] = node
    app.on_response_prepare.append(_unnamed)
    app.add_routes(routes)
    return app


async def _unnamed(request: web.Request, response: web.StreamResponse) -> None:
    """Do not tell which versions of what this is made of; the metrics do that where it is wanted."""
    del request
    response.headers[hdrs.SERVER] = SERVER


@routes.get("/live")
async def live(request: web.Request) -> web.StreamResponse:
    """Tell that the process runs and its event loop turns; a reason to restart it is only that no answer comes."""
    del request
    return answers.success({"live": True, "version": VERSION})


@routes.get("/ready")
async def ready(request: web.Request) -> web.StreamResponse:
    """Tell whether new requests should be sent here, and why not."""
    readiness = await request.app[NODE].readiness()
    status = HTTPStatus.OK if readiness.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answers.success(readiness.as_dict(), status=status)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.StreamResponse:
    """Show every number, as Prometheus reads it."""
    text = render(await request.app[NODE].families())
    return web.Response(
        body=text, headers={hdrs.CONTENT_TYPE: f"{CONTENT_TYPE}; charset=utf-8", hdrs.CACHE_CONTROL: "no-store"}
    )
