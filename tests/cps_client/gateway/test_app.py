"""The application as a whole: readiness, logs, defects, and answers to bytes of every kind."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from cps_client.errors import InstantError
from cps_client.gateway import answers, limits
from cps_client.gateway.app import runner_of
from cps_client.gateway.calls import Calls
from cps_client.gateway.readiness import Readiness
from cps_client.origination import Originated
from cps_client.settings import ClientSettings
from stir.aio.clock import SystemClock
from stir.aio.credential import CredentialError
from stir.errors import NumberError, StirError
from tests.cps_client.gateway.conftest import Opened
from tests.support.eventually import eventually
from tests.support.sidecar import PretendLogic, app_of

PATHS = ["/v1/publish", "/v1/retrieve", "/stir/v1/signing", "/v1/verification", "/plain/publish", "/plain/retrieve"]
CALL = {"orig": "12155550100", "dest": "12155551212"}


async def get(http: TestClient, path: str) -> tuple[int, Any]:
    """Return status and answer."""
    async with http.get(path) as answer:
        return answer.status, await answer.json()


async def test_liveness_and_readiness(opened: Opened) -> None:
    """It is alive; it is ready unless it is about to stop; that nobody is trusted is told, and calls still come."""
    anchors, readiness = [1], Readiness(lambda: anchors[0])
    http = await opened(readiness=readiness)
    assert (200, {"live": True}) == await get(http, "/live")
    assert (200, {"ready": True, "checks": {"draining": "ok", "trust": "ok"}}) == await get(http, "/ready")
    anchors[0], readiness.draining = 0, True
    assert (503, {"ready": False, "checks": {"draining": "draining", "trust": "no-trust"}}) == await get(http, "/ready")


async def test_the_last_answer_of_a_connection(opened: Opened) -> None:
    """While it stops, each answer says that the connection ends with it."""
    http = await opened(readiness=Readiness(draining=True))
    async with http.post("/v1/publish", json=CALL) as answer:
        assert (200, "close") == (answer.status, answer.headers["Connection"])


async def test_logs_have_no_numbers(http: TestClient) -> None:
    """A request is one line with route, status and id; what was asked is in none."""
    said = {**CALL, "call_id": "secret-call", "trunk": "secret-trunk", "identity": ["eyJsecret"]}
    with capture_logs() as logs:
        await http.post("/v1/publish", json=said, headers={"X-RequestID": "r-1"})
        await http.post("/v1/publish", json={"orig": 1, "secret": "x"})
    done = [log for log in logs if log["event"] == "request_completed"]
    assert [("/v1/publish", 200), ("/v1/publish", 400)] == [(log["route"], log["status"]) for log in done]
    assert not any(word in json.dumps(logs, default=str) for word in ("1215555", "secret-", "eyJ"))


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/publish", CALL, b"urn:oob-shaken:problem:internal"),
        ("/stir/v1/verification", {}, b"POL5000"),
    ],
)
async def test_a_defect_of_ours(http: TestClient, monkeypatch, path: str, body: object, told: bytes) -> None:
    """What nobody foresaw is 500 in the manner of the face, without a word of our insides."""

    async def fail(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(Calls, "originate", fail)
    monkeypatch.setattr("cps_client.gateway.stirapi.read_json", fail)
    with capture_logs() as logs:
        async with http.post(path, json=body) as answer:
            content = await answer.read()
            assert (500, True, False) == (answer.status, told in content, b"inside" in content)
            assert UUID(answer.headers["X-RequestID"])
    assert "request_failed" in [log["event"] for log in logs]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (NumberError("no number"), (400, "SVC4005", "orig, dest")),
        (CredentialError("no key is set"), (500, "POL5000", "nothing was signed: no key is set")),
        (None, (500, "POL5000", "nothing was signed: the rule is unsigned")),
    ],
)
async def test_nothing_signed_is_told(
    http: TestClient, logic: PretendLogic, error: StirError | None, wanted: tuple[int, str, str]
) -> None:
    """A signing request has no answer without an Identity: it is an error that says why."""
    logic.originated = Originated((), rule="unsigned", error=error)
    request = {
        "attest": "A",
        "iat": int(SystemClock().now().timestamp()),
        "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
        "orig": {"tn": CALL["orig"]},
        "dest": {"tn": [CALL["dest"]]},
    }
    async with http.post("/v1/signing", json={"signingRequest": request}) as answer:
        ((_, body),) = (await answer.json())["requestError"].items()
        assert wanted == (answer.status, body["messageId"], body["variables"][0])


async def test_an_instant_that_the_call_logic_finds_stale(http: TestClient, logic: PretendLogic) -> None:
    """That an iat is stale is told as a mistake in that field."""
    logic.error = InstantError("iat is 70 s old")
    async with http.post("/v1/publish", json=CALL) as answer:
        assert (400, "iat") == (answer.status, (await answer.json())["field"])


async def test_a_client_of_an_older_http(http: TestClient) -> None:
    """A client of HTTP/1.0, which sends no Host, is served."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 5)).endswith(b"200 OK\r\n")
    writer.close()
    await writer.wait_closed()


