"""RFC 8224: base PASSporTs, compact forms and types that are passed over, on whole verdicts."""

from datetime import timedelta

import pytest

from stir.policy import BASE, Policy
from stir.testing import World

CALLER, CALLED = "12155550100", "12155551212"
NUMBER = bytes.fromhex("300FA20D160B3132313535353530313030")
"""TNAuthList with the caller's number."""
OPEN = Policy(types=frozenset({"shaken", BASE}), compact=True)


@pytest.mark.clause("passport-6.1-covers")
async def test_section_6_2_a_certificate_with_numbers_covers_orig() -> None:
    """A base PASSporT passes with a certificate for the calling number, and is 437 with one for another number."""
    world = World()
    for tn_auth_list, case in ((NUMBER, "ok"), (NUMBER[:-1] + b"1", "E17")):
        holder = world.service_provider("709J", tn_auth_list=tn_auth_list)
        token = holder.make(None, orig=CALLER, dest=CALLED)
        shown = (await world.assess(token, orig=CALLER, dest=CALLED, policy=OPEN)).as_dict()
        assert (case, 437 if case == "E17" else None) == (shown["case"], shown["code"])


@pytest.mark.clause("passport-1.5-form", "passport-1.5-rebuild")
async def test_section_4_a_compact_form_is_restored_from_signalling() -> None:
    """Two dots and the signature, with info: header and payload are what signalling says, or the signature fails."""
    world = World()
    holder = world.service_provider("709J", tn_auth_list=NUMBER)
    token = holder.make(None, orig=CALLER, dest=CALLED)
    compact = f"..{token.rpartition('.')[2]};info=<{holder.x5u}>"
    now = world.clock.now()

    async def case(dest: str, date: object) -> str:
        return (await world.assess(compact, orig=CALLER, dest=dest, policy=OPEN, time=date)).as_dict()["case"]

    assert "ok" == await case(CALLED, now)
    assert "E18" == await case("12155551213", now)
    assert "E18" == await case(CALLED, now - timedelta(seconds=1))
    assert "E4" == await case(CALLED, None)


@pytest.mark.clause("passport-2.3-date")
async def test_section_6_2_2_a_date_that_is_not_fresh_is_403() -> None:
    """Where the Date is all there is, it is fresh, or the answer is 403."""
    world = World()
    holder = world.service_provider("709J", tn_auth_list=NUMBER)
    token = holder.make(None, orig=CALLER, dest=CALLED, iat=world.clock.timestamp() - 61)
    compact = f"..{token.rpartition('.')[2]};info=<{holder.x5u}>"
    date = world.clock.now() - timedelta(seconds=61)
    shown = (await world.assess(compact, orig=CALLER, dest=CALLED, policy=OPEN, time=date)).as_dict()

    assert (403, "Stale Date", "No-TN-Validation") == (shown["code"], shown["reason"], shown["verstat"])


@pytest.mark.clause("passport-1.5-optional")
@pytest.mark.parametrize("ppt", ["shaken", "div", "rph", "rcd"])
async def test_section_4_types_with_claims_of_their_own_have_no_compact_form(ppt: str) -> None:
    """Signalling does not say what such claims were, so the compact form cannot be restored: E4."""
    world = World()
    sp = world.service_provider("709J")
    token = sp.passport(orig=CALLER, dest=CALLED)
    policy = Policy(compact=True)
    value = sp.identity(f"..{token.rpartition('.')[2]}", ppt=ppt)

    verdict = await world.assess(value, orig=CALLER, dest=CALLED, policy=policy, time=world.clock.now())
    assert "E4" == verdict.passports[0].case.id


@pytest.mark.clause("passport-1.1-registered", "passport-4.5-pass")
@pytest.mark.parametrize("ppt", ["msec", "msg", "rsp", "vendor"])
async def test_section_6_2_types_that_are_not_judged_are_passed_over(ppt: str) -> None:
    """They say nothing about the number, alone or beside a good PASSporT; the judged types do not hide behind E13."""
    world = World()
    sp = world.service_provider("709J")
    other = sp.make(ppt, orig=CALLER, dest=CALLED)
    shaken = sp.passport(orig=CALLER, dest=CALLED)
    judged = [
        sp.div(orig=CALLER, dest=CALLED, div=CALLED),
        sp.div_o(orig=CALLER, dest=CALLED, div=CALLED, opt=shaken),
        sp.rph(orig=CALLER, dest=CALLED, auth=["ets.0"]),
        sp.rcd(orig=CALLER, dest=CALLED, rcd={"nam": "Example"}),
    ]

    assert (await world.assess(shaken, other, orig=CALLER, dest=CALLED)).passed
    assert not (await world.assess(other, orig=CALLER, dest=CALLED)).passed
    assert "E13" == (await world.assess(other, orig=CALLER, dest=CALLED)).passports[0].case.id
    assert {"ok"} == {
        each.case.id for each in (await world.assess(shaken, *judged, orig=CALLER, dest=CALLED)).passports
    }
