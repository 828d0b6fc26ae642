"""
All answers: JSON for what went well, and problem documents (RFC 9457) for the rest, one constructor each.

Nothing of our insides is in any of them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import hdrs, web

from cps_server import limits
from cps_server.ratelimit import TooManyRequestsError
from stir.errors import (
    ForbiddenError,
    MalformedError,
    StirError,
    UnauthenticatedError,
    UnavailableError,
)

CONTENT_TYPE: Final = "application/problem+json"

PROBLEM: Final = web.ResponseKey("problem", str)
"""Which problem an answer tells of, for metrics."""

ERROR: Final = web.ResponseKey("error", StirError)
"""Which error an answer tells of, for the log."""

NOTHING_STORED: Final = "nothing-stored"
"""The one problem that is nobody's: a retrieve found nothing."""

_SUCCESS: Final = {hdrs.CACHE_CONTROL: "no-store", hdrs.CONTENT_TYPE: "application/json"}

_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "Nothing is here.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This resource has other methods; see Allow.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body may have at most {limits.REQUEST_BYTES} bytes.",
    HTTPStatus.EXPECTATION_FAILED: "This expectation cannot be met.",
}


def success(body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return *body* as JSON; what it says is about one call at one moment, so nobody may keep it."""
    return web.Response(status=status, body=_json(body), headers=_SUCCESS)


def problem(status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """
    Return a problem document.

    Args:
        status: The response's.
        kind: Last part of the type URN; stable, for programs.
        detail: For people: what is wrong and what to do.
        headers: Further header fields.
    """
    body = {
        "type": f"urn:oob-shaken:problem:{kind}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "message": status.phrase,
    }
    answer = web.Response(
        status=status,
        body=_json(body),
        headers={hdrs.CACHE_CONTROL: "no-store", **(headers or {})},
        content_type=CONTENT_TYPE,
    )
    answer[PROBLEM] = kind
    return answer


def of_error(error: StirError) -> web.Response:
    """Return the problem document of *error*; the one place where errors become statuses."""
    answer = _of_error(error)
    answer[ERROR] = error
    return answer


def _of_error(error: StirError) -> web.Response:
    match error:
        case UnauthenticatedError():
            return problem(HTTPStatus.UNAUTHORIZED, error.code, error.detail, {"WWW-Authenticate": "Bearer"})
        case TooManyRequestsError():
            return too_many_requests(error)
        case ForbiddenError():
            return problem(HTTPStatus.FORBIDDEN, error.code, error.detail)
        case MalformedError():
            return problem(HTTPStatus.BAD_REQUEST, error.code, error.detail)
        case UnavailableError():
            return unavailable()
        case _:
            return internal()


def of_http(error: web.HTTPException) -> web.Response:
    """Return the problem document of what the router or the body reader refused, with its header fields."""
    status = HTTPStatus(error.status)
    kept = {name: value for name, value in error.headers.items() if name not in {"Content-Type", "Content-Length"}}
    return problem(status, status.name.lower().replace("_", "-"), _DETAILS.get(status, status.description), kept)


def too_many_requests(error: TooManyRequestsError) -> web.Response:
    """Return the document for those who have to wait."""
    return problem(HTTPStatus.TOO_MANY_REQUESTS, error.code, error.detail, {hdrs.RETRY_AFTER: str(error.retry_after)})


def malformed(detail: str) -> web.Response:
    """Return the document for bytes that are not an HTTP request; the connection ends with it."""
    return problem(HTTPStatus.BAD_REQUEST, "malformed-request", detail)


def nothing_stored() -> web.Response:
    """Return the document for a retrieve that found nothing; the same whatever the reason."""
    return problem(HTTPStatus.NOT_FOUND, NOTHING_STORED, "No PASSporT lives under this key now.")


def unsupported_media(detail: str) -> web.Response:
    """Return the document for a body of the wrong type."""
    return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)


def timed_out() -> web.Response:
    """Return the document for a request that took too long to arrive; the connection ends with it."""
    answer = problem(HTTPStatus.REQUEST_TIMEOUT, "request-timeout", "The body did not arrive in time.")
    answer.force_close()
    return answer


def unavailable() -> web.Response:
    """Return the document for what we cannot do at the moment."""
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "This CPS cannot serve the request now; try again, or another CPS.",
        {"Retry-After": str(limits.RETRY_AFTER_SECONDS)},
    )


def internal() -> web.Response:
    """Return the document for a defect of ours; the log has it under the same request id."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "This CPS failed; its log has the request id.")


def _json(body: Mapping[str, object]) -> bytes:
    return orjson.dumps(body)
