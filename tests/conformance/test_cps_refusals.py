"""
Every refusal of the CPS interface, with the status that it has and a body that a person can act on.

One row a case, both generations; the negative tests that the interface's
description asks for are among them. What is refused stores nothing and burns
no jti.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from aiohttp import ClientResponse

from stir.testing import ABSENT
from tests.cps_server.conftest import DEST, ORIG, Cps, run_cps

Attempt = Callable[[Cps], Awaitable[ClientResponse]]
OTHER = "12155559999"


def publish(**defects) -> Attempt:
    """Return a publish with *defects*; a value that is a function is asked with the CPS."""

    async def attempt(cps: Cps) -> ClientResponse:
        return await cps.publish(**{name: value(cps) if callable(value) else value for name, value in defects.items()})

    return attempt


def retrieve(**defects) -> Attempt:
    """Return a retrieve with *defects*; a value that is a function is asked with the CPS."""

    async def attempt(cps: Cps) -> ClientResponse:
        return await cps.retrieve(**{name: value(cps) if callable(value) else value for name, value in defects.items()})

    return attempt


def request(method: str, path: str | Callable[[Cps], str], **content) -> Attempt:
    """Return any request."""

    async def attempt(cps: Cps) -> ClientResponse:
        return await cps.client.request(method, path if isinstance(path, str) else path(cps), **content)

    return attempt


def at(seconds: float) -> Callable[[Cps], int]:
    """Return the time so many seconds from now."""
    return lambda cps: cps.world.clock.timestamp() + int(seconds)


def passports(**knobs) -> Callable[[Cps], list[str]]:
    """Return a publish's PASSporTs: one with *knobs*."""
    return lambda cps: [cps.passport(**knobs)]


def revoked(cps: Cps) -> list[str]:
    """Return a PASSporT by a provider whose certificate is revoked."""
    rogue = cps.world.service_provider("9ZZZ")
    cps.world.crl.revoke(rogue.leaf)
    cps.trusting.trust = cps.world.trust
    return [rogue.passport(orig=ORIG, dest=DEST)]


def by(**knobs) -> Callable[[Cps], object]:
    """Return another provider with the publisher's SPC, and a certificate with *knobs*."""
    return lambda cps: cps.world.service_provider(
        knobs.get("spc", "709J"), **{k: v for k, v in knobs.items() if k != "spc"}
    )


def digest(data: bytes, alphabet: Callable[[bytes], bytes] = base64.b64encode) -> str:
    """Return a ``passports`` claim over *data*."""
    return f"sha256-{alphabet(hashlib.sha256(data).digest()).decode()}"


PASSPORT = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"
ARRAY = json.dumps([PASSPORT], separators=(",", ":")).encode()

