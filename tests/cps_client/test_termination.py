"""A call that came in out of TDM: what is asked, what is believed, and what is put into the new INVITE."""

from collections.abc import Sequence

import pytest

from cps_client.errors import UsageError
from cps_client.termination import Inbound, Terminated, Terminator
from stir.profiles import ASTERISK
from stir.testing import ServiceProvider, World
from stir.verdict import Source, Verstat
from tests.cps_client.conftest import DEST, ORIG, Opened
from tests.support.fake_cps import FakeCps, answering, hang

OLD = "12155553434"
"""The number that was called before the call was sent on."""
ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"
TRUNKS = {
    "plan": {"country_code": "1", "national_prefix": "1", "national_lengths": [10]},
    "trunks": [{"name": "sip", "out_of_band": False}, {"name": "tdm"}],
}


def keep(cps: FakeCps, *passports: str, dest: str = DEST) -> None:
    """Let the CPS have these for the call."""
    path = f"/passports/{dest}/{ORIG}"
    cps.kept[path], cps.tokens[path] = list(passports), []


async def terminated(client_of: Opened, cps: FakeCps, call: Inbound | None = None, **settings: object) -> Terminated:
    """Terminate one call with a client of its own."""
    async with client_of(cps.url, **settings) as client:
        return await Terminator.of(client).terminate(call or Inbound(ORIG, DEST))


def identities_of(provider: ServiceProvider, passports: Sequence[str], ppt: str = "shaken") -> tuple[str, ...]:
    """Return the header field values that carry these PASSporTs."""
    return tuple(provider.identity(passport, ppt=ppt) for passport in passports)


