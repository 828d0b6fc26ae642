"""Liveness, readiness and metrics, on the same listener."""

from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from cps_client.gateway import answers, keys
from cps_client.gateway.metrics import CONTENT_TYPE

OPEN: Final = frozenset({"/live", "/ready"})
"""Paths that need no token: they tell nothing of calls."""

routes = web.RouteTableDef()


@routes.get("/live")
async def live(request: web.Request) -> web.Response:
    """Tell that the process runs and its event loop turns."""
    del request
    return answers.json({"live": True})


@routes.get("/ready")
async def ready(request: web.Request) -> web.Response:
    """Tell whether calls should be sent here, and why not."""
    readiness = request.app[keys.readiness]
    status = HTTPStatus.OK if readiness.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answers.json({"ready": readiness.is_ready, "checks": dict(readiness.checks)}, status)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Show every number, as Prometheus reads it."""
    return web.Response(
        body=request.app[keys.metrics].render(),
        headers={hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.CACHE_CONTROL: "no-store"},
    )
