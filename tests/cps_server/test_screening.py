"""How closely a publish looks at its PASSporTs, and what happens when it cannot look."""

from collections.abc import AsyncIterator

import pytest

from cps_server import keys
from tests.cps_server.conftest import Cps, run_cps

OTHER = "12155559999"


@pytest.fixture
async def checking(request) -> AsyncIterator[Cps]:
    """Return a CPS that checks PASSporTs as the test's parameter says."""
    async for cps in run_cps(verify_passports=request.param):
        yield cps


@pytest.mark.clause("cps-3-screening")
@pytest.mark.parametrize("checking", ["off"], indirect=True)
@pytest.mark.parametrize("knobs", [{"orig": OTHER}, {"signature": "tampered"}, {"header": {"typ": "JWT"}}])
async def test_off_takes_any_jws(checking: Cps, knobs: dict) -> None:
    """Off: whatever is a JWS is carried, and its retriever judges it."""
    assert 201 == (await checking.publish([checking.passport(**knobs)])).status


@pytest.mark.parametrize("checking", ["off"], indirect=True)
async def test_off_still_wants_a_jws(checking: Cps) -> None:
    """Off: stray bits in base64url are no JWS, and refused by index and case."""
    response = await checking.publish([checking.passport(), "eyJ.e30.AAB"])
    assert 400 == response.status
    assert "passports[1]: case E4" in (await response.json(content_type=None))["detail"]


@pytest.mark.clause("cps-3-screening", "cps-9-iat")
@pytest.mark.parametrize("checking", ["shape"], indirect=True)
@pytest.mark.parametrize(
    ("knobs", "status"),
    [
        ({}, 201),
        ({"signature": "tampered"}, 201),
        ({"iat": 1_600_000_000}, 201),
        ({"header": {"x5u": "http://cr.example.net/1"}}, 201),
        ({"orig": OTHER}, 400),
        ({"dest": OTHER}, 400),
        ({"header": {"typ": "JWT"}}, 400),
        ({"claims": {"attest": 1}}, 400),
    ],
)
async def test_shape_looks_at_form_and_call(checking: Cps, knobs: dict, status: int) -> None:
    """Shape: form and numbers are checked; freshness, certificate and signature are the retriever's business."""
    assert status == (await checking.publish([checking.passport(**knobs)])).status


@pytest.mark.clause("cps-3-unchecked")
@pytest.mark.parametrize("checking", ["full"], indirect=True)
@pytest.mark.parametrize("fault", ["down", "fail"])
async def test_full_carries_what_it_could_not_check(checking: Cps, fault: str) -> None:
    """Full: a PASSporT whose repository is down is carried and counted; its retriever judges it."""
    signer = checking.world.service_provider("1111")
    getattr(checking.world.fetcher, fault)(signer.x5u)

    response = await checking.publish([signer.passport(orig="12155550100", dest="12155551212")])

    assert 201 == response.status
    assert {"fetch-failed": 1} == dict(checking.app[keys.screening].unchecked)


@pytest.mark.clause("cps-3-screening")
@pytest.mark.parametrize("checking", ["full"], indirect=True)
async def test_full_refuses_a_repository_that_serves_no_chain(checking: Cps) -> None:
    """Full: what is served at x5u and is no certificate chain refuses the PASSporT (E17)."""
    signer = checking.world.service_provider("1111", chain="public-key")
    response = await checking.publish([signer.passport(orig="12155550100", dest="12155551212")])
    assert 400 == response.status
    assert "case E17" in (await response.json(content_type=None))["detail"]


@pytest.mark.parametrize("checking", ["full"], indirect=True)
async def test_replaced_certificate_is_fetched_again(checking: Cps) -> None:
    """A provider that renews at the same URL is believed at once, although the old chain is cached."""
    await checking.publish()
    checking.world.clock.advance(60)
    checking.publisher = checking.world.renew(checking.publisher)
    assert 201 == (await checking.publish()).status


@pytest.mark.parametrize("checking", ["shape", "full"], indirect=True)
@pytest.mark.parametrize(
    ("ppt", "claims", "case"),
    [
        ("div", {"div": {"tn": OTHER}}, None),
        ("div", {}, "E14"),
        ("div-o", {"div": {"tn": OTHER}, "opt": "a.b.c"}, None),
        ("div-o", {"div": {"tn": OTHER}}, "E14"),
        ("rph", {"rph": {"auth": ["ets.0"]}}, None),
        ("rph", {"rph": {"auth": "ets.0"}}, "E14"),
        ("rcd", {"rcd": {"nam": "Q"}, "rcdi": "old"}, None),
        ("rcd", {"rcd": {}}, "E14"),
        ("msg", {}, None),
        (None, {}, None),
        ("div", {"div": {"tn": OTHER}, "orig": {"tn": OTHER}}, "E16"),
    ],
)
async def test_each_type_has_its_own_claims(checking: Cps, ppt: str | None, claims: dict, case: str | None) -> None:
    """Shape and full: each PASSporT is checked by itself, by its type's claims; unknown types are carried."""
    token = checking.publisher.make(ppt, orig="12155550100", dest="12155551212", claims=claims)
    response = await checking.publish([token])
    assert (400 if case else 201) == response.status
    if case:
        assert f"case {case}" in (await response.json(content_type=None))["detail"]


@pytest.mark.parametrize("checking", ["full"], indirect=True)
async def test_a_chain_is_published_whole(checking: Cps) -> None:
    """Full: one of the dest is the called number, the others are those it was reached by; all are of one caller."""
    sp = checking.publisher
    shaken = sp.passport(orig="12155550100", dest=OTHER)
    div = sp.div(orig="12155550100", dest="12155551212", div=OTHER)
    assert 201 == (await checking.publish([shaken, div])).status
    assert 400 == (await checking.publish([shaken])).status