TOKENS: dict[str, tuple[Attempt, int, str]] = {
    "no Authorization": (request("GET", lambda cps: cps.path()), 401, "Authorization"),
    "no Authorization, POST": (request("POST", lambda cps: cps.path(), json={}), 401, "Authorization"),
    "two Authorization headers": (
        request("GET", lambda cps: cps.path(), headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]),
        401,
        "one Authorization",
    ),
    "another scheme": (request("GET", lambda cps: cps.path(), headers={"Authorization": "Basic YTpi"}), 401, "Bearer"),
    "not a token": (retrieve(token="nonsense"), 401, "three"),
    "a token in compact form": (retrieve(token="..AAAA"), 401, "compact form"),
    "a token of 9 kB": (retrieve(claims={"note": "x" * 9000}), 401, "limit is 8192"),
    "alg none": (publish(header={"alg": "none"}), 401, "alg"),
    "alg HS256": (publish(header={"alg": "HS256"}), 401, "alg"),
    "crit": (publish(header={"crit": ["b64"]}), 401, "crit"),
    "no x5u": (publish(header={"x5u": ABSENT}), 401, "x5u"),
    "x5u over http": (publish(header={"x5u": "http://cr.example.net/a.pem"}), 401, "x5u"),
    "x5u to this machine": (publish(header={"x5u": "https://127.0.0.1/a.pem"}), 401, "x5u"),
    "x5u that is not there": (publish(header={"x5u": "https://cr.example.net/gone.pem"}), 401, "certificate"),
    "no iat": (publish(claims={"iat": ABSENT}), 401, "iat"),
    "iat as text": (publish(claims={"iat": "1760000000"}), 401, "iat"),
    "iat as true": (publish(claims={"iat": True}), 401, "iat"),
    "iat 10 minutes old": (publish(iat=at(-600)), 401, "600 s old"),
    "iat 10 minutes ahead": (publish(iat=at(600)), 401, "600 s in the future"),
    "iat 61 seconds old": (retrieve(iat=at(-61)), 401, "61 s old"),
    "no iss": (publish(claims={"iss": ABSENT}), 401, "iss"),
    "iss is no SPC": (publish(claims={"iss": "12155550100;"}), 401, "iss"),
    "no aud": (publish(claims={"aud": ABSENT}), 401, "aud"),
    "wrong aud": (publish(aud="cps.example.org"), 401, "aud"),
    "aud without us": (publish(claims={"aud": ["cps.example.org", "cps.example.com"]}), 401, "aud"),
    "aud with a number": (publish(claims={"aud": ["localhost", 1]}), 401, "aud"),
    "aud as URL": (retrieve(aud="https://localhost"), 401, "aud"),
    "no jti": (publish(claims={"jti": ABSENT}), 401, "jti"),
    "jti is no UUID": (publish(jti="1"), 401, "jti"),
    "no orig": (publish(claims={"orig": ABSENT}), 401, "orig"),
    "two originators": (publish(claims={"orig": {"tn": ORIG, "uri": "sip:a@example.com"}}), 401, "orig"),
    "no dest": (publish(claims={"dest": ABSENT}), 401, "dest"),
    "dest as string": (publish(claims={"dest": {"tn": DEST}}), 401, "dest"),
    "no action": (publish(claims={"action": ABSENT}), 401, "action"),
    "unknown action": (publish(claims={"action": "delete"}), 401, "action"),
    "no digest": (publish(claims={"passports": ABSENT}), 401, "digest"),
    "digest in base64url": (
        publish(claims={"passports": digest(b"x", base64.urlsafe_b64encode).replace("=", "")}),
        401,
        "sha256",
    ),
    "digest of the hexadecimal text": (
        publish(
            claims={"passports": f"sha256-{base64.b64encode(hashlib.sha256(ARRAY).hexdigest().encode()).decode()}"}
        ),
        401,
        "sha256",
    ),
    "digest of the whole body": (publish(claims={"passports": digest(b'{"passports":' + ARRAY + b"}")}), 401, "digest"),
    "digest of another body": (publish(claims={"passports": digest(ARRAY)}), 401, "digest"),
    "signature in DER": (publish(signature="der"), 401, "signature"),
    "signature by another key": (publish(signature="other-key"), 401, "signature"),
    "certificate of an untrusted CA": (
        publish(by=lambda cps: cps.world.service_provider("709J", issuer=cps.world.authority("Other", trusted=False))),
        401,
        "certificate",
    ),
    "certificate of its own": (publish(by=by(self_signed=True)), 401, "certificate"),
    "expired certificate": (publish(by=by(validity=(timedelta(-9), timedelta(-1)))), 401, "certificate"),
    "certificate with two SPCs or none": (publish(by=by(tn_auth_list=bytes.fromhex("3000"))), 401, "TNAuthList"),
    "certificate with a broken TNAuthList": (publish(by=by(tn_auth_list=b"\x16\x01")), 401, "certificate"),
    "retrieve with a publish token": (retrieve(claims={"action": "publish"}), 403, "action"),
    "publish with a retrieve token": (publish(claims={"action": "retrieve"}), 403, "action"),
    "republish by nobody's peer": (publish(claims={"action": "republish"}), 403, "republish"),
    "re-publish, the other spelling": (publish(claims={"action": "re-publish"}), 403, "republish"),
    "two destinations": (publish(claims={"dest": {"tn": [DEST, OTHER]}}), 403, "dest"),
    "another destination": (publish(claims={"dest": {"tn": [OTHER]}}), 403, "dest"),
    "another caller": (retrieve(claims={"orig": {"tn": OTHER}}), 403, "orig"),
    "a number as URI": (retrieve(claims={"orig": {"uri": f"tel:{ORIG}"}}), 403, "orig"),
    "certificate with another SPC": (publish(by=by(spc="123A"), claims={"iss": "709J"}), 403, "iss"),
}

