"""GET /certs/{name}: the operator's certificate chains, as verifiers want them (RFC 8555, section 9.1)."""

from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from cps_server import keys

CACHE_CONTROL: Final = "public, max-age=604800, immutable"
"""A week: what stands under a name never changes, and verifiers keep it for a day at least."""

routes = web.RouteTableDef()


@routes.get("/certs/{name}")
async def chain(request: web.Request) -> web.StreamResponse:
    """Serve a certificate chain."""
    document = request.app[keys.repository].get(request.match_info["name"])
    if document is None:
        raise web.HTTPNotFound
    headers = {hdrs.CACHE_CONTROL: CACHE_CONTROL, hdrs.ETAG: document.etag}
    if document.etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=document.body, content_type="application/pem-certificate-chain", headers=headers)