async def test_a_slow_body(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not arrive in time ends the request, and the connection."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
    head = (
        "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    writer.write(head.encode())
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def listening(logic: PretendLogic) -> AsyncIterator[tuple[str, int]]:
    """Serve as in production, with all bounds, and yield the address."""
    runner = runner_of(app_of(logic), ClientSettings())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0]
    await runner.cleanup()


async def exchanged(address: tuple[str, int], data: bytes) -> bytes:
    """Send *data* and return the head of the answer and what came with it."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(data)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    writer.close()
    await writer.wait_closed()
    return answer


HEAD = b"POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"


async def test_a_body_that_breaks_off(logic: PretendLogic) -> None:
    """A client that goes away in the middle of its body is no defect of ours."""
    with capture_logs() as logs:
        async with listening(logic) as address:
            _, writer = await asyncio.open_connection(*address)
            writer.write(HEAD % 9 + b"\r\n{")
            await writer.drain()
            writer.close()
            await eventually(lambda: "request_completed" in [log["event"] for log in logs])
    assert ["malformed-body"] == [log["error"] for log in logs if log["event"] == "request_refused"]


@pytest.mark.parametrize("body", [b"hello", gzip.compress(b" " * 1_000_000)])
async def test_compressed_bodies_are_refused(logic: PretendLogic, body: bytes) -> None:
    """A body that is compressed, or says so, is 415, and nothing unpacks it."""
    async with listening(logic) as address:
        answer = await exchanged(address, HEAD % len(body) + b"Content-Encoding: gzip\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 415")


async def test_bytes_that_are_no_request(logic: PretendLogic) -> None:
    """What is no HTTP is answered 400 in JSON."""
    async with listening(logic) as address:
        head, _, body = (await exchanged(address, b"\x16\x03\x01\x02\r\n\r\n")).partition(b"\r\n\r\n")
    assert (b"400", 400) == (head.split(b" ")[1], json.loads(body)["status"])


def test_the_last_resort() -> None:
    """A defect that got past every middleware is 500 without a word of our insides."""
    answer = answers.internal()
    assert (500, "urn:oob-shaken:problem:internal") == (answer.status, json.loads(answer.body)["type"])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
IN_BOTH = ["orig", "dest", "identity", "trunk", "attest", "origid", "time", "priority", "field", "format"]
OF_SBCS = ["from", "to", "iat", "tn", "uri", "ppt", "div", "rph", "requestId", "identityHeaders", "protectedHeaders"]
NAMES = st.sampled_from([*IN_BOTH, *OF_SBCS, "signingRequest", "verificationRequest"])
NUMBERS = st.sampled_from([CALL["orig"], {"tn": CALL["orig"]}, {"tn": [CALL["dest"]]}, {"uri": "sip:a@b"}, 0, "A"])
REQUESTS = st.dictionaries(NAMES, NUMBERS | JSON_VALUES, max_size=8)
WRAPPED = st.sampled_from(["signingRequest", "verificationRequest"]).flatmap(
    lambda name: REQUESTS.map(lambda inside: {name: inside})
)


@pytest.mark.parametrize("path", PATHS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=(REQUESTS | WRAPPED | JSON_VALUES).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_hostile_bodies(path: str, body: bytes) -> None:
    """Whatever a body is, there is an answer of 200 or 400 (500 where nothing can be signed), and no defect."""
    kind = "application/x-www-form-urlencoded" if path.startswith("/plain") else "application/json"

    async def send() -> tuple[int, list[str]]:
        from aiohttp.test_utils import TestServer

        async with TestClient(TestServer(app_of(PretendLogic()))) as http:
            with capture_logs() as logs:
                async with http.post(path, data=body, headers={"Content-Type": kind}) as answer:
                    await answer.read()
                    return answer.status, [log["event"] for log in logs]

    status, events = asyncio.run(send())
    assert status in {200, 400}
    assert not {"request_failed", "call_failed"} & set(events)
