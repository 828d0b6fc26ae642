"""The description of the API (OpenAPI 3.1), made from the wire's models and one table of operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cps_server.api.answers import CONTENT_TYPE
from cps_server.models import Done, Found, Problem, PublishRequest
from cps_server.version import VERSION
from stir import limits

JSON: Final = "application/json"

_SCHEMA: Final = "#/components/schemas/{model}"
_NUMBER: Final = (
    "A canonical telephone number, digits only with the country code first (RFC 8224, section 8.3), "
    "or a percent-encoded URI."
)
_PARTY: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": limits.URI_CHARACTERS,
    "examples": ["12155551212", "urn:service:sos"],
}
_PARAMETERS: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "dest": (f"The called party. {_NUMBER}", _PARTY),
    "orig": (f"The calling party. {_NUMBER}", _PARTY),
    "name": ("Name of the chain file.", {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"}),
    "spc": (
        "Service provider code of the publisher, without regard to case.",
        {"type": "string", "pattern": "^[A-Za-z0-9]{3,15}$", "examples": ["709J"]},
    ),
}
_WHY: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "Path or body is malformed, or a PASSporT failed its check; nothing was stored.",
    HTTPStatus.UNAUTHORIZED: "The token is missing, malformed, stale, not genuine, not for this body, or used before.",
    HTTPStatus.FORBIDDEN: "The token is genuine but does not allow this.",
    HTTPStatus.NOT_FOUND: "Nothing is stored for this call, or under this name.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; Retry-After says when to come again.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This CPS failed.",
    HTTPStatus.SERVICE_UNAVAILABLE: "This CPS cannot serve now; Retry-After says when to come again.",
}
_ALWAYS: Final = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
_ASKED: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS,
    *_ALWAYS,
)
_PUBLISHED: Final = (
    *_ASKED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


@dataclass(frozen=True)
class Operation:
    """One row of the table: a method on a path, what it takes, and all that it may answer."""

    id: str
    method: HTTPMethod
    path: str
    summary: str
    description: str
    success: tuple[HTTPStatus, type[BaseModel] | str]
    """Status, and the answer's model or its media type."""
    problems: tuple[HTTPStatus, ...] = ()
    body: type[BaseModel] | None = None
    parameters: tuple[str, ...] = ()
    with_token: bool = field(default=False)


def _publish(generation: int, path: str, *parameters: str) -> Operation:
    return Operation(
        f"publish{generation}",
        HTTPMethod.POST,
        path,
        f"Publish the PASSporTs of a call (generation {generation})",
        "Keeps them for seconds. Publishes for the same call add up, and the same PASSporT counts once. "
        "With a republish token, from a configured peer, the body carries the publisher's token, too.",
        (HTTPStatus.CREATED, Done),
        _PUBLISHED,
        PublishRequest,
        parameters,
        with_token=True,
    )


def _retrieve(generation: int, path: str, *parameters: str) -> Operation:
    return Operation(
        f"retrieve{generation}",
        HTTPMethod.GET,
        path,
        f"Retrieve the PASSporTs of a call (generation {generation})",
        "Reading does not consume. The answer is about this moment and must not be cached.",
        (HTTPStatus.OK, Found),
        _ASKED,
        None,
        parameters,
        with_token=True,
    )


OPERATIONS: Final = (
    Operation(
        "health",
        HTTPMethod.GET,
        "/health",
        "Whether a publish and a retrieve could be served",
        "Tries the store to find out.",
        (HTTPStatus.OK, Done),
        _ALWAYS,
    ),
    _publish(1, "/passports/{dest}/{orig}", "dest", "orig"),
    _retrieve(1, "/passports/{dest}/{orig}", "dest", "orig"),
    _publish(2, "/passports/{spc}/{dest}/{orig}", "spc", "dest", "orig"),
    _retrieve(2, "/passports/{spc}/{dest}/{orig}", "spc", "dest", "orig"),
    Operation(
        "certificate",
        HTTPMethod.GET,
        "/certs/{name}",
        "A certificate chain of this CPS's operator",
        "What stands under a name never changes, so it may be kept.",
        (HTTPStatus.OK, "application/pem-certificate-chain"),
        (HTTPStatus.NOT_FOUND, *_ALWAYS),
        parameters=("name",),
    ),
    Operation("openapi", HTTPMethod.GET, "/openapi.json", "This description", "OpenAPI 3.1.", (HTTPStatus.OK, JSON)),
    Operation(
        "docs", HTTPMethod.GET, "/docs", "This description, for people", "One page.", (HTTPStatus.OK, "text/html")
    ),
)
"""Everything that the public API does."""


def document() -> dict[str, Any]:
    """Return the description of the API."""
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    _, schemas = models_json_schema(
        [(PublishRequest, "validation"), *((model, "serialization") for model in (Done, Found, Problem))],
        ref_template=_SCHEMA,
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Call Placement Service",
            "summary": "Out-of-band SHAKEN: PASSporTs of calls whose signalling cannot carry them.",
            "description": "ATIS-1000096 (generation 1) and ATIS-1000105 (generation 2). Their key spaces are apart.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "version": VERSION,
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "requestToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "ES256, signed with the provider's STI certificate, for this request only.",
                }
            },
        },
    }


def _operation(row: Operation) -> dict[str, object]:
    status, content = row.success
    found: dict[str, object] = {
        "operationId": row.id,
        "summary": row.summary,
        "description": row.description,
        "responses": {
            str(status.value): {"description": status.phrase, "content": _content(content)},
            **{str(each.value): _problem(each) for each in sorted(row.problems)},
        },
    }
    if row.parameters:
        found["parameters"] = _parameters(row.parameters)
    if row.body is not None:
        found["requestBody"] = {"required": True, "content": _content(row.body)}
    if row.with_token:
        found["security"] = [{"requestToken": []}]
    return found


def _parameters(names: Sequence[str]) -> list[object]:
    return [
        {"name": name, "in": "path", "required": True, "description": text, "schema": dict(schema)}
        for name, (text, schema) in ((name, _PARAMETERS[name]) for name in names)
    ]


def _content(content: type[BaseModel] | str) -> dict[str, object]:
    if isinstance(content, str):
        return {content: {"schema": {"type": "object" if content == JSON else "string"}}}
    return {JSON: {"schema": {"$ref": _SCHEMA.format(model=content.__name__)}}}


def _problem(status: HTTPStatus) -> dict[str, object]:
    schema = {"schema": {"$ref": _SCHEMA.format(model=Problem.__name__)}}
    described: dict[str, object] = {"description": _WHY[status], "content": {CONTENT_TYPE: schema}}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        retry = {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 1}}
        described["headers"] = {"Retry-After": retry}
    return described