PASSPORTS: dict[str, tuple[Attempt, int, str]] = {
    "about another caller": (publish(passports=passports(orig=OTHER)), 400, "passports[0]: case E16"),
    "about another call": (publish(passports=passports(dest=OTHER)), 400, "E16"),
    "stale": (publish(passports=lambda cps: [cps.passport(iat=cps.world.clock.timestamp() - 61)]), 400, "E15"),
    "tampered": (publish(passports=passports(signature="tampered")), 400, "E18"),
    "signature in DER": (publish(passports=passports(signature="der")), 400, "E18"),
    "the second one is bad": (
        publish(passports=lambda cps: [cps.passport(), cps.passport(signature="other-key")]),
        400,
        "passports[1]: case E18",
    ),
    "untrusted CA": (
        publish(
            passports=lambda cps: [
                cps.world.service_provider("1111", issuer=cps.world.authority("Other", trusted=False)).passport(
                    orig=ORIG, dest=DEST
                )
            ]
        ),
        400,
        "E17",
    ),
    "revoked": (publish(passports=revoked), 400, "E17"),
    "typ JWT": (publish(passports=passports(header={"typ": "JWT"})), 400, "E11"),
    "alg ES384": (publish(passports=passports(header={"alg": "ES384"})), 400, "E12"),
    "no typ": (publish(passports=passports(header={"typ": ABSENT})), 400, "E9"),
    "x5u over http": (publish(passports=passports(header={"x5u": "http://cr.example.net/1"})), 400, "E7"),
    "no attest": (publish(passports=passports(claims={"attest": ABSENT})), 400, "E14"),
    "attest D": (publish(passports=passports(attest="D")), 400, "E19"),
    "header is no JSON": (publish(passports=[PASSPORT]), 400, "E9"),
}

BODIES: dict[str, tuple[Attempt, int, str]] = {
    "no JSON": (publish(body=b"{"), 400, "JSON"),
    "an array": (publish(body=b"[]"), 400, "not an object"),
    "empty": (publish(body=b""), 400, "JSON"),
    "a member twice": (publish(body=b'{"passports":[],"passports":[]}'), 400, "same name"),
    "NaN": (publish(body=b'{"passports":NaN}'), 400, "NaN"),
    "a bottomless array": (publish(body=b'{"passports":' + b"[" * 30000), 400, "JSON"),
    "no passports": (publish(body={}), 400, "passports"),
    "passports is a string": (publish(body={"passports": PASSPORT}), 400, "passports"),
    "no PASSporT": (publish(body={"passports": []}), 400, "passports"),
    "eleven PASSporTs": (publish(body={"passports": [PASSPORT] * 11}), 400, "passports"),
    "a number among them": (publish(body={"passports": [PASSPORT, 7]}), 400, "passports[1]"),
    "null among them": (publish(body={"passports": [None]}), 400, "passports[0]"),
    "compact form": (publish(body={"passports": ["..AAAA"]}), 400, "passports[0]"),
    "padding": (publish(body={"passports": [PASSPORT + "=="]}), 400, "passports[0]"),
    "17 kB PASSporT": (publish(body={"passports": ["a" * 17000 + ".b.c"]}), 400, "passports[0]"),
    "another type": (publish(headers={"Content-Type": "text/plain"}), 415, "application/json"),
    "no type": (publish(headers={"Content-Type": ""}), 415, "application/json"),
    "gzip": (publish(headers={"Content-Encoding": "gzip"}, body=b""), 415, "encoding"),
    "65 kB": (publish(body=b"{" + b" " * 65_536), 413, "65536"),
}

