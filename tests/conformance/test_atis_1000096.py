"""ATIS-1000096: parts of the CPS interface that no other test of the server names."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from stir.testing.jws import compact
from stir.token import digest_of
from tests.cps_server.conftest import Cps, run_cps
from tests.support.vectors import VECTORS, needs_vectors


@pytest.fixture(params=[1, 2], ids=["generation-1", "generation-2"])
async def cps(request: pytest.FixtureRequest) -> AsyncIterator[Cps]:
    """Return a CPS, once for each generation of the API."""
    async for running in run_cps():
        running.generation = request.param
        yield running


@pytest.mark.clause("cps-2-open", "cps-2-body")
async def test_health_needs_no_token_and_has_the_printed_body(cps: Cps) -> None:
    """Whoever asks for /health is answered, in the 29 bytes of the example."""
    response = await cps.client.get("/health")

    assert (200, "application/json") == (response.status, response.content_type)
    assert b'{"status":200,"message":"OK"}' == await response.read()


@pytest.mark.clause("cps-4-no-store")
async def test_no_cache_keeps_an_answer(cps: Cps) -> None:
    """What is handed out is metadata of a call, and so is that nothing was found (RFC 9111, section 5.2.2.5)."""
    nothing = await cps.retrieve()
    await cps.publish()
    something = await cps.retrieve()

    assert [(404, "no-store"), (200, "no-store")] == [
        (each.status, each.headers["Cache-Control"]) for each in (nothing, something)
    ]


@pytest.mark.clause("cps-6.2-order")
async def test_the_order_of_a_tokens_claims_does_not_matter(cps: Cps) -> None:
    """The reference clients do not sort claims: any order is read."""
    passport = cps.passport()
    payload = cps.token("publish", passports=[passport]).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    backwards = json.dumps(dict(reversed(claims.items())), indent=1).encode()
    header = {"alg": "ES256", "x5u": cps.publisher.x5u}

    response = await cps.publish([passport], token=compact(header, backwards, cps.publisher.private_key))

    assert 201 == response.status


@needs_vectors
@pytest.mark.clause("cps-8-example")
def test_the_digest_of_the_examples_array_is_not_the_printed_one() -> None:
    """The array of the standard's example has another digest than the one printed beside it."""
    tokens = json.loads((VECTORS / "passports.json").read_text())["tokens"]
    example = next(each["token"] for each in tokens if each["id"] == "vesper-oob-01")
    printed = "sha256-YO4Hq/xE6mkCeuPoYYck5Pt6vACmfbzNfdi6aeq95dA="

    assert "sha256-lMNXrjL2nYYwFWsHdd7Drw0FBfV5ZOAT29gmibECnOw=" == digest_of([example]) != printed
