"""RFC 8946: diverted calls, clause by clause, on whole verdicts."""

from itertools import pairwise

import pytest

from stir.diversion import Link, reach
from stir.testing import ABSENT, ServiceProvider, World
from stir.tn import Party
from stir.verdict import Verdict

CALLER, FIRST, SECOND, CALLED = "12155550100", "12155550111", "12155550122", "12155551212"


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """Return a provider in good standing."""
    return world.service_provider("709J")


def chain(sp: ServiceProvider, *numbers: str) -> list[str]:
    """Return the PASSporTs of a call that was sent from number to number: the shaken one, then the div ones."""
    first = sp.passport(orig=CALLER, dest=numbers[0])
    return [first, *(sp.div(orig=CALLER, dest=to, div=by) for by, to in pairwise(numbers))]


def cases(verdict: Verdict) -> list[str]:
    """Return the case of each PASSporT."""
    return [each.case.id for each in verdict.passports]


async def judged(world: World, *passports: str) -> Verdict:
    """Return the verdict on the call as it arrives."""
    return await world.assess(*passports, orig=CALLER, dest=CALLED)


@pytest.mark.clause("passport-4.2-claims")
@pytest.mark.parametrize(
    "div", [ABSENT, {}, FIRST, [FIRST], {"tn": [FIRST]}, {"tn": FIRST, "uri": "sip:a@example.com"}]
)
async def test_section_3_div_is_one_identity(world: World, sp: ServiceProvider, div: object) -> None:
    """A div is an object with one tn or uri (case E14 else); a URI will do."""
    shaken, diverted = chain(sp, FIRST, CALLED)
    wrong = sp.div(orig=CALLER, dest=CALLED, div=FIRST, claims={"div": div})
    by_uri = [
        sp.passport(orig=CALLER, dest="sip:help@example.com"),
        sp.div(orig=CALLER, dest=CALLED, div="sip:help@example.com"),
    ]

    assert (await judged(world, shaken, diverted)).passed
    assert (await judged(world, *by_uri)).passed
    assert ["E16", "E14"] == cases(await judged(world, shaken, wrong))


@pytest.mark.clause("passport-4.2-hi")
async def test_section_3_hi_is_a_string(world: World, sp: ServiceProvider) -> None:
    """The index of History-Info is a string, and is handed on with the diversion."""
    shaken = sp.passport(orig=CALLER, dest=FIRST)
    good = await judged(world, shaken, sp.div(orig=CALLER, dest=CALLED, div=FIRST, hi="1.2"))
    bad = await judged(
        world, shaken, sp.div(orig=CALLER, dest=CALLED, div=FIRST, claims={"div": {"tn": FIRST, "hi": 1}})
    )

    assert [{"div": {"tn": FIRST, "hi": "1.2"}, "verstat": "TN-Validation-Passed"}] == good.as_dict()["diversions"]
    assert ["E16", "E14"] == cases(bad)


@pytest.mark.clause("passport-4.2-orig")
async def test_section_3_orig_is_the_callers_in_every_member(world: World, sp: ServiceProvider) -> None:
    """A diversion of another caller's call leads nowhere."""
    shaken = sp.passport(orig=CALLER, dest=FIRST)

    assert ["E16", "E16"] == cases(await judged(world, shaken, sp.div(orig=SECOND, dest=CALLED, div=FIRST)))


@pytest.mark.clause("passport-4.2-direct")
async def test_section_6_a_shaken_one_for_the_target_needs_no_chain(world: World, sp: ServiceProvider) -> None:
    """A PASSporT for caller and target is enough; a diversion of some other number does not spoil it."""
    shaken = sp.passport(orig=CALLER, dest=CALLED)

    assert (await judged(world, shaken)).passed
    assert (await judged(world, shaken, sp.div(orig=CALLER, dest=SECOND, div=FIRST))).passed


@pytest.mark.clause("passport-4.2-chain", "passport-2.2-diverted")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_section_6_the_chain_leads_from_the_target_to_the_shaken_one(
    world: World, sp: ServiceProvider, order: tuple[int, ...]
) -> None:
    """From the Request-URI each div leads to the number before, in any order, though To still names the first."""
    passports = chain(sp, FIRST, SECOND, CALLED)
    verdict = await judged(world, *(passports[place] for place in order))

    assert verdict.passed
    assert [FIRST] == verdict.as_dict()["dest"]


@pytest.mark.clause("passport-4.2-broken")
@pytest.mark.parametrize("missing", [1, 2])
async def test_section_6_a_broken_chain_is_a_mismatch(world: World, sp: ServiceProvider, missing: int) -> None:
    """Without one of its members nothing connects the shaken PASSporT with the called number: case E16."""
    passports = chain(sp, FIRST, SECOND, CALLED)
    del passports[missing]
    shown = (await judged(world, *passports)).as_dict()

    assert ("E16", 438, "No-TN-Validation") == (shown["case"], shown["code"], shown["verstat"])


@pytest.mark.clause("passport-4.2-once")
async def test_section_6_a_loop_ends(world: World, sp: ServiceProvider) -> None:
    """Numbers that send on to each other do not keep the verifier busy, and prove nothing by themselves."""
    loop = [sp.div(orig=CALLER, dest=CALLED, div=FIRST), sp.div(orig=CALLER, dest=FIRST, div=CALLED)]

    assert not (await judged(world, sp.passport(orig=CALLER, dest=SECOND), *loop)).passed
    assert (await judged(world, sp.passport(orig=CALLER, dest=FIRST), *loop)).passed


