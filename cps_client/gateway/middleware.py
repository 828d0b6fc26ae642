"""What surrounds every request: its id, its line in the log, who may ask, and errors in the manner of its face."""

from time import perf_counter
from typing import Final
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from cps_client.errors import UsageError
from cps_client.gateway import keys, limits
from cps_client.gateway.errors import (
    DefectError,
    FieldError,
    MethodError,
    NothingHereError,
    RequestError,
)
from cps_client.gateway.guard import Guard
from cps_client.gateway.operations import OPEN
from stir.errors import AttestationError

REQUEST_ID: Final = "X-RequestID"
"""Header field of ATIS-1000082 by which a request is found again."""
SERVER: Final = "oob-shaken"
"""What the Server header field says: not which versions of what to attack."""

_MISTAKES: Final = (RequestError, UsageError, AttestationError, web.HTTPMethodNotAllowed, web.HTTPNotFound)

log = structlog.get_logger()


def served(guard: Guard) -> Middleware:
    """Return what surrounds every request; *guard* says who may ask."""

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        identifier = _request_id(request)
        began = perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=identifier):
            response = await _answer(request, handler, guard)
            response.headers[REQUEST_ID] = identifier
            response.headers[hdrs.SERVER] = SERVER
            if request.app[keys.readiness].draining:
                response.force_close()
            resource = request.match_info.route.resource
            log.info(
                "request_completed",
                method=request.method,
                route=resource.canonical if resource is not None else None,
                status=response.status,
                milliseconds=round((perf_counter() - began) * 1000, 3),
            )
        return response

    return surround


async def _answer(request: web.Request, handler: Handler, guard: Guard) -> web.StreamResponse:
    """Return the handler's answer, or the refusal; the one place where errors become answers."""
    try:
        if request.path not in OPEN:
            guard.check(request)
        return await handler(request)
    except _MISTAKES as error:
        return _refused(request, _told(error))
    except Exception:
        log.exception("request_failed")
        return _refused(request, DefectError("the gateway failed; its log says how"))


def _refused(request: web.Request, error: RequestError) -> web.StreamResponse:
    face = request.app[keys.faces].at(request.path)
    request.app[keys.metrics].refused(face.name, error.code)
    log.warning("request_refused", face=face.name, error=error.code, field=error.field)
    return face.refuse(request, error)


def _told(error: Exception) -> RequestError:
    """Return a mistake, of whoever found it, as one that faces can tell."""
    match error:
        case RequestError():
            return error
        case UsageError():
            return RequestError(error.detail, field=error.field)
        case AttestationError():
            return FieldError("attest", "has to be one of A, B, C")
        case web.HTTPMethodNotAllowed():
            return MethodError("there are other methods here; see Allow", allow=error.headers[hdrs.ALLOW])
        case _:
            return NothingHereError("nothing is here")


def _request_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID, "")
    is_fit = 0 < len(given) <= limits.REQUEST_ID_CHARACTERS and given.isascii() and given.isprintable()
    return given if is_fit else str(uuid4())
