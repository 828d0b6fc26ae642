"""Signing and verification over HTTP: every case, both spellings, and every error of the interface (ATIS-1000082)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cps_client.client import CpsClient
from cps_client.gateway.app import build_app
from cps_client.origination import Originator
from cps_client.settings import ClientSettings
from cps_client.termination import Terminator
from stir.aio.certificates import CertificateCache
from stir.aio.trust import FixedTrust
from stir.aio.verification import VerificationService
from stir.testing import ABSENT, ServiceProvider, World
from stir.verify import Verifier
from tests.support.fake_cps import FakeCps, hang_up, reply

ORIG, DEST = "12155550100", "12155551212"
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
SIGNING, VERIFICATION = "/stir/v1/signing", "/stir/v1/verification"
JSON = {"Content-Type": "application/json"}
STALE, BAD_INFO = ("403", "Stale Date"), ("436", "Bad identity Info")
CREDENTIAL, INVALID = ("437", "Unsupported credential"), ("438", "Invalid Identity Header")
NONE, FAILED = "No-TN-Validation", "TN-Validation-Failed"


@dataclass
class Sbc:
    """An SBC, the world around it, and the sidecar beside it."""

    world: World
    provider: ServiceProvider
    cps: FakeCps
    http: TestClient

    @property
    def now(self) -> int:
        """The time that the SBC tells."""
        return self.world.clock.timestamp()

    def signing(self, **members: object) -> dict[str, Any]:
        """Return a signing request with *members* otherwise; ABSENT ones are left out."""
        whole = {
            "attest": "A",
            "dest": {"tn": [DEST]},
            "iat": self.now,
            "orig": {"tn": ORIG},
            "origid": ORIGID,
        } | members
        return {"signingRequest": {name: value for name, value in whole.items() if value is not ABSENT}}

    def verification(self, **members: object) -> dict[str, Any]:
        """Return a verification request with *members* otherwise; ABSENT ones are left out."""
        whole = {"from": {"tn": ORIG}, "to": {"tn": [DEST]}, "time": self.now} | members
        return {"verificationRequest": {name: value for name, value in whole.items() if value is not ABSENT}}

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        """Send *body* and return status and answer."""
        async with self.http.post(path, json=body) as answer:
            return answer.status, await answer.json()

    async def verify(self, identity: str, **members: object) -> dict[str, str]:
        """Return the verificationResponse on a call with *identity*; whatever it is, the status is 200."""
        status, body = await self.post(VERIFICATION, self.verification(identity=identity, **members))
        assert 200 == status
        return body["verificationResponse"]


@pytest.fixture
async def sbc(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Sbc]:
    """An SBC; a parameter gives settings of its sidecar."""
    world = World()
    provider = world.service_provider("709J")
    key = tmp_path / "key.pem"
    key.write_bytes(provider.leaf.key_pem)
    gateway = getattr(request, "param", {})
    async with FakeCps(provider.private_key.public_key()).running() as cps:
        settings = ClientSettings(
            cps_urls=(cps.url,), spc=provider.spc, x5u=provider.x5u, private_key=key, gateway=gateway
        )
        cache = CertificateCache(world.fetcher, clock=world.clock)
        verification = VerificationService(Verifier(), cache, FixedTrust(world.trust), world.clock)
        async with (
            CpsClient(settings, clock=world.clock, verification=verification) as client,
            Originator.of(client) as originator,
        ):
            app = build_app(settings, originates=originator, terminates=Terminator.of(client), clock=world.clock)
            async with TestClient(TestServer(app)) as http:
                yield Sbc(world, provider, cps, http)


def signed(sbc: Sbc, header: dict[str, object] | None = None, **claims: object) -> str:
    """Return the Identity header value of a PASSporT for the call, with overrides."""
    return sbc.provider.identity(sbc.provider.passport(orig=ORIG, dest=DEST, header=header, claims=claims))


def compact(sbc: Sbc) -> str:
    """Return one in compact form."""
    return sbc.provider.identity(".." + sbc.provider.passport(orig=ORIG, dest=DEST).rpartition(".")[2])


def without_info(sbc: Sbc) -> str:
    """Return one without an info parameter."""
    return sbc.provider.passport(orig=ORIG, dest=DEST) + ";alg=ES256;ppt=shaken"


def unreachable(sbc: Sbc) -> str:
    """Return one whose certificate cannot be had."""
    sbc.world.fetcher.down(sbc.provider.x5u)
    return signed(sbc)


def elsewhere(sbc: Sbc) -> str:
    """Return one whose info is another certificate than x5u."""
    other = sbc.world.service_provider("1234")
    return sbc.provider.identity(sbc.provider.passport(orig=ORIG, dest=DEST), info=other.x5u)


def untrusted(sbc: Sbc) -> str:
    """Return one whose CA nobody trusts."""
    rogue = sbc.world.authority("Rogue", trusted=False)
    return sbc.world.service_provider("666X", issuer=rogue).sign(orig=ORIG, dest=DEST)


def missigned(sbc: Sbc) -> str:
    """Return one that is signed with another key than the certificate's."""
    return sbc.provider.sign(orig=ORIG, dest=DEST, signature="other-key")


