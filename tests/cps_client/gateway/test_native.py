"""The native face: what it takes, what it tells, and how mistakes of configuration are told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from cps_client.errors import CpsError, UsageError
from cps_client.origination import Originated, Outbound
from cps_client.outcome import Attempt, Receipt, Retrieval
from cps_client.termination import Inbound, Terminated
from stir.errors import AttestationError
from stir.testing import World
from tests.support.sidecar import NOTHING, SIGNED, PretendLogic

ORIG, DEST = "12155550100", "12155551212"
CALL = {"orig": ORIG, "dest": DEST}
REFUSED = CpsError("no CPS answered", reason="timeout")


async def post(http: TestClient, path: str, body: object) -> tuple[int, Any]:
    """Send *body* and return status and answer."""
    async with http.post(path, json=body) as answer:
        return answer.status, await answer.json()


async def test_publish_signs_and_publishes(http: TestClient) -> None:
    """A call without Identity comes back with what was signed, and how many PASSporTs the CPS took."""
    status, body = await post(http, "/v1/publish", CALL)

    assert (200, True, 1, "signed") == (status, body["published"], body["passports"], body["rule"])
    assert ([SIGNED], [SIGNED], None, None) == (body["identity"], body["added"], body["reason"], body["error"])


async def test_publish_tells_the_call_logic_all(http: TestClient, logic: PretendLogic) -> None:
    """Every field reaches the call logic as it came; empty ones are not there."""
    said = {
        **CALL,
        "identity": ["a", "", "b"],
        "attest": "B",
        "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
        "diverted_from": "12155550199",
        "call_id": "x@y",
        "trunk": "north",
    }
    await post(http, "/v1/publish", said)
    await post(http, "/v1/publish", {**CALL, "identity": "a", "attest": "", "trunk": "", "call_id": None})

    told = {name: value for name, value in said.items() if name != "identity"}
    assert [Outbound(identities=("a", "b"), **told), Outbound(**CALL, identities=("a",))] == logic.outbound


async def test_a_call_that_is_not_published_goes_on(http: TestClient, logic: PretendLogic) -> None:
    """That no CPS answered is 200 with the reason, the attempts and the Identity headers to go on with."""
    attempts = (Attempt("cps.example", 0.5, error=REFUSED),)
    logic.originated = Originated((SIGNED,), (SIGNED,), "signed", Receipt((SIGNED,), attempts, REFUSED))

    status, body = await post(http, "/v1/publish", CALL)

    assert (200, False, 0, [SIGNED]) == (status, body["published"], body["passports"], body["identity"])
    assert ("no CPS answered", "cps-unavailable") == (body["reason"], body["error"])
    assert ["timeout"] == [attempt["error"] for attempt in body["attempts"]]


async def test_a_call_that_need_not_be_published(http: TestClient, logic: PretendLogic) -> None:
    """A call on a route that is no TDM has a rule, and no reason."""
    logic.originated = Originated(("a",), rule="carried")
    status, body = await post(http, "/v1/publish", CALL)
    assert (200, False, "carried", None, []) == (
        status,
        *(body[name] for name in ("published", "rule", "reason", "attempts")),
    )


async def test_an_emergency_call_is_told_why_nothing_is_published_yet(http: TestClient, logic: PretendLogic) -> None:
    """A publish that goes on behind the answer is no failure, and the answer says so."""
    logic.originated = Originated((SIGNED,), (SIGNED,), "configured", behind=True)
    status, body = await post(http, "/v1/publish", CALL)

    assert (200, False, None) == (status, body["published"], body["error"])
    assert "an emergency call waits for nothing" in body["reason"]


async def test_retrieve_tells_verdict_and_headers(http: TestClient, logic: PretendLogic) -> None:
    """The verdict is the one of every command; Identity, header fields and reasons are ready to insert."""
    world = World()
    identity = world.service_provider("709J").sign(orig=ORIG, dest=DEST)
    verdict = await world.assess(identity)
    headers = {"P-Asserted-Identity": "<tel:+12155550100;verstat=TN-Validation-Passed>", "Attestation-Info": "A"}
    retrieval = Retrieval(("x",), attempts=(Attempt("cps.example", 0.01, 200),))
    logic.terminated = Terminated(verdict, (identity,), headers, ("STIR;cause=436",), retrieval)

    status, body = await post(http, "/v1/retrieve", CALL)

    assert 200 == status
    assert {
        "identity": [identity],
        "verdict": verdict.as_dict(),
        "headers": headers,
        "reasons": ["STIR;cause=436"],
        "detail": None,
        "attempts": [{"cps": "cps.example", "status": 200, "milliseconds": 10.0, "error": None}],
    } == body


async def test_nothing_found(http: TestClient) -> None:
    """Nothing found is 200 with No-TN-Validation and why."""
    status, body = await post(http, "/v1/retrieve", CALL)
    assert (200, "No-TN-Validation", [], {}) == (status, body["verdict"]["verstat"], body["identity"], body["headers"])
    assert NOTHING.decisive.detail == body["detail"]


@pytest.mark.clause("oob-5.3-time")
async def test_retrieve_tells_the_call_logic_all(http: TestClient, logic: PretendLogic) -> None:
    """Every field reaches the call logic; a caller who withholds the number is none, and no mistake."""
    said = {**CALL, "call_id": "x", "trunk": "north", "priority": "emergency"}
    await post(http, "/v1/retrieve", {**said, "identity": ["a"], "resource_priority": "ets.0", "time": 1772452800})
    for nobody in ("", None):
        await post(http, "/v1/retrieve", {"orig": nobody, "dest": DEST})

    when = datetime(2026, 3, 2, 12, tzinfo=UTC)
    first = Inbound(**said, identities=("a",), resource_priority=("ets.0",), time=when)
    assert [first, *[Inbound(None, DEST)] * 2] == logic.inbound


MISTAKES = [
    ("/v1/publish", {"dest": DEST}, "orig", "missing-field"),
    ("/v1/publish", {"orig": ORIG}, "dest", "missing-field"),
    ("/v1/publish", {**CALL, "orig": 12155550100}, "orig", "bad-field"),
    ("/v1/publish", {**CALL, "identity": {}}, "identity", "bad-field"),
    ("/v1/publish", {**CALL, "identity": ["a", 1]}, "identity", "bad-field"),
    ("/v1/publish", {**CALL, "attest": "D"}, "attest", "bad-field"),
    ("/v1/publish", {**CALL, "origid": "mine"}, "origid", "bad-field"),
    ("/v1/publish", {**CALL, "call-id": "x"}, "call-id", "bad-field"),
    ("/v1/retrieve", {**CALL, "time": "now"}, "time", "bad-field"),
    ("/v1/retrieve", {**CALL, "trunk": ["a"]}, "trunk", "bad-field"),
    ("/v1/retrieve", {**CALL, "attest": "A"}, "attest", "bad-field"),
]


@pytest.mark.parametrize(("path", "body", "field", "code"), MISTAKES)
async def test_mistakes_name_the_field(http: TestClient, path: str, body: object, field: str, code: str) -> None:
    """What cannot be a request is a problem document that names the field: configuration is wrong, not a call."""
    status, problem = await post(http, path, body)

    assert (400, field, f"urn:oob-shaken:problem:{code}") == (status, problem["field"], problem["type"])
    assert field in problem["detail"]
    assert {"type", "title", "status", "detail", "field"} == problem.keys()


@pytest.mark.parametrize(
    ("error", "field"),
    [(UsageError("no such trunk", field="trunk"), "trunk"), (AttestationError("no such level"), "attest")],
)
@pytest.mark.parametrize("path", ["/v1/publish", "/v1/retrieve"])
async def test_mistakes_that_the_call_logic_finds(
    http: TestClient, logic: PretendLogic, path: str, error: Exception, field: str
) -> None:
    """A trunk that is not configured, or a level that is none, is a mistake of the request, too."""
    logic.error = error
    status, problem = await post(http, path, CALL)
    assert (400, field) == (status, problem["field"])


HTTP = [
    ("POST", "/v1/publish", b"", {}, 415),
    ("POST", "/v1/publish", b"orig=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("POST", "/v1/publish", b"", {"Content-Type": "application/json"}, 400),
    ("POST", "/v1/publish", b"{", {"Content-Type": "application/json"}, 400),
    ("POST", "/v1/publish", b'{"orig":"1","orig":"2"}', {"Content-Type": "application/json"}, 400),
    ("POST", "/v1/publish", b" " * 70_000, {"Content-Type": "application/json"}, 413),
    ("GET", "/v1/publish", b"", {}, 405),
    ("POST", "/nothing", b"{}", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), HTTP)
async def test_errors_of_http(
    http: TestClient, method: str, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Everything that is wrong is a problem document, which nobody may keep."""
    async with http.request(method, path, data=body, headers=headers, skip_auto_headers=["Content-Type"]) as answer:
        problem = json.loads(await answer.read())
        assert (status, status) == (answer.status, problem["status"])
        assert ("application/problem+json", "no-store") == (answer.content_type, answer.headers["Cache-Control"])
        assert (status == 405) == ("Allow" in answer.headers)