@pytest.mark.clause("passport-4.2-each")
@pytest.mark.parametrize("bad", ["signature", "certificate", "form"])
async def test_section_6_a_bad_member_breaks_the_chain(world: World, sp: ServiceProvider, bad: str) -> None:
    """Each member is verified on its own; a diversion that is not good leads nowhere."""
    rogue = world.service_provider("1234", issuer=world.authority("Rogue", trusted=False))
    link = {
        "signature": sp.div(orig=CALLER, dest=CALLED, div=FIRST, signature="other-key"),
        "certificate": rogue.div(orig=CALLER, dest=CALLED, div=FIRST),
        "form": sp.div(orig=CALLER, dest=CALLED, div=FIRST, header={"typ": "JWT"}),
    }[bad]
    verdict = await judged(world, sp.passport(orig=CALLER, dest=FIRST), link)

    assert ["E16", {"signature": "E18", "certificate": "E17", "form": "E11"}[bad]] == cases(verdict)
    assert not verdict.passed


@pytest.mark.clause("passport-4.2-fresh")
async def test_section_6_every_member_is_fresh(world: World, sp: ServiceProvider) -> None:
    """An old diversion, or an old original, is E15 by the same window."""
    now = world.clock.timestamp()
    shaken, diverted = sp.passport(orig=CALLER, dest=FIRST), sp.div(orig=CALLER, dest=CALLED, div=FIRST)
    old = sp.passport(orig=CALLER, dest=FIRST, iat=now - 61)

    assert ["E16", "E15"] == cases(
        await judged(world, shaken, sp.div(orig=CALLER, dest=CALLED, div=FIRST, iat=now - 61))
    )
    assert "E15" == cases(await judged(world, old, diverted))[0]


@pytest.mark.clause("passport-4.2-report")
async def test_every_diversion_is_reported_by_itself(world: World, sp: ServiceProvider) -> None:
    """The verdict has a result for each diversion, as divResult of 3GPP TS 24.229 has it."""
    passports = [*chain(sp, FIRST, CALLED), sp.div(orig=CALLER, dest=CALLED, div=SECOND, signature="other-key")]

    assert [
        {"div": {"tn": FIRST}, "verstat": "TN-Validation-Passed"},
        {"div": {"tn": SECOND}, "verstat": "TN-Validation-Failed"},
    ] == (await judged(world, *passports)).as_dict()["diversions"]


@pytest.mark.clause("passport-4.2-certificate")
async def test_a_diversion_is_signed_with_a_code(world: World, sp: ServiceProvider) -> None:
    """In SHAKEN the signer of a div has an SPC certificate (ATIS-1000085); one for numbers only is E17."""
    delegate = world.service_provider("1234", tn_auth_list=bytes.fromhex("300FA20D160B3132313535353530313131"))
    verdict = await judged(
        world, sp.passport(orig=CALLER, dest=FIRST), delegate.div(orig=CALLER, dest=CALLED, div=FIRST)
    )

    assert ["E16", "E17"] == cases(verdict)


@pytest.mark.clause("passport-1.5-div")
async def test_section_4_a_div_in_compact_form_is_none(world: World, sp: ServiceProvider) -> None:
    """A div needs the full form: in compact form it is E4 and leads nowhere."""
    shaken, diverted = chain(sp, FIRST, CALLED)
    compact = sp.identity(f"..{diverted.rpartition('.')[2]}", ppt="div")

    assert ["E16", "E4"] == cases(await judged(world, shaken, compact))


@pytest.mark.clause("passport-4.2-div-o")
async def test_section_5_a_div_o_brings_what_it_diverts(world: World, sp: ServiceProvider) -> None:
    """The PASSporT in opt is verified like any other; its dest has the outer div and its orig is the outer one."""

    def outer(opt: str, **other: str) -> str:
        return sp.div_o(**({"orig": CALLER, "dest": CALLED, "div": FIRST, "opt": opt} | other))

    inner = sp.passport(orig=CALLER, dest=FIRST)

    assert ["ok", "ok"] == cases(await judged(world, outer(inner)))
    assert (await judged(world, outer(inner))).passed
    for wrong in (
        outer(sp.passport(orig=CALLER, dest=FIRST, signature="other-key")),
        outer(sp.passport(orig=SECOND, dest=FIRST)),
        outer(inner, div=SECOND),
        outer("nothing"),
    ):
        assert not (await judged(world, wrong)).passed


@pytest.mark.clause("passport-4.2-depth")
def test_section_6_a_chain_has_at_most_ten_links() -> None:
    """Ten diversions back are followed, and not one more."""
    numbers = [Party.tn(f"1215556{place:04}") for place in range(12)]
    links = [Link((to,), by) for to, by in pairwise(numbers)]
    reached = reach(numbers[0], links)

    assert [True] * 11 + [False] == [reached.has((number,)) for number in numbers]
    assert [True] * 10 + [False] == [reached.uses(link) for link in links]


@pytest.mark.clause("passport-4.2-div-o-depth")
async def test_section_5_the_depth_is_bounded(world: World, sp: ServiceProvider) -> None:
    """Five div-o PASSporTs inside each other are unfolded, and not one more."""

    def number(place: int) -> str:
        return f"1215556{place:04}"

    def nested(depth: int) -> str:
        token = sp.passport(orig=CALLER, dest=number(depth))
        for place in reversed(range(depth)):
            dest = number(place) if place else CALLED
            token = sp.div_o(orig=CALLER, dest=dest, div=number(place + 1), opt=token)
        return token

    assert (await judged(world, nested(5))).passed
    assert not (await judged(world, nested(6))).passed