Made = Callable[[Sbc], str]
CASES: list[tuple[str, Made, tuple[str, str], str]] = [
    ("E4", compact, INVALID, NONE),
    ("E4", lambda _: "hello", INVALID, NONE),
    ("E5", lambda sbc: sbc.provider.identity(sbc.provider.passport(orig=ORIG, dest=DEST), ppt="msg"), INVALID, NONE),
    (
        "E5",
        lambda sbc: sbc.provider.identity(sbc.provider.div(orig=ORIG, dest=DEST, div="1"), ppt="div"),
        INVALID,
        NONE,
    ),
    ("E6", without_info, BAD_INFO, NONE),
    ("E7", lambda sbc: sbc.provider.identity(sbc.provider.passport(orig=ORIG, dest=DEST), info="u"), BAD_INFO, NONE),
    ("E8", unreachable, BAD_INFO, NONE),
    *[("E9", lambda sbc, n=n: signed(sbc, {n: ABSENT}), BAD_INFO, NONE) for n in ("ppt", "typ", "x5u", "alg")],
    ("E10", elsewhere, BAD_INFO, NONE),
    ("E11", lambda sbc: signed(sbc, {"typ": "JWT"}), CREDENTIAL, NONE),
    ("E12", lambda sbc: signed(sbc, {"alg": "none"}), CREDENTIAL, NONE),
    ("E13", lambda sbc: signed(sbc, {"ppt": "msg"}), INVALID, NONE),
    *[
        ("E14", lambda sbc, n=n: signed(sbc, **{n: ABSENT}), INVALID, NONE)
        for n in ("dest", "orig", "attest", "origid", "iat")
    ],
    ("E15", lambda sbc: signed(sbc, iat=sbc.now - 61), STALE, NONE),
    ("E16", lambda sbc: sbc.provider.sign(orig="12155550999", dest=DEST), INVALID, NONE),
    ("E16", lambda sbc: sbc.provider.sign(orig=ORIG, dest="12155550999"), INVALID, NONE),
    ("E17", untrusted, CREDENTIAL, FAILED),
    ("E18", missigned, INVALID, FAILED),
    ("E19", lambda sbc: signed(sbc, attest="D"), INVALID, NONE),
]
SPELLINGS = [({}, "reason{}".format), ({"reason_spelling": "camel"}, lambda part: f"reason{part.capitalize()}")]


