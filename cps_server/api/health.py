"""GET /health: 200 while a publish and a retrieve could be served (ATIS-1000096)."""

from http import HTTPStatus

from aiohttp import web

from cps_server import keys
from cps_server.api import answers

routes = web.RouteTableDef()


@routes.get("/health")
async def health(request: web.Request) -> web.StreamResponse:
    """Tell whether this CPS works, by trying."""
    if not await request.app[keys.health].check():
        return answers.unavailable()
    return answers.success({"status": HTTPStatus.OK.value, "message": HTTPStatus.OK.phrase})
