"""Receiving: a republish is believed only from a peer, and only with both tokens right."""

from datetime import timedelta

import pytest
from aiohttp import ClientResponse

from stir.testing import ABSENT
from tests.cps_server.federation.conftest import Meshed

OTHER = "12155559999"


async def republished(
    mesh: Meshed, *, passports: list[str] | None = None, original: str | None = None, token: str | None = None, **knobs
) -> ClientResponse:
    """Republish to the second CPS as the first one would, with a defect if the test wants one."""
    node = mesh.others[0]
    passports = passports or [mesh.first.passport()]
    original = original or mesh.first.token("publish", passports=passports, aud="cps-0.example")
    token = token or mesh.republish_token(original, passports, **knobs)
    return await node.publish(passports, token=token, body={"passports": passports, "token": original})


async def retrieved(mesh: Meshed) -> ClientResponse:
    """Retrieve at the second CPS."""
    return await mesh.others[0].retrieve(aud="cps-1.example")


@pytest.mark.clause("cps-4-republish-token")
async def test_a_peer_is_believed(mesh: Meshed) -> None:
    """A republish by a configured peer is stored with both tokens, the publisher's first."""
    passports = [mesh.first.passport()]
    original = mesh.first.token("publish", passports=passports, aud="cps-0.example")
    token = mesh.republish_token(original, passports)
    assert 201 == (await republished(mesh, passports=passports, original=original, token=token)).status
    assert {"tokens": [original, token], "passports": passports} == await (await retrieved(mesh)).json()


async def test_it_dies_when_it_would_have_died_here(mesh: Meshed) -> None:
    """A republish that took ten seconds lives for the remaining five."""
    passports = [mesh.first.passport()]
    original = mesh.first.token("publish", passports=passports, aud="cps-0.example")
    mesh.world.clock.advance(timedelta(seconds=10))
    assert 201 == (await republished(mesh, passports=passports, original=original)).status
    mesh.world.clock.advance(timedelta(seconds=4.999))
    assert 200 == (await retrieved(mesh)).status
    mesh.world.clock.advance(timedelta(seconds=0.001))
    assert 404 == (await retrieved(mesh)).status


async def test_what_is_past_its_life_is_refused(mesh: Meshed) -> None:
    """A republish of what is dead here already is refused, not stored."""
    passports = [mesh.first.passport()]
    original = mesh.first.token("publish", passports=passports, aud="cps-0.example")
    mesh.world.clock.advance(timedelta(seconds=15))
    assert 400 == (await republished(mesh, passports=passports, original=original)).status


def original_by(knobs: dict):
    """Return a maker of original tokens with *knobs*."""
    return lambda mesh, passports: mesh.first.token(
        "publish", passports=passports, **({"aud": "cps-0.example"} | knobs)
    )


@pytest.mark.clause("cps-5-aud", "cps-5-iss", "cps-5-embedded")
@pytest.mark.parametrize(
    ("knobs", "original", "status", "phrase"),
    [
        ({"aud": "cps-2.example"}, {}, 401, "aud"),
        ({"claims": {"sub": "123A"}}, {}, 403, "sub"),
        ({"claims": {"sub": "709J", "orig": {"tn": OTHER}}}, {}, 403, "orig"),
        ({"claims": {"sub": "709J", "passports": ABSENT}}, {}, 401, "digest"),
        ({"signature": "other-key"}, {}, 401, "signature"),
        ({"claims": {"sub": "709J", "iss": "CPS2"}}, {}, 403, "iss"),
        ({"claims": {"sub": "709J", "iss": "709J"}}, {}, 403, "peer"),
        ({}, {"signature": "other-key"}, 401, "signature"),
        ({}, {"iat": 1_600_000_000}, 401, "old"),
        ({}, {"claims": {"action": "retrieve"}}, 403, "action"),
        ({}, {"claims": {"dest": {"tn": [OTHER]}}}, 403, "dest"),
        ({}, {"claims": {"passports": ABSENT}}, 401, "digest"),
        ({}, {"generation": 2}, 403, "generation"),
        ({}, {"header": {"x5u": "http://cr.example.net/a"}}, 401, "x5u"),
    ],
)
async def test_both_tokens_are_checked(mesh: Meshed, knobs: dict, original: dict, status: int, phrase: str) -> None:
    """The peer's token in full, the publisher's but for its aud; what fails stores nothing."""
    passports = [mesh.first.passport()]
    first = original_by(original)(mesh, passports)
    response = await republished(mesh, passports=passports, original=first, **knobs)
    assert status == response.status
    assert phrase in (await response.json(content_type=None))["detail"]
    assert 404 == (await retrieved(mesh)).status


@pytest.mark.clause("cps-5-peers")
async def test_a_provider_is_no_peer(mesh: Meshed) -> None:
    """A genuine provider that is no peer may not republish."""
    passports = [mesh.first.passport()]
    token = mesh.first.token("republish", by=mesh.first.retriever, passports=passports, aud="cps-1.example")
    assert 403 == (await republished(mesh, passports=passports, token=token)).status


@pytest.mark.clause("cps-5-body")
async def test_the_original_token_is_needed(mesh: Meshed) -> None:
    """A republish without the publisher's token is malformed."""
    passports = [mesh.first.passport()]
    token = mesh.republish_token("", passports)
    response = await mesh.others[0].publish(passports, token=token, body={"passports": passports})
    assert 400 == response.status
    assert "token" in (await response.json(content_type=None))["detail"]


async def test_a_bad_passport_is_not_believed_from_a_peer_either(mesh: Meshed) -> None:
    """A hostile peer cannot plant a PASSporT that fails its check."""
    assert 400 == (await republished(mesh, passports=[mesh.first.passport(signature="tampered")])).status


async def test_a_replayed_republish_is_refused(mesh: Meshed) -> None:
    """The same republish token is good once."""
    passports = [mesh.first.passport()]
    original = mesh.first.token("publish", passports=passports, aud="cps-0.example")
    token = mesh.republish_token(original, passports)
    answers = [await republished(mesh, passports=passports, original=original, token=token) for _ in range(2)]
    assert [201, 401] == [answer.status for answer in answers]


@pytest.mark.clause("cps-14-4")
async def test_nothing_is_republished_under_an_spc(mesh: Meshed) -> None:
    """The second generation has no mesh."""
    node = mesh.others[0]
    node.generation = mesh.first.generation = 2
    passports = [mesh.first.passport()]
    token = mesh.republish_token("", passports, claims={"spc": "709J"})
    response = await node.publish(passports, token=token, body={"passports": passports, "token": token})
    assert 403 == response.status