@pytest.mark.clause("http-1.2-response", "http-1.2-spelling", "http-2.3-sbc", "http-5-one")
@pytest.mark.parametrize(("sbc", "name"), SPELLINGS, indirect=["sbc"], ids=["lower", "camel"])
@pytest.mark.parametrize(("case", "made", "reason", "verstat"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
async def test_every_case(
    sbc: Sbc, name: Callable[[str], str], case: str, made: Made, reason: tuple[str, str], verstat: str
) -> None:
    """A PASSporT with the defect of a row is answered 200 with the row's code, text and verstat, and a description."""
    answer = await sbc.verify(made(sbc))

    description = answer.pop(name("desc"))
    assert {name("code"): reason[0], name("text"): reason[1], "verstat": verstat} == answer
    assert description


@pytest.mark.clause("http-1.2-request", "http-1.2-response")
async def test_what_is_good_has_verstat_alone(sbc: Sbc) -> None:
    """A good PASSporT is TN-Validation-Passed, without any reason."""
    assert {"verstat": "TN-Validation-Passed"} == await sbc.verify(signed(sbc))


@pytest.mark.clause("http-1.2-response")
@pytest.mark.parametrize("away", [-61, 61])
async def test_e3_the_time_of_the_request_is_not_fresh(sbc: Sbc, away: int) -> None:
    """A request whose time is more than a minute from now is 403 Stale Date, whatever it brings; nothing is fetched."""
    answer = await sbc.verify(signed(sbc), time=sbc.now + away)

    assert (*STALE, NONE) == (answer["reasoncode"], answer["reasontext"], answer["verstat"])
    assert 0 == sbc.world.fetcher.fetches[sbc.provider.x5u]


@pytest.mark.clause("http-1.2-aliases")
@pytest.mark.parametrize(
    "rename",
    [
        {"from": "orig", "to": "dest", "time": "iat"},
        {"from": "orig"},
        {"to": "dest"},
        {"time": "iat"},
        {"from": "From", "to": "TO", "time": "Time", "identity": "Identity"},
    ],
    ids=["all", "orig", "dest", "iat", "case"],
)
@pytest.mark.parametrize("called", [DEST, [DEST], "+1 (215) 555-1212"], ids=["string", "array", "signalled"])
async def test_aliases(sbc: Sbc, rename: dict[str, str], called: object) -> None:
    """The names that a deployed client uses are taken, in whatever case, and to.tn as string and array."""
    members = sbc.verification(identity=signed(sbc), to={"tn": called})["verificationRequest"]
    body = {"verificationRequest": {rename.get(name, name): value for name, value in members.items()}}

    assert (200, {"verificationResponse": {"verstat": "TN-Validation-Passed"}}) == await sbc.post(VERIFICATION, body)


@pytest.mark.clause("http-1.1-request", "http-1.1-response", "http-1.1-canonical", "http-2.2-paths")
@pytest.mark.parametrize("path", [SIGNING, "/v1/signing", "/trunks/north/stir/v1/signing"])
async def test_signing_signs_and_publishes(sbc: Sbc, path: str) -> None:
    """The answer is a whole Identity header value for canonical numbers, which verifies; the CPS has its PASSporT."""
    request = sbc.signing(orig={"tn": "+1 215-555-0100"}, dest={"tn": ["+12155551212"]})
    status, body = await sbc.post(path, request)

    identity = body["signingResponse"]["identity"]
    assert 200 == status
    assert identity.endswith(f";info=<{sbc.provider.x5u}>;alg=ES256;ppt=shaken")
    assert {"verstat": "TN-Validation-Passed"} == await sbc.verify(identity)
    assert {f"/passports/{DEST}/{ORIG}": [identity.partition(";")[0]]} == sbc.cps.kept


@pytest.mark.clause("oob-5.1-wait")
async def test_the_answer_comes_after_the_publish(sbc: Sbc) -> None:
    """The set-up message can wait for the answer: it comes when the CPS has confirmed, and not before."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def confirm_late(_: object, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await may_answer.wait()
        reply(writer, 201, {})

    sbc.cps.reactions.append(confirm_late)
    signing = asyncio.create_task(sbc.post(SIGNING, sbc.signing()))
    await asyncio.wait_for(asked.wait(), 5)
    assert not signing.done()
    may_answer.set()
    assert 200 == (await signing)[0]


async def test_verification_without_identity_is_out_of_band(sbc: Sbc) -> None:
    """A request that brings no Identity retrieves what the other end published, and verifies that."""
    await sbc.post(SIGNING, sbc.signing())

    for members in ({}, {"identity": ""}, {"identity": None}):
        answer = await sbc.post(VERIFICATION, sbc.verification(**members))
        assert (200, {"verificationResponse": {"verstat": "TN-Validation-Passed"}}) == answer


async def test_nothing_found_is_an_answer(sbc: Sbc) -> None:
    """Where nothing was published, and where no CPS answers, the status is 200 and the number is not validated."""
    first = await sbc.post(VERIFICATION, sbc.verification())
    sbc.cps.reactions += [hang_up] * 20
    second = await sbc.post(VERIFICATION, sbc.verification())

    assert [(200, NONE)] * 2 == [(status, body["verificationResponse"]["verstat"]) for status, body in (first, second)]
    assert "reasoncode" not in first[1]["verificationResponse"]


E1 = [
    *[(SIGNING, name) for name in ("attest", "dest", "iat", "orig", "origid")],
    *[(VERIFICATION, name) for name in ("from", "to", "time")],
]


@pytest.mark.clause("http-1.1-request", "http-1.2-request", "http-1.3-errors")
@pytest.mark.parametrize(("path", "name"), E1)
async def test_e1_mandatory_parameter_missing(sbc: Sbc, path: str, name: str) -> None:
    """E1: a mandatory parameter that is missing is 400 SVC4001, which names it."""
    make = sbc.signing if path == SIGNING else sbc.verification
    assert (400, "SVC4001", [name]) == refused(*await sbc.post(path, make(**{name: ABSENT})))


@pytest.mark.clause("http-1.3-errors")
async def test_e1_the_request_itself_is_missing(sbc: Sbc) -> None:
    """E1: a body without signingRequest, or one without a number, misses that."""
    assert (400, "SVC4001", ["signingRequest"]) == refused(*await sbc.post(SIGNING, sbc.verification()))
    assert (400, "SVC4001", ["verificationRequest"]) == refused(*await sbc.post(VERIFICATION, {}))
    assert (400, "SVC4005", ["signingRequest"]) == refused(*await sbc.post(SIGNING, {"signingRequest": None}))
    assert (400, "SVC4001", ["orig.tn"]) == refused(*await sbc.post(SIGNING, sbc.signing(orig={})))


E2: list[tuple[str, str, dict[str, object]]] = [
    (SIGNING, "attest", {"attest": "D"}),
    (SIGNING, "attest", {"attest": 1}),
    (SIGNING, "attest", {"attest": ""}),
    (SIGNING, "iat", {"iat": "today"}),
    (SIGNING, "iat", {"iat": -1}),
    (SIGNING, "iat", {"iat": 1.5}),
    (SIGNING, "iat", {"iat": True}),
    (SIGNING, "iat", {"iat": 10**12}),
    (SIGNING, "origid", {"origid": "mine"}),
    (SIGNING, "orig", {"orig": ORIG}),
    (SIGNING, "orig.tn", {"orig": {"tn": "nobody"}}),
    (SIGNING, "orig.tn", {"orig": {"tn": 12155550100}}),
    (SIGNING, "dest.tn", {"dest": {"tn": []}}),
    (SIGNING, "dest.tn", {"dest": {"tn": [DEST, {}]}}),
    (SIGNING, "dest", {"dest": {"tn": [DEST, ORIG]}}),
    (VERIFICATION, "from.tn", {"from": {"tn": "x"}}),
    (VERIFICATION, "to.tn", {"to": {"tn": [""]}}),
    (VERIFICATION, "to", {"to": [DEST]}),
    (VERIFICATION, "time", {"time": "now"}),
    (VERIFICATION, "time", {"time": None}),
    (VERIFICATION, "identity", {"identity": 1}),
    (VERIFICATION, "identity", {"identity": [1]}),
]


@pytest.mark.clause("http-1.3-errors")
@pytest.mark.parametrize(("path", "name", "members"), E2)
async def test_e2_bad_parameter_value(sbc: Sbc, path: str, name: str, members: dict[str, object]) -> None:
    """E2: a parameter with a value that cannot be is 400 SVC4005, which names it."""
    make = sbc.signing if path == SIGNING else sbc.verification
    assert (400, "SVC4005", [name]) == refused(*await sbc.post(path, make(**members)))


@pytest.mark.clause("http-1.1-iat")
@pytest.mark.parametrize("away", [-61, 61])
async def test_iat_outside_the_window_is_not_signed(sbc: Sbc, away: int) -> None:
    """An iat that no verifier would take is SVC4005; one inside the window is signed as it is."""
    assert (400, "SVC4005", ["iat"]) == refused(*await sbc.post(SIGNING, sbc.signing(iat=sbc.now + away)))
    status, _ = await sbc.post(SIGNING, sbc.signing(iat=sbc.now + away // 2))
    assert 200 == status


HTTP: list[tuple[str, str, str, bytes, dict[str, str], tuple[int, str]]] = [
    ("no body", "POST", SIGNING, b"", JSON, (400, "SVC4000")),
    ("not wanted", "POST", SIGNING, b"{}", JSON | {"Accept": "text/html"}, (406, "SVC4002")),
    ("refused", "POST", SIGNING, b"{}", JSON | {"Accept": "application/json;q=0"}, (406, "SVC4002")),
    ("no such path", "POST", "/stir/v2/signing", b"{}", JSON, (404, "SVC4003")),
    ("no such name", "POST", "/v1/signatures", b"{}", JSON, (404, "SVC4003")),
    ("form", "POST", SIGNING, b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, (415, "SVC4004")),
    ("no type", "POST", VERIFICATION, b"{}", {"Content-Type": ""}, (415, "SVC4004")),
    ("no JSON", "POST", SIGNING, b"{", JSON, (400, "SVC4006")),
    ("an array", "POST", VERIFICATION, b"[]", JSON, (400, "SVC4006")),
    ("a name twice", "POST", VERIFICATION, b'{"a":1,"a":2}', JSON, (400, "SVC4006")),
    ("a name in two cases", "POST", VERIFICATION, b'{"verificationRequest":{"to":1,"To":2}}', JSON, (400, "SVC4006")),
    ("method", "GET", SIGNING, b"", {}, (405, "POL4050")),
    ("method", "PUT", VERIFICATION, b"{}", JSON, (405, "POL4050")),
    ("too large", "POST", SIGNING, b" " * 70_000, JSON, (413, "POL4130")),
    ("a web page", "POST", SIGNING, b"{}", JSON | {"Origin": "https://evil.example"}, (403, "POL4030")),
]


@pytest.mark.clause("http-1.3-type", "http-1.3-method", "http-1.3-errors")
@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "wanted"), [row[1:] for row in HTTP], ids=[row[0] for row in HTTP]
)
async def test_errors_of_http(
    sbc: Sbc, method: str, path: str, body: bytes, headers: dict[str, str], wanted: tuple[int, str]
) -> None:
    """What is wrong with a request as HTTP has its status and its messageId, in JSON, with the request's id."""
    async with sbc.http.request(method, path, data=body, headers=headers) as answer:
        status, identifier, _ = refused(answer.status, await answer.json())
        assert wanted == (status, identifier)
        assert ("POST" if status == 405 else None) == answer.headers.get("Allow")
        assert UUID(answer.headers["X-RequestID"])


@pytest.mark.clause("http-1.3-length")
async def test_length_is_required(sbc: Sbc) -> None:
    """A body in chunks has no Content-Length: 411 SVC4007."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    async with sbc.http.post(SIGNING, data=chunks(), headers=JSON) as answer:
        assert (411, "SVC4007", []) == refused(answer.status, await answer.json())


@pytest.mark.clause("http-1.3-type")
@pytest.mark.parametrize("accept", [None, "*/*", "application/*;q=0.5, text/html", "Application/JSON; q=1"])
async def test_what_accepts_json(sbc: Sbc, accept: str | None) -> None:
    """An Accept that allows JSON in one of its ways, and none at all, are answered."""
    headers = {} if accept is None else {"Accept": accept}
    async with sbc.http.post(VERIFICATION, json=sbc.verification(), headers=headers) as answer:
        assert 200 == answer.status


@pytest.mark.clause("http-1.3-id")
async def test_request_id(sbc: Sbc) -> None:
    """X-RequestID is echoed as it is, a new one made where there is none; X-InstanceID is taken."""
    given = {"X-RequestID": "call-17/a", "X-InstanceID": "de305d54"}
    async with sbc.http.post(VERIFICATION, json=sbc.verification(), headers=given) as answer:
        assert (200, "call-17/a") == (answer.status, answer.headers["X-RequestID"])
    async with sbc.http.post(VERIFICATION, json={}, headers={"X-RequestID": "x" * 200}) as answer:
        assert UUID(answer.headers["X-RequestID"])


def refused(status: int, body: dict[str, Any]) -> tuple[int, str, list[str]]:
    """Return status, messageId and variables of an error, which is of one of the two kinds."""
    ((kind, content),) = body["requestError"].items()
    assert kind == ("policyException" if content["messageId"].startswith("POL") else "serviceException")
    assert {"messageId", "text", "variables"} == content.keys()
    assert bool(content["variables"]) == ("%1" in content["text"])
    return status, content["messageId"], content["variables"]
