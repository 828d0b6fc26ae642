"""Answers in JSON, and problem documents (RFC 9457) for requests that are a mistake, with nothing of our insides."""

from collections.abc import Mapping
from http import HTTPStatus
from json import dumps
from typing import Final

from aiohttp import hdrs, web

from cps_client.gateway.errors import BodySyntaxError, DefectError, RequestError

CONTENT_TYPE: Final = "application/problem+json"


def json(
    body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK, content_type: str = "application/json"
) -> web.Response:
    """Return *body* as JSON; it is about one call at one moment, so nobody may keep it."""
    return web.Response(
        status=status,
        body=dumps(body, separators=(",", ":")).encode(),
        headers={hdrs.CACHE_CONTROL: "no-store"},
        content_type=content_type,
    )


def problem(error: RequestError) -> web.Response:
    """Return the problem document of *error*."""
    body: dict[str, object] = {
        "type": f"urn:oob-shaken:problem:{error.code}",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": error.detail,
    }
    if error.field is not None:
        body["field"] = error.field
    return told(json(body, error.status, CONTENT_TYPE), error)


def problem_of(_: web.Request, error: RequestError) -> web.Response:
    """Return the problem document of *error*, as faces in JSON do."""
    return problem(error)


def told(answer: web.Response, error: RequestError) -> web.Response:
    """Return *answer* with the header fields that *error* needs in every face."""
    if error.allow is not None:
        answer.headers[hdrs.ALLOW] = error.allow
    if error.status == HTTPStatus.UNAUTHORIZED:
        answer.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    if error.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        answer.force_close()  # what is left of the body is not read
    return answer


def malformed(detail: str) -> web.Response:
    """Return the answer to bytes that are no HTTP request."""
    return problem(BodySyntaxError(detail))


def internal() -> web.Response:
    """Return the answer to a defect of ours that got past everything else."""
    return problem(DefectError("the gateway failed; its log says how"))
