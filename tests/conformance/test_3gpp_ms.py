"""The Ms reference point: signing and verification as 3GPP has them (TS 24.229, annex V)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cps_client.settings import ClientSettings
from cps_client.termination import Inbound, Terminated
from stir.testing import ServiceProvider, World
from tests.support.sidecar import SIGNED, PretendLogic, app_of

ORIG, DEST, BEFORE = "12155550100", "12155551212", "12155550199"
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
SIGNING, VERIFICATION = "/stir/v1/signing", "/v1/verification"


class Judge(PretendLogic):
    """Judges what comes in band in a world; nothing is retrieved."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    async def terminate(self, call: Inbound, *, budget: float | None = None) -> Terminated:
        """Return the verdict on *call*."""
        self.inbound.append(call)
        signalling = {"resource_priority": call.resource_priority, "priority": call.priority}
        verdict = await self.world.assess(*call.identities, orig=call.orig, dest=call.dest, **signalling)
        return Terminated(verdict, call.identities)


@pytest.fixture
def world() -> World:
    """A whole STI world."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """Somebody who signs."""
    return world.service_provider("709J")


@pytest.fixture
def logic(world: World) -> Judge:
    """The call logic behind the face."""
    return Judge(world)


@pytest.fixture
async def http(world: World, logic: Judge, request: pytest.FixtureRequest) -> AsyncIterator[TestClient]:
    """A client of the sidecar; a parameter gives its dialect."""
    settings = ClientSettings(gateway={"dialect": getattr(request, "param", "auto")})
    async with TestClient(TestServer(app_of(logic, settings, clock=world.clock))) as client:
        yield client


async def sign(http: TestClient, world: World, **members: object) -> tuple[int, Any]:
    """Send a signing request and return status and answer."""
    request = {"orig": {"tn": ORIG}, "dest": {"tn": [DEST]}, "iat": world.clock.timestamp()} | members
    async with http.post(SIGNING, json={"signingRequest": request}) as answer:
        return answer.status, await answer.json()


async def verify(http: TestClient, world: World, **members: object) -> tuple[int, Any]:
    """Send a verification request and return status and answer."""
    request = {"from": {"tn": ORIG}, "to": {"tn": DEST}, "time": world.clock.timestamp()} | members
    async with http.post(VERIFICATION, json={"verificationRequest": request}) as answer:
        return answer.status, await answer.json()


@pytest.mark.clause("http-2.1-signing")
@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"ppt": "shaken", "attest": "B", "origid": ORIGID}, {"ppt": "shaken", "attest": "B", "origid": ORIGID}),
        ({"attest": "B", "origid": ORIGID, "profileId": "p"}, {"ppt": "shaken", "attest": "B"}),
        ({"ppt": "div", "div": {"tn": BEFORE, "hi": "1.1"}}, {"ppt": "div", "diverted_from": BEFORE, "hi": "1.1"}),
        ({"ppt": "div", "div": {"uri": "sip:a@b.example"}}, {"ppt": "div", "diverted_from": "sip:a@b.example"}),
        (
            {"ppt": "rph", "rph": {"auth": ["ets.0", "wps.0"]}, "sph": "psap-callback"},
            {"ppt": "rph", "priority": ("ets.0", "wps.0"), "sph": "psap-callback"},
        ),
    ],
)
async def test_signing(
    http: TestClient, world: World, logic: Judge, members: dict[str, object], told: dict[str, object]
) -> None:
    """Each type of PASSporT has its own fields, and is handed out as identityHeader; requestId comes back."""
    status, body = await sign(http, world, requestId="r-1", **members)

    assert (200, {"signingResponse": {"identityHeader": SIGNED, "requestId": "r-1"}}) == (status, body)
    (call,) = logic.outbound
    assert told == {name: getattr(call, name) for name in told}
    assert (ORIG, DEST) == (call.orig, call.dest)


@pytest.mark.clause("http-2.1-signing")
async def test_signing_for_a_uri(http: TestClient, world: World, logic: Judge) -> None:
    """A caller without a number has a URI."""
    status, body = await sign(http, world, orig={"uri": "sip:a@b.example"}, attest="A", origid=ORIGID)

    assert (200, ["identityHeader"]) == (status, list(body["signingResponse"]))
    assert "sip:a@b.example" == logic.outbound[0].orig


@pytest.mark.clause("http-2.1-signing")
@pytest.mark.parametrize(
    ("members", "identifier", "about"),
    [
        ({"ppt": "rcd"}, "SVC4005", "ppt"),
        ({"ppt": "div"}, "SVC4001", "div"),
        ({"ppt": "div", "div": {}}, "SVC4001", "div.tn"),
        ({"ppt": "rph"}, "SVC4001", "rph"),
        ({"ppt": "rph", "rph": {}}, "SVC4001", "rph.auth"),
        ({"ppt": "shaken", "origid": ORIGID}, "SVC4001", "attest"),
        ({"ppt": "shaken", "attest": "A"}, "SVC4001", "origid"),
        ({"requestId": 1, "attest": "A", "origid": ORIGID}, "SVC4005", "requestId"),
    ],
)
async def test_signing_errors(
    http: TestClient, world: World, members: dict[str, object], identifier: str, about: str
) -> None:
    """What is wrong is 400 with an error that names the field, in the dialect's own body."""
    status, body = await sign(http, world, **members)

    assert (400, identifier, [about]) == (status, body["error"]["messageId"], body["error"]["variables"])
    assert {"status", "detail", "messageId", "text", "variables"} == body["error"].keys()