PATHS: dict[str, tuple[Attempt, int, str]] = {
    "empty segment": (retrieve(path=lambda cps: cps.path(orig="")), 400, "ORIG"),
    "encoded slash": (retrieve(path=lambda cps: cps.path(orig="1215555%2F0100")), 400, "ORIG"),
    "broken percent-encoding": (retrieve(path=lambda cps: cps.path(dest="1215%5")), 400, "DEST"),
    "control character": (retrieve(path=lambda cps: cps.path(dest="1215%00")), 400, "DEST"),
    "encoded twice": (retrieve(path=lambda cps: cps.path(dest="%252B12155551212")), 400, "DEST"),
    "letters": (retrieve(path=lambda cps: cps.path(orig="CALLME")), 400, "ORIG"),
    "256 characters": (retrieve(path=lambda cps: cps.path(dest="1" * 256)), 400, "255"),
    "16 digits": (retrieve(path=lambda cps: cps.path(dest="1" * 16)), 400, "DEST"),
    "one segment": (retrieve(path="/passports/12155551212"), 404, ""),
    "four segments": (retrieve(path="/passports/709J/1/2/3"), 404, ""),
    "unknown": (request("GET", "/passport"), 404, ""),
    "PUT": (request("PUT", lambda cps: cps.path()), 405, "Allow"),
    "DELETE": (request("DELETE", lambda cps: cps.path()), 405, "Allow"),
    "POST to health": (request("POST", "/health"), 405, "Allow"),
}

FIRST_GENERATION: dict[str, tuple[Attempt, int, str]] = {
    "no sub": (publish(claims={"sub": ABSENT}), 401, "sub"),
    "sub of another": (publish(claims={"sub": "123A"}), 403, "sub"),
    "a token of generation 2": (publish(generation=2), 403, "generation"),
    "a retrieve token of generation 2": (retrieve(generation=2), 403, "generation"),
    "exp passed": (publish(exp=at(-1)), 401, "exp"),
}

SECOND_GENERATION: dict[str, tuple[Attempt, int, str]] = {
    "neither spc nor sub": (publish(claims={"spc": ABSENT}), 401, "sub"),
    "a token of generation 1": (publish(generation=1), 403, "generation"),
    "a retrieve token of generation 1": (retrieve(generation=1), 403, "generation"),
    "spc of another path": (publish(path=lambda cps: cps.path(spc="123A")), 403, "spc"),
    "publish for another SPC": (publish(spc="123A", path=lambda cps: cps.path(spc="123A")), 403, "spc"),
    "retrieve as another": (retrieve(claims={"iss": "709J"}), 403, "iss"),
    "exp is iat + 61": (publish(exp=at(61)), 400, "exp"),
    "exp passed": (publish(exp=at(-1)), 400, "exp"),
    "exp is now": (publish(exp=at(0)), 400, "exp"),
    "exp as text": (publish(claims={"exp": "1"}), 401, "exp"),
    "exp of a retrieve passed": (retrieve(exp=at(-1)), 401, "exp"),
    "an SPC that is none": (retrieve(path=f"/passports/70*J/{DEST}/{ORIG}"), 400, "SPC"),
}


def rows() -> list[object]:
    """Return every case for every generation that it belongs to."""
    both = TOKENS | {f"PASSporT: {name}": row for name, row in PASSPORTS.items()}
    both |= {f"body: {name}": row for name, row in BODIES.items()} | {
        f"path: {name}": row for name, row in PATHS.items()
    }
    tables = {1: both | FIRST_GENERATION, 2: both | SECOND_GENERATION}
    return [
        pytest.param(generation, *row, id=f"generation {generation}: {name}")
        for generation, table in tables.items()
        for name, row in table.items()
    ]


@pytest.fixture
async def cps() -> AsyncIterator[Cps]:
    """Return a CPS whose generation the test sets."""
    async for running in run_cps():
        yield running