@pytest.mark.clause("oob-5.1-insert", "oob-5.1-verify", "oob-5.3-direct", "passport-9-placement")
async def test_a_call_gets_its_identity_back(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """What was published stands in the new INVITE again, and the header fields tell the verdict."""
    passport = provider.passport(orig=ORIG, dest=DEST, attest="B", origid=ORIGID)
    keep(cps, passport)

    end = await terminated(client_of, cps, headers={"host": "gw.example"})

    assert (Verstat.PASSED, Source.OOB_V1, None) == (end.verdict.verstat, end.verdict.source, end.detail)
    assert (provider.identity(passport),) == end.identities
    assert {
        "P-Asserted-Identity": f"<sip:+{ORIG};verstat=TN-Validation-Passed@gw.example;user=phone>",
        "Attestation-Info": "B",
        "Origination-Id": ORIGID,
    } == end.headers
    assert () == end.reasons


async def test_vendors_names_and_suffixes(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """The settings choose the names that an SBC expects."""
    keep(cps, provider.passport(orig=ORIG, dest=DEST, origid=ORIGID))

    end = await terminated(client_of, cps, headers={"suffix": True, "vendor_names": True})

    assert {
        "P-Asserted-Identity": f"<tel:+{ORIG};verstat=TN-Validation-Passed-A>",
        "P-Attestation-Indicator": "A",
        "P-Origination-ID": ORIGID,
    } == end.headers


@pytest.mark.clause("oob-6-404")
async def test_nothing_published_is_an_answer(cps: FakeCps, client_of: Opened) -> None:
    """A call without PASSporT goes on, marked as not validated; no header tells an attestation."""
    end = await terminated(client_of, cps)

    assert (Verstat.NONE, "none", ()) == (end.verdict.verstat, end.verdict.decisive.case.id, end.identities)
    assert {"P-Asserted-Identity": f"<tel:+{ORIG};verstat=No-TN-Validation>"} == end.headers
    assert () == end.reasons


async def test_in_band_identities_are_verified_and_nothing_is_asked(
    cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """A call that still has its headers needs no CPS; they go on as they came, the broken one too."""
    came = (provider.sign(orig=ORIG, dest=DEST), "..broken")

    end = await terminated(client_of, cps, Inbound(ORIG, DEST, came))

    assert (Verstat.PASSED, Source.IN_BAND) == (end.verdict.verstat, end.verdict.source)
    assert (came, None, []) == (end.identities, end.retrieval, cps.requests)
    assert ('STIR;cause=438;text="Invalid Identity Header";ppi="..broken"',) == end.reasons


@pytest.mark.clause("passport-2.2-anonymous")
@pytest.mark.parametrize(
    "caller",
    [
        None,
        "",
        "anonymous",
        "Restricted",
        "sip:anonymous@anonymous.invalid",
        "sip:Anonymous@pbx.example",
        "sip:unavailable@unknown.invalid",
        "sip:+12155550100@anonymous.invalid",
        "12155550100x",
        "1" * 40,
        "\r\nIdentity: x",
    ],
)
async def test_a_call_without_caller_is_not_looked_up(
    caller: str | None, cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """Who withholds the number has nothing that a PASSporT could be compared with: no request, no header."""
    came = (provider.sign(orig=ORIG, dest=DEST),)
    for identities in ((), came):
        end = await terminated(client_of, cps, Inbound(caller, DEST, identities))
        assert (Verstat.NONE, "anonymous", {}, identities) == (
            end.verdict.verstat,
            end.verdict.decisive.case.id,
            end.headers,
            end.identities,
        )
        assert (Source.IN_BAND if identities else Source.OOB_V1) == end.verdict.source
        assert end.detail.startswith("the call has no calling number: ")
    assert [] == cps.requests


@pytest.mark.parametrize("called", ["", "sales", "+", "\x00"])
async def test_a_call_to_no_number_is_not_looked_up(called: str, cps: FakeCps, client_of: Opened) -> None:
    """Nothing that a gateway says of a call is raised."""
    end = await terminated(client_of, cps, Inbound(ORIG, called))

    assert (Verstat.NONE, "none", []) == (end.verdict.verstat, end.verdict.decisive.case.id, cps.requests)
    assert end.detail.startswith("the call has no called number: ")


@pytest.mark.clause("oob-5.5-plan", "oob-5.5-same")
async def test_numbers_are_written_in_full(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """National numbers of a trunk lead to what was published under the numbers in full."""
    keep(cps, provider.passport(orig=ORIG, dest=DEST))

    end = await terminated(client_of, cps, Inbound("2155550100", "1 215 555 1212", trunk="tdm"), **TRUNKS)

    assert end.verdict.passed
    assert f"/passports/{DEST}/{ORIG}" == cps.requests[0].path


async def test_a_trunk_that_is_not_tdm_is_not_looked_up(cps: FakeCps, client_of: Opened) -> None:
    """Where the headers cannot have been lost, none were there."""
    end = await terminated(client_of, cps, Inbound(ORIG, DEST, trunk="sip"), **TRUNKS)

    assert (Verstat.NONE, Source.IN_BAND, None, []) == (
        end.verdict.verstat,
        end.verdict.source,
        end.retrieval,
        cps.requests,
    )


async def test_an_unknown_trunk_is_the_callers_mistake(cps: FakeCps, client_of: Opened) -> None:
    """A wrong request is told as one; everything else is a verdict."""
    with pytest.raises(UsageError, match="no such trunk"):
        await terminated(client_of, cps, Inbound(ORIG, DEST, trunk="other"), **TRUNKS)


@pytest.mark.clause("oob-7-relevant", "passport-4.5-pass", "passport-10-unknown")
async def test_only_what_belongs_to_the_call_is_inserted(
    cps: FakeCps, provider: ServiceProvider, world: World, client_of: Opened
) -> None:
    """Fresh and about this call, of whatever type, in the CPS's order; the verdict is on those alone."""
    other = provider.make("msg", orig=ORIG, dest=DEST)
    stale = provider.passport(orig=ORIG, dest=DEST, iat=world.clock.timestamp() - 90)
    strange = provider.passport(orig="19995550000", dest=DEST)
    elsewhere = provider.passport(orig=ORIG, dest="19995550000")
    good = provider.passport(orig=ORIG, dest=DEST)
    keep(cps, stale, other, strange, good, elsewhere)

    end = await terminated(client_of, cps)

    assert (provider.identity(other, ppt="msg"), provider.identity(good)) == end.identities
    assert (True, ["E13", "ok"]) == (end.verdict.passed, [one.case.id for one in end.verdict.passports])


async def test_no_more_than_a_call_can_have(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """Many calls between two numbers at once do not make one INVITE endless: the newest go in."""
    many = [provider.passport(orig=ORIG, dest=DEST) for _ in range(12)]
    keep(cps, *many)

    end = await terminated(client_of, cps)

    assert identities_of(provider, many[:10]) == end.identities
    assert (True, 10) == (end.verdict.passed, len(end.verdict.passports))


@pytest.mark.clause("passport-9-priority")
@pytest.mark.parametrize(("asked", "verstat"), [("ets.0", "RPH-Validation-Passed"), ("wps.0", "No-RPH-Validation")])
async def test_the_priority_of_a_call_is_judged_too(
    asked: str, verstat: str, cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """What the call asks for is compared with what its PASSporT allows; the number stands by itself."""
    keep(cps, provider.passport(orig=ORIG, dest=DEST), provider.rph(orig=ORIG, dest=DEST, auth=["ets.0"]))

    end = await terminated(client_of, cps, Inbound(ORIG, DEST, resource_priority=(asked,)))

    assert (Verstat.PASSED, verstat) == (end.verdict.verstat, end.verdict.as_dict()["priority"]["verstat"])


@pytest.mark.parametrize("case", ["E15", "E16"])
async def test_why_nothing_belongs_to_the_call(
    case: str, cps: FakeCps, provider: ServiceProvider, world: World, client_of: Opened
) -> None:
    """Where all that came is stale or about another call, nothing is inserted, and the verdict says why."""
    orig, age = ("19995550000", 0) if case == "E16" else (ORIG, 90)
    keep(cps, provider.passport(orig=orig, dest=DEST, iat=world.clock.timestamp() - age))

    end = await terminated(client_of, cps)

    assert (case, ()) == (end.verdict.decisive.case.id, end.identities)
    assert end.reasons[0].startswith("STIR;cause=")


@pytest.mark.clause("oob-5.4-dest", "oob-5.4-some")
async def test_a_diverted_call(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """The original PASSporT belongs to the call by way of the diversion, and only by way of it."""
    original, div = provider.passport(orig=ORIG, dest=OLD), provider.div(orig=ORIG, dest=DEST, div=OLD)

    keep(cps, original, div)
    whole = await terminated(client_of, cps, headers={"suffix": True})
    keep(cps, original)
    broken = await terminated(client_of, cps)

    assert identities_of(provider, [original]) + identities_of(provider, [div], "div") == whole.identities
    assert f"<tel:+{ORIG};verstat=TN-Validation-Passed-A-Diverted>" == whole.headers["P-Asserted-Identity"]
    assert (Verstat.NONE, "E16", ()) == (broken.verdict.verstat, broken.verdict.decisive.case.id, broken.identities)


@pytest.mark.clause("passport-7-protocol", "passport-7-ppi", "passport-7-privacy")
async def test_a_failed_one_is_carried_on(world: World, cps: FakeCps, client_of: Opened) -> None:
    """What fails here still goes on, for the edge decides; a Reason names it, as far as the settings want."""
    stranger = world.service_provider("666X", issuer=world.authority("Other", trusted=False))
    passport = stranger.passport(orig=ORIG, dest=DEST)
    keep(cps, passport)

    end = await terminated(client_of, cps)
    private = await terminated(client_of, cps, headers={"ppi": "none"})

    assert (Verstat.FAILED, (stranger.identity(passport),)) == (end.verdict.verstat, end.identities)
    assert f'STIR;cause=437;text="Unsupported credential";ppi="..{passport.rpartition(".")[2]}"' == end.reasons[0]
    assert ('STIR;cause=437;text="Unsupported credential"',) == private.reasons


async def test_other_tables_of_codes(cps: FakeCps, client_of: Opened) -> None:
    """Who is used to Asterisk's codes gets those."""
    end = await terminated(client_of, cps, headers={"profile": "asterisk"})

    assert ASTERISK.rows["none"] == end.verdict.decisive.case
    assert ('STIR;cause=428;text="Use Identity Header"',) == end.reasons


@pytest.mark.clause("oob-6-timeout")
async def test_a_cps_that_fails_is_no_verdict_against_the_call(cps: FakeCps, client_of: Opened) -> None:
    """Whatever the CPS does, the call is as good as any without PASSporT, and the answer says why."""
    cps.reactions = [hang, answering(500)]
    async with client_of(cps.url) as client:
        for reason in ("timeout", "status"):
            end = await Terminator.of(client).terminate(Inbound(ORIG, DEST), budget=0.2)
            assert (Verstat.NONE, "unavailable", ()) == (
                end.verdict.verstat,
                end.verdict.decisive.case.id,
                end.identities,
            )
            assert reason == end.retrieval.error.reason
            assert ["P-Asserted-Identity"] == list(end.headers)


async def test_a_slow_repository_leaves_the_headers(
    world: World, cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """When the certificate does not come in time the call carries its headers on, not validated here."""
    passport = provider.passport(orig=ORIG, dest=DEST)
    keep(cps, passport)
    world.fetcher.hold(provider.x5u)

    async with client_of(cps.url) as client:
        end = await Terminator.of(client).terminate(Inbound(ORIG, DEST), budget=0.2)

    assert (Verstat.NONE, (provider.identity(passport),)) == (end.verdict.verstat, end.identities)
    assert "verification did not finish within the budget" == end.detail


async def test_a_missing_credential_stops_no_call(cps: FakeCps, client_of: Opened) -> None:
    """A gateway that cannot ask says what is missing, on every call, and lets it through."""
    end = await terminated(client_of, cps, private_key=None)

    assert (Verstat.NONE, "unavailable") == (end.verdict.verstat, end.verdict.decisive.case.id)
    assert end.detail.startswith("CPS_CLIENT_PRIVATE_KEY is not set")


async def test_the_partner_of_a_trunk(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """In the second generation a trunk's partner is whose publishes are asked for."""
    path = f"/passports/456B/{DEST}/{ORIG}"
    cps.kept[path], cps.tokens[path] = [provider.passport(orig=ORIG, dest=DEST)], []
    trunk = {"name": "to-456b", "generation": 2, "spc": "456b"}

    end = await terminated(client_of, cps, Inbound(ORIG, DEST, trunk="to-456b"), trunks=[trunk])

    assert (True, Source.OOB_V2) == (end.verdict.passed, end.verdict.source)
