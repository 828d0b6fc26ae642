"""The API does what its description says, and the description says all that the API does."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from cps_server.api.openapi import OPERATIONS, document
from stir.errors import StirError
from tests.cps_server.conftest import DEST, ORIG, Cps, run_cps

SCHEMA = schemathesis.openapi.from_dict(document())

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    unsupported_method,
]


@pytest.fixture(scope="module")
def cps() -> Iterator[Cps]:
    """Return a CPS that runs in a thread of its own, for a client that blocks."""
    found: list[Cps] = []
    loop, up = asyncio.new_event_loop(), threading.Event()

    async def run(stopped: asyncio.Event) -> None:
        async for running in run_cps(verify_passports="shape", limits={"address_rate": 0, "spc_rate": 0}):
            found.append(running)
            up.set()
            await stopped.wait()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(stopped),))
    thread.start()
    assert up.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(stopped.set)
    thread.join(30)
    loop.close()


def equip(case, cps: Cps, *, whole: bool) -> None:
    """Give *case* a token that fits it; *whole* makes the rest of it fit, too, so that it comes through."""
    generation = 2 if "spc" in case.path_parameters else 1
    if whole:
        case.headers.clear()
        case.path_parameters.update({"dest": DEST, "orig": ORIG} | ({"spc": "709J"} if generation == 2 else {}))
        if case.operation.method == "post":
            case.body, case.media_type = {"passports": [cps.passport()]}, "application/json"
            case.headers["Content-Type"] = case.media_type
    publishes = case.operation.method == "post"
    passports = case.body.get("passports") if publishes and isinstance(case.body, dict) else None
    named = {name: str(case.path_parameters.get(name)) for name in ("dest", "orig")}
    knobs = {"generation": generation, "spc": "709J", **named}
    if publishes and isinstance(passports, list) and all(isinstance(one, str) for one in passports):
        knobs["passports"] = passports
    # A path that names no party has no token that fits it.
    with suppress(StirError, ValueError, TypeError):
        case.headers["Authorization"] = (
            f"Bearer {cps.publisher.request_token('publish' if publishes else 'retrieve', **knobs)}"
        )


@pytest.mark.parametrize("fitting", ["nothing", "token", "all"])
@SCHEMA.parametrize()
@settings(max_examples=8, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case, cps: Cps, fitting: str) -> None:
    """Whatever is sent, the status, the content type and the body of the answer are in the description."""
    if case.path_parameters and fitting != "nothing":
        equip(case, cps, whole=fitting == "all")
    response = case.call(base_url=f"http://127.0.0.1:{cps.client.port}")
    case.validate_response(response, checks=CHECKS)
    sent = response.request  # schemathesis leaves the token out of some
    if fitting == "all" and sent.method == case.operation.method.upper() == "POST" and "Authorization" in sent.headers:
        assert 201 == response.status_code


async def test_description_is_served(cps: Cps) -> None:
    """The description that is checked in is the one that is served."""
    del cps
    async for running in run_cps():
        assert document() == await (await running.client.get("/openapi.json")).json()


async def test_every_route_is_described() -> None:
    """No route is missing in the description, and none is described that is not there."""
    async for running in run_cps():
        routes = running.app.router.routes()
        served = {(route.method, route.resource.canonical) for route in routes if route.method != "HEAD"}
        by_target = {("POST", "/passports/{target}"), ("GET", "/passports/{target}")}
        described = {(one.method.value, one.path) for one in OPERATIONS if not one.parameters}
        assert described | by_target | {("GET", "/certs/{name}")} == served


async def test_page_needs_nothing_from_elsewhere() -> None:
    """The page for people runs no script, names no other host, and its policy lets a browser do neither."""
    async for running in run_cps():
        response = await running.client.get("/docs")
        page = await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert not any(word in page for word in ("<script", "http://", "https://", "@import", "url("))
        assert all(one.path in page for one in OPERATIONS)
