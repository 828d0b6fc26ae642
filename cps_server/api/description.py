"""GET /openapi.json and GET /docs: the API's own description, for programs and for people."""

from typing import Final

from aiohttp import hdrs, web

from cps_server.api import answers, page
from cps_server.api.openapi import document

routes = web.RouteTableDef()

_DOCUMENT: Final = document()
_PAGE: Final = page.render(_DOCUMENT)


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.StreamResponse:
    """Return the description as JSON."""
    del request
    return answers.success(_DOCUMENT)


@routes.get("/docs")
async def docs(request: web.Request) -> web.StreamResponse:
    """Return the description as a page, which needs nothing from elsewhere and runs no script."""
    del request
    headers = {
        hdrs.CACHE_CONTROL: "no-store",
        "Content-Security-Policy": page.POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(text=_PAGE, content_type="text/html", headers=headers)