@pytest.mark.clause(
    "cps-1-json",
    "cps-1-decode",
    "cps-1-spc",
    "cps-3-array",
    "cps-3-bounds",
    "cps-3-bad-passport",
    "cps-5-peers",
    "cps-6.1-x5u",
    "cps-6.2-spc",
    "cps-6.2-action",
    "cps-6.2-jti",
    "cps-6.2-orig",
    "cps-6.2-passports",
    "cps-6.3-publish",
    "cps-6.4-1",
    "cps-6.4-2",
    "cps-6.4-4",
    "cps-6.4-5",
    "cps-6.4-6",
    "cps-6.4-7",
    "cps-6.4-8",
    "cps-6.4-8-fetch",
    "cps-6.4-9",
    "cps-6.4-10",
    "cps-7-400",
    "cps-7-401",
    "cps-7-403",
    "cps-7-404",
    "cps-7-405",
    "cps-7-413",
    "cps-7-problem",
    "cps-8-hex",
    "cps-9-60",
    "cps-13-aud",
    "cps-13-iat",
    "cps-13-exp",
    "cps-13-alphabet",
    "cps-13-body",
    "cps-13-dest",
    "cps-13-none",
    "cps-13-der",
    "cps-13-spc",
    "cps-13-mixed",
    "cps-14-5",
    "oob-4.1-forged",
    "oob-5.4-some",
)
@pytest.mark.parametrize(("generation", "attempt", "status", "phrase"), rows())
async def test_refusal(cps: Cps, generation: int, attempt: Attempt, status: int, phrase: str) -> None:
    """The request is refused with its status and a problem document that says why (RFC 9457), and stores nothing."""
    cps.generation = generation

    response = await attempt(cps)
    problem = await response.json(content_type="application/problem+json")

    assert status == response.status, problem
    assert {"type", "title", "status", "detail", "message"} == problem.keys()
    assert (status, problem["title"]) == (problem["status"], problem["message"])
    assert phrase in problem["detail"]
    assert not any(secret in str(problem) for secret in (ORIG, DEST, OTHER, "eyJ", "Traceback"))
    if status == 405:
        assert response.headers["Allow"]
    assert [] == await cps.found()


@pytest.mark.clause("cps-6.4-11", "cps-13-jti", "oob-4.1-replay")
@pytest.mark.parametrize("generation", [1, 2])
async def test_replayed_token(cps: Cps, generation: int) -> None:
    """The same token a second time is refused with 401, on publish and on retrieve."""
    cps.generation = generation
    passport = [cps.passport()]
    token = cps.token("publish", passports=passport)
    asking = cps.token("retrieve")
    first = [(await cps.publish(passport, token=token)).status, (await cps.retrieve(token=asking)).status]
    again = [(await cps.publish(passport, token=token)).status, (await cps.retrieve(token=asking)).status]
    assert ([201, 200], [401, 401]) == (first, again)


@pytest.mark.clause("cps-6.4-11")
@pytest.mark.parametrize("generation", [1, 2])
async def test_jti_is_once_per_iss(cps: Cps, generation: int) -> None:
    """The jti of one provider may be another's, but not in other letters its own."""
    cps.generation = generation
    jti = str(uuid4())
    spoken = [
        await cps.retrieve(jti=jti),
        await cps.retrieve(jti=jti, by=cps.publisher),
        await cps.retrieve(jti=jti.upper()),
    ]
    assert [404, 404, 401] == [response.status for response in spoken]


@pytest.mark.clause("cps-6.4-11")
@pytest.mark.parametrize("generation", [1, 2])
async def test_refused_request_burns_no_jti(cps: Cps, generation: int) -> None:
    """A jti is recorded only after every other check, so that a forged token cannot burn a good one."""
    cps.generation = generation
    jti = str(uuid4())
    forged = await cps.publish(jti=jti, signature="other-key")
    careless = await cps.publish([cps.passport(signature="tampered")], jti=jti)
    good = await cps.publish(jti=jti)
    assert (401, 400, 201) == (forged.status, careless.status, good.status)


@pytest.mark.clause("cps-6.4-cheap")
@pytest.mark.parametrize("name", [*BODIES, "iat 10 minutes old", "wrong aud", "two destinations", "no digest"])
async def test_nothing_is_fetched_for_what_is_refused_anyway(cps: Cps, name: str) -> None:
    """A certificate is fetched only when everything that can be checked without it is right."""
    attempt, _, _ = (BODIES | TOKENS)[name]
    await attempt(cps)
    assert 0 == cps.world.fetcher.fetches.total()


@pytest.mark.clause("cps-6.4-8-fetch", "cps-7-503")
async def test_nothing_trusted_yet_is_503(cps: Cps) -> None:
    """While our own trust material is missing, nobody is refused as untrusted: 503, try again."""
    cps.trusting.trust = None
    responses = [await cps.publish(), await cps.retrieve(), await cps.client.get("/health")]
    assert [503, 503, 503] == [response.status for response in responses]
    assert {"1"} == {response.headers["Retry-After"] for response in responses}
