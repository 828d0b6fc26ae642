"""What surrounds every request: its id, its line in the log, its deadline, and problem documents for errors."""

from http import HTTPStatus
from secrets import token_hex
from time import perf_counter
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from cps_server import keys
from cps_server.api import answers
from cps_server.api.deadline import Deadline
from stir.errors import StirError, UnavailableError

SERVER: Final = "oob-shaken"
"""What the Server header field says: not which versions of what to attack."""

_ID_BYTES: Final = 16

log = structlog.get_logger()


def surroundings(door: Middleware) -> Middleware:
    """Return the middleware that gives a request its id, lets it in through the *door* and writes its line."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        identifier = request[keys.request_id] = token_hex(_ID_BYTES)
        started = perf_counter()
        # Each request is a task of its own, so that nobody else gets to see this.
        structlog.contextvars.bind_contextvars(request_id=identifier)
        response = await door(request, handler)
        response.headers["X-Request-ID"] = identifier
        response.headers[hdrs.SERVER] = SERVER
        if request.app[keys.health].draining:
            response.force_close()  # the client's next connection goes to another process
        _record(request, response, perf_counter() - started)
        return response

    return around


def _record(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    """Count the answer, and write the one line that a request has in the log."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else None
    error, done, problem, write = None, request.get(keys.done, {}), None, log.info
    if response.status >= HTTPStatus.BAD_REQUEST:
        error, problem = response.get(answers.ERROR), response.get(answers.PROBLEM)
    if error is not None:
        done = {"error": error.code, "detail": error.detail}
        write = log.error if isinstance(error, UnavailableError) else log.info
    refusal = problem if problem != answers.NOTHING_STORED else None
    request.app[keys.metrics].answered(route or "none", request.method, response.status, seconds, refusal)
    write(
        "request_completed",
        method=request.method,
        route=route,
        status=response.status,
        milliseconds=round(seconds * 1000, 3),
        **done,
    )


def problem_documents() -> Middleware:
    """Return the middleware that answers errors with problem documents, and never later than a request's deadline."""
    deadline = Deadline()

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            with deadline:
                return await handler(request)
        except web.HTTPException as error:
            return answers.of_http(error)
        except TimeoutError:
            log.warning("request_timed_out")
            return answers.unavailable()
        except StirError as error:
            return answers.of_error(error)
        except Exception:
            log.exception("request_failed")
            return answers.internal()

    return answered
