"""What surrounds every request: its id, its line in the log, its deadline, and problem documents for errors."""

import asyncio
from time import perf_counter
from typing import Final
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from cps_server import keys, limits
from cps_server.api import answers
from stir.errors import StirError, UnavailableError

SERVER: Final = "oob-shaken"
"""What the Server header field says: not which versions of what to attack."""

log = structlog.get_logger()


@web.middleware
async def request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, which its answer and its log lines carry, and write its line in the log."""
    identifier = request[keys.request_id] = uuid4().hex
    started = perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=identifier):
        response = await handler(request)
        response.headers["X-Request-ID"] = identifier
        response.headers[hdrs.SERVER] = SERVER
        if request.app[keys.health].draining:
            response.force_close()  # the client's next connection goes to another process
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else None
        seconds = perf_counter() - started
        _count(request, response, route, seconds)
        log.info(
            "request_completed",
            method=request.method,
            route=route,
            status=response.status,
            milliseconds=round(seconds * 1000, 3),
        )
    return response


def _count(request: web.Request, response: web.StreamResponse, route: str | None, seconds: float) -> None:
    problem = response.get(answers.PROBLEM)
    refusal = problem if problem != answers.NOTHING_STORED else None
    request.app[keys.metrics].answered(route or "none", request.method, response.status, seconds, refusal)


@web.middleware
async def problem_documents(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors with problem documents, and never later than the request's deadline."""
    try:
        async with asyncio.timeout(limits.REQUEST_SECONDS):
            return await handler(request)
    except web.HTTPException as error:
        return answers.of_http(error)
    except TimeoutError:
        log.warning("request_timed_out")
        return answers.unavailable()
    except StirError as error:
        level = log.error if isinstance(error, UnavailableError) else log.info
        level("request_refused", error=error.code, detail=error.detail)
        return answers.of_error(error)
    except Exception:
        log.exception("request_failed")
        return answers.internal()
