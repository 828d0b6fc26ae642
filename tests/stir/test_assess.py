"""The PASSporTs of a call are judged together: diversions, priority, caller data, and one verdict."""

from typing import Any

import pytest

from stir import limits
from stir.policy import BASE, TYPES, Policy
from stir.testing import ABSENT, ServiceProvider, World
from stir.testing.tnauthlist import numbers
from stir.testing.world import DEST, ORIG
from stir.verdict import Verdict

DIALLED, SECOND, OTHER = "12155550199", "12155550198", "12155550666"


@pytest.fixture
def world() -> World:
    """Return a world whose clock stands still."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """Return a provider in good standing."""
    return world.service_provider("709J")


def cases(verdict: Verdict) -> list[str]:
    """Return the case of each PASSporT."""
    return [result.case.id for result in verdict.passports]


def shaken(sp: ServiceProvider, dest: str = DIALLED, **made: Any) -> str:
    """Return a shaken PASSporT of the caller."""
    return sp.passport(orig=ORIG, dest=dest, **made)


def div(sp: ServiceProvider, dest: str = DEST, div: str = DIALLED, **made: Any) -> str:
    """Return a div PASSporT for the call."""
    return sp.div(**{"orig": ORIG, "dest": dest, "div": div} | made)


async def test_a_diverted_call_passes_by_its_chain(world: World, sp: ServiceProvider) -> None:
    """Each div leads from the called number to the one before, and the last to the shaken one (RFC 8946, 4.2)."""
    away = world.service_provider("1234")
    values = [div(away, DEST, SECOND, hi="1.2"), shaken(sp), div(away, SECOND, DIALLED)]
    verdict = await world.assess(*values)

    assert verdict.passed
    assert ["ok"] * 3 == cases(verdict)
    assert ("A", "709J", DIALLED) == (verdict.attest, verdict.spc, verdict.as_dict()["dest"][0])
    assert [
        {"div": {"tn": SECOND, "hi": "1.2"}, "verstat": "TN-Validation-Passed"},
        {"div": {"tn": DIALLED}, "verstat": "TN-Validation-Passed"},
    ] == verdict.as_dict()["diversions"]


async def test_in_header_fields_a_chain_passes_too(world: World, sp: ServiceProvider) -> None:
    """Each Identity header names the ppt of its own PASSporT."""
    assert (await world.assess(sp.identity(shaken(sp)), sp.identity(div(sp), ppt="div"))).passed


async def test_a_broken_chain_is_no_binding(world: World, sp: ServiceProvider) -> None:
    """A shaken PASSporT that no chain connects to the called number is about another call (case E16)."""
    for links in ([], [div(sp, SECOND)], [div(sp, DEST, SECOND)], [div(sp, orig=OTHER)], [div(sp, OTHER)]):
        verdict = await world.assess(shaken(sp), *links)
        assert ("E16", "No-TN-Validation") == (verdict.decisive.case.id, verdict.verstat)
        assert "shaken" == verdict.decisive.ppt
    assert 0 == world.fetcher.fetches[sp.x5u] - 1  # the div that leads from the called number, and no other


@pytest.mark.parametrize(
    ("defect", "case", "verstat"),
    [
        ({"signature": "other-key"}, "E18", "TN-Validation-Failed"),
        ({"iat": 1}, "E15", "No-TN-Validation"),
        ({"header": {"typ": "JWT"}}, "E11", "No-TN-Validation"),
    ],
)
async def test_a_bad_link_breaks_the_chain(
    world: World, sp: ServiceProvider, defect: dict[str, Any], case: str, verstat: str
) -> None:
    """What is behind a div that does not hold is not about the call, however good by itself; each has its result."""
    verdict = await world.assess(shaken(sp), div(sp, DEST, SECOND, **defect), div(sp, SECOND))

    assert ["E16", case, "E16"] == cases(verdict)
    assert [verstat, "No-TN-Validation"] == [each["verstat"] for each in verdict.as_dict()["diversions"]]
    assert (False, None, None) == (verdict.passed, verdict.attest, verdict.spc)


async def test_a_div_by_nobody_in_particular_breaks_the_chain(world: World, sp: ServiceProvider) -> None:
    """Only a provider under a trusted STI-CA may say that it sent a call on (case E17)."""
    rogue = world.service_provider("6666", issuer=world.authority("Rogue", trusted=False))
    assert ["E16", "E17"] == cases(await world.assess(shaken(sp), div(rogue)))


async def test_a_bad_link_does_no_harm_beside_a_good_one(world: World, sp: ServiceProvider) -> None:
    """Each PASSporT is judged by itself: a forged div does not hinder the real one."""
    verdict = await world.assess(shaken(sp), div(sp, signature="other-key"), div(sp))
    assert verdict.passed
    assert ["ok", "E18", "ok"] == cases(verdict)


async def test_a_div_that_leads_nowhere_leaves_a_direct_one_alone(world: World, sp: ServiceProvider) -> None:
    """A shaken PASSporT for the called number needs no chain."""
    verdict = await world.assess(div(sp, OTHER), shaken(sp, DEST), div(sp, DEST, SECOND))
    assert verdict.passed
    assert ["E16", "ok", "ok"] == cases(verdict)


async def test_of_several_that_pass_the_best_attested_decides(world: World, sp: ServiceProvider) -> None:
    """Each is a signed statement: the highest level is reported, directly or by a chain, and all are kept."""
    away = world.service_provider("1234")
    verdict = await world.assess(shaken(sp, DEST, attest="B"), shaken(away, attest="A"), div(sp), shaken(sp, DEST))
    assert ("A", "1234") == (verdict.attest, verdict.spc)
    assert ["ok"] * 4 == cases(verdict)


async def test_a_call_with_diversions_only_has_no_validation(world: World, sp: ServiceProvider) -> None:
    """A div says nothing about who called by itself."""
    verdict = await world.assess(div(sp))
    assert ("none", "No-TN-Validation", None, None) == tuple(
        verdict.as_dict()[name] for name in ("case", "verstat", "spc", "revocation")
    )
    assert ["ok"] == cases(verdict)


def nested(sp: ServiceProvider, levels: int, inner: str | None = None) -> str:
    """Return a div-o PASSporT with *levels* of them around a shaken one."""
    stops = [DEST, *(f"1215555{place:04}" for place in range(levels))]
    token = inner or shaken(sp, stops[-1])
    for place in range(levels, 0, -1):
        token = sp.div_o(orig=ORIG, dest=stops[place - 1], div=stops[place], opt=token)
    return token


@pytest.mark.parametrize("levels", [1, 2, limits.DIV_O_DEPTH])
async def test_a_div_o_holds_its_whole_chain(world: World, sp: ServiceProvider, levels: int) -> None:
    """The PASSporT before is inside, and that may be a div-o again (RFC 8946, section 5); all are verified."""
    verdict = await world.assess(nested(sp, levels))

    assert verdict.passed
    assert ["div-o"] * levels + ["shaken"] == [result.ppt for result in verdict.passports]
    assert levels == len(verdict.diversions)


async def test_a_div_o_is_not_unfolded_without_end(world: World, sp: ServiceProvider) -> None:
    """Past the limit a div-o is refused with what is inside (case E14), and the chain is broken."""
    verdict = await world.assess(nested(sp, limits.DIV_O_DEPTH + 1))
    assert "E14" == cases(verdict)[-1]
    assert limits.DIV_O_DEPTH + 1 == len(verdict.passports)
    assert not verdict.passed


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"orig": OTHER, "dest": DIALLED}, ["E16", "E16"]),
        ({"orig": ORIG, "dest": OTHER}, ["E16", "E16"]),
        ({"orig": ORIG, "dest": DEST}, ["E16", "ok"]),
        ({"orig": ORIG, "dest": DIALLED, "signature": "other-key"}, ["ok", "E18"]),
        ({"orig": ORIG, "dest": DIALLED, "iat": 1}, ["ok", "E15"]),
        ({"orig": ORIG, "dest": DIALLED, "claims": {"attest": ABSENT}}, ["ok", "E14"]),
    ],
)
async def test_a_div_o_continues_the_call_inside_it(
    world: World, sp: ServiceProvider, inner: dict[str, Any], expected: list[str]
) -> None:
    """The inner orig is the outer one, the outer div one of the inner dest; else the div-o is about another call."""
    verdict = await world.assess(sp.div_o(orig=ORIG, dest=DEST, div=DIALLED, opt=sp.passport(**inner)))
    assert expected == cases(verdict)


async def test_a_div_o_that_is_refused_is_not_unfolded(world: World, sp: ServiceProvider) -> None:
    """What is inside a div-o that is stale or unreadable does not count: nobody vouches for how it came here."""
    stale = sp.div_o(orig=ORIG, dest=DEST, div=DIALLED, opt=shaken(sp, DEST), iat=1)
    assert ["E15"] == cases(await world.assess(stale))
    assert ["ok", "E4"] == cases(await world.assess(sp.div_o(orig=ORIG, dest=DEST, div=DIALLED, opt="..AAAA")))


async def test_priority_is_judged_apart_from_the_number(world: World, sp: ServiceProvider) -> None:
    """An rph PASSporT that fails leaves the number alone, and the other way round (RFC 8443, section 5)."""
    rph = sp.rph(orig=ORIG, dest=DEST, auth=["ets.0", "wps.1"])
    for values, asked, number, priority in (
        ([shaken(sp, DEST), rph], ("ets.0",), True, "RPH-Validation-Passed"),
        ([shaken(sp, DEST), rph], ("ets.1",), True, "No-RPH-Validation"),
        ([shaken(sp, DEST, signature="other-key"), rph], (), False, "RPH-Validation-Passed"),
        ([rph], ("wps.1", "ets.0"), False, "RPH-Validation-Passed"),
        ([rph.rpartition(".")[0] + "." + "A" * 86], (), False, "RPH-Validation-Failed"),
    ):
        verdict = await world.assess(*values, resource_priority=asked)
        assert number is verdict.passed
        assert priority == verdict.as_dict()["priority"]["verstat"]


async def test_an_emergency_call_is_addressed_by_dial_string_or_urn(world: World, sp: ServiceProvider) -> None:
    """On its way a call to 911 becomes one to urn:service:sos: for priority they are one (RFC 9027, section 4)."""
    for signed, called in (("911", "911"), ("911", "urn:service:sos"), ("urn:service:sos", "911")):
        verdict = await world.assess(sp.rph(orig=ORIG, dest=signed, auth=["esnet.1"]), dest=called)
        assert {"verstat": "RPH-Validation-Passed", "auth": ["esnet.1"], "sph": None} == verdict.as_dict()["priority"]
    for signed, called in (("911", DEST), (DEST, "911")):
        assert ["E16"] == cases(await world.assess(sp.rph(orig=ORIG, dest=signed, auth=["esnet.1"]), dest=called))
    assert ["E16"] == cases(await world.assess(sp.passport(orig=ORIG, dest="911"), dest="urn:service:sos"))


async def test_a_call_back_from_an_emergency_centre(world: World, sp: ServiceProvider) -> None:
    """The claim sph protects Priority: psap-callback (RFC 9027, section 5)."""
    rph = sp.rph(orig=ORIG, dest=DEST, auth=["esnet.0"], sph="psap-callback")
    assert "psap-callback" == (await world.assess(rph, priority="psap-callback")).as_dict()["priority"]["sph"]
    assert ["E16"] == cases(await world.assess(rph, priority="emergency"))


async def test_caller_data_is_about_this_call(world: World, sp: ServiceProvider) -> None:
    """An rcd PASSporT is bound to the call as any other, directly or by a chain."""
    token = sp.rcd(orig=ORIG, dest=DIALLED, rcd={"nam": "Q"}, claims={"crn": "Rendezvous"})
    assert (await world.assess(token)).rcd is None
    verdict = await world.assess(token, div(sp), shaken(sp))
    assert verdict.rcd is not None
    assert ("Q", "Rendezvous") == (verdict.rcd.members["nam"], verdict.rcd.members["crn"])


@pytest.mark.parametrize("rcd", [{"nam": 1}, "x", {"nam": "Q", "jcl": "cid:x"}])
async def test_caller_data_does_not_spoil_the_number(world: World, sp: ServiceProvider, rcd: object) -> None:
    """What a shaken PASSporT carries along and cannot be shown is withheld, and its number stands (RFC 9795)."""
    shown = (await world.assess(shaken(sp, DEST, claims={"rcd": rcd, "rcdi": "old", "mky": [], "x": 1}))).as_dict()
    assert ("ok", True) == (shown["case"], bool(shown["rcd"]["withheld"]))


async def test_types_that_are_not_judged_spoil_nothing(world: World, sp: ServiceProvider) -> None:
    """An rsp, msg or msec PASSporT is passed over (RFC 8224, section 6.2)."""
    others = [sp.make(ppt, orig=ORIG, dest=DEST) for ppt in ("rsp", "msg", "msec")]
    assert ["E13", "E13", "E13", "ok"] == cases(await world.assess(*others, shaken(sp, DEST)))
    assert (await world.assess(*others, shaken(sp, DEST))).passed
    assert "E13" == (await world.assess(*others)).decisive.case.id


async def test_a_base_passport_vouches_for_a_number_where_allowed(world: World, sp: ServiceProvider) -> None:
    """With a certificate for the number a base PASSporT passes, without attestation; chains lead to it too."""
    own = world.service_provider("1111", tn_auth_list=numbers(ORIG))
    base = Policy(types=TYPES | {BASE})
    verdict = await world.assess(own.make(None, orig=ORIG, dest=DIALLED), div(sp), policy=base)

    assert (True, None, None) == (verdict.passed, verdict.attest, verdict.spc)
    assert "E9" == (await world.assess(own.make(None, orig=ORIG, dest=DEST))).decisive.case.id
    assert "E17" == (await world.assess(sp.make(None, orig=ORIG, dest=DEST), policy=base)).decisive.case.id
    assert "E16" == (await world.assess(own.make(None, orig=OTHER, dest=DEST), policy=base)).decisive.case.id


async def test_a_result_names_as_much_as_is_known(world: World, sp: ServiceProvider) -> None:
    """Signer and revocation are those of a good certificate; a div that is stale is told with its div claim."""
    verdict = await world.assess(shaken(sp), div(sp, DEST, SECOND), div(sp, iat=1), div(sp, claims={"div": 1}))

    assert [None, "709J", None, None] == [result.spc for result in verdict.passports]
    assert [SECOND, DIALLED] == [each["div"]["tn"] for each in verdict.as_dict()["diversions"]]
    assert "checked" == (await world.assess(shaken(sp, DEST))).as_dict()["revocation"]


async def test_nothing_is_fetched_for_what_has_no_way_to_the_call(world: World, sp: ServiceProvider) -> None:
    """A stranger cannot make us fetch by PASSporTs about other calls, of any type."""
    for value in (shaken(sp), div(sp, OTHER), sp.rph(orig=ORIG, dest=OTHER, auth=["ets.0"]), div(sp, orig=OTHER)):
        assert ["E16"] == cases(await world.assess(value))
    assert 0 == world.fetcher.fetches[sp.x5u]