@pytest.mark.clause("http-2.2-verification", "http-2.2-paths")
async def test_verification_of_every_type(http: TestClient, world: World, sp: ServiceProvider) -> None:
    """Number, diversions and priority have their own results; each PASSporT is told with its claims."""
    shaken = sp.sign(orig=ORIG, dest=BEFORE)
    div = sp.identity(sp.div(orig=ORIG, dest=DEST, div=BEFORE), ppt="div")
    rph = sp.identity(sp.rph(orig=ORIG, dest=DEST, auth=["ets.0"]), ppt="rph")

    status, body = await verify(
        http,
        world,
        identityHeader=shaken,
        identityHeaders=[div, rph],
        protectedHeaders=["Resource-Priority: ets.0"],
        requestId="r-2",
        displayName="Alice",
    )

    response = body["verificationResponse"]
    results = [one["verifyResult"] for one in response.pop("verifyResults")]
    assert 200 == status
    assert {
        "verstatValue": "TN-Validation-Passed",
        "verstatPriority": "RPH-Validation-Passed",
        "divResult": [{"div": {"tn": BEFORE}, "verstatValue": "TN-Validation-Passed"}],
        "requestId": "r-2",
        "displayName": "Alice",
    } == response
    assert [("shaken", "pass"), ("div", "pass"), ("rph", "pass")] == [(one["ppt"], one["status"]) for one in results]
    assert [one.partition(";")[0] for one in (shaken, div, rph)] == [one["passport"] for one in results]
    assert "A" == results[0]["validClaims"]["attest"]
    assert not any("reasonCode" in one for one in results)


@pytest.mark.clause("http-2.2-verification")
async def test_verification_that_fails(http: TestClient, world: World, sp: ServiceProvider) -> None:
    """A PASSporT that fails has code, text and description, and its claims are nobody's word: none are told."""
    bad = sp.sign(orig=ORIG, dest=DEST, signature="other-key")

    status, body = await verify(http, world, identityHeader=bad)

    ((result,),) = [one.values() for one in body["verificationResponse"]["verifyResults"]]
    assert (200, "TN-Validation-Failed") == (status, body["verificationResponse"]["verstatValue"])
    assert result.pop("reasonDescription")
    assert {
        "ppt": "shaken",
        "status": "fail",
        "reasonCode": "438",
        "reasonText": "Invalid Identity Header",
        "passport": bad.partition(";")[0],
    } == result


@pytest.mark.clause("http-2.2-verification")
@pytest.mark.parametrize(
    "protected",
    [
        ["Resource-Priority: ets.0", "Priority: psap-callback"],
        ["ets.0", "psap-callback"],
        [{"Resource-Priority": "ets.0"}, {"priority": "psap-callback"}],
    ],
)
async def test_protected_headers(http: TestClient, world: World, logic: Judge, protected: list[object]) -> None:
    """What rph protects is taken as header fields, as objects, and as bare values."""
    status, _ = await verify(http, world, protectedHeaders=protected)

    assert (200, ("ets.0",), "psap-callback") == (
        status,
        logic.inbound[0].resource_priority,
        logic.inbound[0].priority,
    )


@pytest.mark.parametrize("protected", ["ets.0", [1], [{"a": 1}]])
async def test_protected_headers_of_no_form(http: TestClient, world: World, protected: object) -> None:
    """What can be no header field is a mistake."""
    status, body = await verify(http, world, protectedHeaders=protected)
    assert (400, ["protectedHeaders"]) == (status, body["error"]["variables"])


async def test_the_destination_is_the_request_uri(http: TestClient, world: World, logic: Judge) -> None:
    """Where To and the Request-URI are both told, the call is for the latter; URIs stand where there is no number."""
    await verify(http, world, dest={"tn": BEFORE})
    await verify(http, world, **{"from": {"uri": "sip:a@b.example"}})

    assert [(ORIG, BEFORE), ("sip:a@b.example", DEST)] == [(call.orig, call.dest) for call in logic.inbound]


async def test_stale_requests_and_nothing_found(http: TestClient, world: World) -> None:
    """E3 is told as a result without a PASSporT; where there is no PASSporT there is no result."""
    _, stale = await verify(http, world, time=1)
    _, nothing = await verify(http, world)

    ((result,),) = [one.values() for one in stale["verificationResponse"]["verifyResults"]]
    assert ("fail", "403", "Stale Date") == (result["status"], result["reasonCode"], result["reasonText"])
    assert {"verstatValue": "No-TN-Validation", "verifyResults": []} == nothing["verificationResponse"]


@pytest.mark.parametrize(
    ("http", "signing", "verification"),
    [("atis", "identity", "verstat"), ("3gpp", "identityHeader", "verstatValue")],
    indirect=["http"],
)
async def test_the_dialect_can_be_fixed(http: TestClient, world: World, signing: str, verification: str) -> None:
    """Where the settings say which dialect it is, the fields do not decide; nor for errors before any is read."""
    _, signed = await sign(http, world, attest="A", origid=ORIGID)
    _, verified = await verify(http, world, to={"tn": [DEST]}, requestId="r")
    async with http.get(SIGNING) as answer:
        wrong = await answer.json()

    assert [signing] == list(signed["signingResponse"])
    assert verification in verified["verificationResponse"]
    assert ["error" if verification == "verstatValue" else "requestError"] == list(wrong)
