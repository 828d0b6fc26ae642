"""Calls that go out into TDM: what is signed, by which rule, and what is published, against a CPS of other making."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from cps_client import CredentialError, UsageError, limits
from cps_client.attestation import Callers, Policy
from cps_client.client import CpsClient
from cps_client.errors import InstantError
from cps_client.exchange import Endpoint
from cps_client.numberlist import NumberList
from cps_client.numberplan import NumberPlan
from cps_client.origination import Originated, Originator, Outbound
from cps_client.routes import Route, Routes
from stir.errors import AttestationError, NumberError, StirError
from stir.extensions import Shaken
from stir.identity import Identity
from stir.passport import Claims, Passport
from stir.testing import ServiceProvider, World
from tests.cps_client.conftest import DEST, ORIG, Opened
from tests.support.fake_cps import Asked, FakeCps, answering, hang, reply

FIRST, THIRD = "12155550111", "12155550122"
ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"
PLAN = NumberPlan(country_code="1", national_prefix="1", national_lengths=(10,))
OWN = Policy(callers=Callers.SUBSCRIBERS, numbers=NumberList([(ORIG, ORIG)]))


@pytest.fixture
async def client(cps: FakeCps, client_of: Opened) -> AsyncIterator[CpsClient]:
    """A client that publishes to the CPS."""
    async with client_of(cps.url) as opened:
        yield opened


def originator(client: CpsClient, *urls: str, **route: object) -> Originator:
    """Return call logic whose one trunk, pstn, is as *route* says."""
    default = Routes.of(client.settings).default
    own = tuple(Endpoint.of(url) for url in urls) or default.endpoints
    return Originator(client, Routes(default, [Route(**{"name": "pstn", "endpoints": own} | route)]))


async def originated(client: CpsClient, policy: Policy = OWN, plan: NumberPlan = PLAN, **call: object) -> Originated:
    """Let a call go out by the trunk."""
    made = Outbound(**{"orig": ORIG, "dest": DEST, "trunk": "pstn"} | call)
    return await originator(client, policy=policy, plan=plan).originate(made)


def read(identity: str) -> Passport:
    """Return the PASSporT of an Identity header value."""
    return Passport.parse(Identity.parse(identity).token)


@pytest.mark.clause("use-1.2-table", "use-1.2-record", "oob-5.2-sign", "oob-7-own")
@pytest.mark.parametrize(
    ("orig", "policy", "rule", "attest"),
    [
        (ORIG, OWN, "number-on-list", "A"),
        ("2155550100", OWN, "number-on-list", "A"),
        ("12155550199", OWN, "other-number", "B"),
        (ORIG, Policy(callers=Callers.CARRIER), "carrier", "C"),
        (ORIG, Policy(attest="B"), "configured", "B"),
    ],
)
async def test_a_call_without_a_passport_is_signed_by_the_table(
    cps: FakeCps, client: CpsClient, orig: str, policy: Policy, rule: str, attest: str
) -> None:
    """Its level is that of the decision table, the rule is on record, and what was signed is published."""
    done = await originated(client, policy, orig=orig)

    assert (rule, True, None) == (done.rule, done.published, done.error)
    assert attest == Shaken.of(read(done.added[0])).attest
    assert done.added == done.identities == done.receipt.identities
    assert {f"/passports/{DEST}/{Claims.of(read(done.added[0])).orig.value}"} == cps.kept.keys()


@pytest.mark.clause("use-1.2-carry", "oob-6-resign", "oob-5.1-publish", "oob-7-array")
async def test_a_call_with_passports_goes_on_unaltered(
    cps: FakeCps, client: CpsClient, provider: ServiceProvider
) -> None:
    """All its Identity headers are published in order, byte for byte, and none is added."""
    came = (provider.sign(orig=ORIG, dest=DEST), provider.identity(provider.rph(orig=ORIG, dest=DEST, auth=["ets.0"])))
    done = await originated(client, identities=came)

    assert ("carried", came, ()) == (done.rule, done.identities, done.added)
    assert [one.partition(";")[0] for one in came] == cps.kept[f"/passports/{DEST}/{ORIG}"]


async def test_what_is_no_passport_does_not_count(cps: FakeCps, client: CpsClient) -> None:
    """Junk in an Identity header does not keep the call from being signed; it goes on, and is not published."""
    done = await originated(client, identities=("junk;info=<x>",))

    assert ("number-on-list", 2, 1) == (done.rule, len(done.identities), done.receipt.dropped)
    assert 1 == len(cps.kept[f"/passports/{DEST}/{ORIG}"])


@pytest.mark.clause("oob-5.5-absent", "use-1.2-table")
@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ({"orig": "anonymous"}, "no-caller"),
        ({"orig": ""}, "no-caller"),
        ({"orig": "55501000"}, "no-caller"),
        ({"orig": "sip:anonymous@anonymous.invalid"}, "no-caller"),
        ({"dest": "55512120"}, "no-called"),
    ],
)
async def test_without_numbers_nothing_is_signed_and_the_call_goes_on(
    cps: FakeCps, client: CpsClient, call: dict, rule: str
) -> None:
    """A number that is missing or cannot be written in full is no reason to stop a call."""
    done = await originated(client, **call)

    assert (rule, (), None, []) == (done.rule, done.identities, done.receipt, cps.requests)


async def test_what_came_is_published_only_with_both_numbers(client: CpsClient, provider: ServiceProvider) -> None:
    """Without a calling number there is no path to publish at; the Identity headers go on, and the error says why."""
    came = (provider.sign(orig=ORIG, dest=DEST),)
    done = await originated(client, orig="", identities=came)

    assert (came, None, False) == (done.identities, done.receipt, done.published)
    assert isinstance(done.error, NumberError)


@pytest.mark.parametrize("diverted_from", [None, FIRST])
async def test_where_signing_is_not_our_duty_nothing_is_signed(
    cps: FakeCps, client: CpsClient, diverted_from: str | None
) -> None:
    """A trunk may be told to leave calls without PASSporTs alone; a level that is asked for changes nothing."""
    done = await originated(client, Policy(signs=False), attest="A", diverted_from=diverted_from)

    assert ("not-signing", (), None, []) == (done.rule, done.identities, done.receipt, cps.requests)


async def test_a_request_may_name_level_and_origid(client: CpsClient) -> None:
    """What a signing request says stands over the table, and the rule tells so."""
    origid = "4AEC94E2-508c-4c1c-907b-3737bac0a80e"
    done = await originated(client, Policy(callers=Callers.CARRIER), attest="B", origid=origid)

    assert ("requested", Shaken("B", origid)) == (done.rule, Shaken.of(read(done.added[0])))


@pytest.mark.clause("oob-5.4-dest", "oob-5.4-some", "passport-4.2-claims")
async def test_a_retargeted_call_gets_a_div_behind_the_others(
    cps: FakeCps, client: CpsClient, provider: ServiceProvider, world: World
) -> None:
    """It is published under the new number, and a verifier comes from there to the first one by div."""
    came = provider.sign(orig=ORIG, dest=FIRST)
    done = await originated(client, identities=(came,), diverted_from="215 555 0111", hi="1.1")
    diverted = read(done.added[0])

    assert ("carried", came, 2) == (done.rule, done.identities[0], len(done.identities))
    assert ("div", {"tn": FIRST, "hi": "1.1"}) == (diverted.ppt, diverted.payload["div"])
    assert [f"/passports/{DEST}/{ORIG}"] == list(cps.kept)
    assert (await world.assess(*done.identities, orig=ORIG, dest=DEST)).passed


async def test_a_retargeted_call_that_had_none_is_signed_for_its_first_number(client: CpsClient, world: World) -> None:
    """The caller chose the first number: shaken is for that one, and div leads on."""
    done = await originated(client, diverted_from=FIRST)

    assert ["shaken", "div"] == [read(one).ppt for one in done.added]
    assert FIRST == Claims.of(read(done.added[0])).dest[0].value
    assert (await world.assess(*done.identities, orig=ORIG, dest=DEST)).passed


@pytest.mark.parametrize("diverted_from", [DEST, "5550111"])
async def test_no_div_where_it_would_lead_nowhere(client: CpsClient, diverted_from: str) -> None:
    """A call that was not really sent on, or from an unknown number, is signed for the called number."""
    done = await originated(client, diverted_from=diverted_from)

    assert [("shaken", DEST)] == [(read(one).ppt, Claims.of(read(one)).dest[0].value) for one in done.added]


async def test_a_div_that_is_there_already_is_not_added_again(client: CpsClient, provider: ServiceProvider) -> None:
    """The proxy before may have signed the diversion itself."""
    came = tuple(
        map(
            provider.identity, (provider.passport(orig=ORIG, dest=FIRST), provider.div(orig=ORIG, dest=DEST, div=FIRST))
        )
    )

    assert came == (await originated(client, identities=came, diverted_from=FIRST)).identities


@pytest.mark.clause("oob-7-array")
async def test_the_own_ones_are_published_however_many_came(
    cps: FakeCps, client: CpsClient, provider: ServiceProvider
) -> None:
    """A publish has room for ten: the div that leads to the called number is among them, and the rest is counted."""
    came = tuple(provider.sign(orig=ORIG, dest=FIRST) for _ in range(11))
    done = await originated(client, identities=came, diverted_from=FIRST)

    assert (12, 2) == (len(done.identities), done.receipt.dropped)
    assert "div" == Passport.parse(cps.kept[f"/passports/{DEST}/{ORIG}"][9]).ppt


@pytest.mark.parametrize(
    ("call", "claims"),
    [
        ({"ppt": "div", "diverted_from": FIRST}, {"div": {"tn": FIRST}}),
        ({"ppt": "rph", "priority": ("ets.0",)}, {"rph": {"auth": ["ets.0"]}}),
        ({"ppt": "rph", "priority": ("esnet.0",), "sph": "psap-callback"}, {"sph": "psap-callback"}),
    ],
)
async def test_other_types_are_signed_on_request(
    client: CpsClient, provider: ServiceProvider, call: dict, claims: dict
) -> None:
    """A signing request names the type; it is added behind what came, and nothing else is."""
    came = (provider.sign(orig=ORIG, dest=DEST),)
    done = await originated(client, identities=came, publish=False, **call)

    assert (call["ppt"], came, 1) == (done.rule, done.identities[:1], len(done.added))
    assert claims.items() <= read(done.added[0]).payload.items()


async def test_shaken_alone_on_request(client: CpsClient) -> None:
    """A request for shaken gets that one, for the number that is called now."""
    done = await originated(client, ppt="shaken", attest="A", diverted_from=FIRST)

    assert [("shaken", DEST)] == [(read(one).ppt, Claims.of(read(one)).dest[0].value) for one in done.added]


@pytest.mark.parametrize(
    ("call", "error", "field"),
    [
        ({"ppt": "rcd"}, UsageError, "ppt"),
        ({"ppt": "div"}, UsageError, "div"),
        ({"ppt": "rph"}, UsageError, "rph"),
        ({"ppt": "rph", "priority": ("high",)}, UsageError, "rph"),
        ({"ppt": "rph", "priority": ("ets.0",), "sph": "other"}, UsageError, "sph"),
        ({"ppt": "div", "diverted_from": FIRST, "hi": "x"}, UsageError, "div"),
        ({"attest": "D"}, AttestationError, None),
        ({"origid": "mine"}, AttestationError, None),
        ({"origid": "4aec94e2508c4c1c907b3737bac0a80e"}, AttestationError, None),
        ({"trunk": "other"}, UsageError, "trunk"),
    ],
)
async def test_wrong_requests_are_raised(
    cps: FakeCps, client: CpsClient, call: dict, error: type[StirError], field: str | None
) -> None:
    """What only the caller can mend is an error that names the field, and nothing was done."""
    with pytest.raises(error) as caught:
        await originated(client, **call)

    assert (field, []) == (getattr(caught.value, "field", None), cps.requests)


@pytest.mark.clause("http-1.1-iat")
@pytest.mark.parametrize(("seconds", "fresh"), [(-61, False), (-60, True), (0, True), (60, True), (61, False)])
async def test_a_request_names_an_instant_that_is_fresh(
    client: CpsClient, world: World, seconds: int, *, fresh: bool
) -> None:
    """The iat of a signing request is inside the window of freshness, else nobody would believe it (SVC4005)."""
    at = world.clock.now() + timedelta(seconds=seconds)
    if not fresh:
        with pytest.raises(InstantError, match="iat is") as caught:
            await originated(client, iat=at)
        assert "iat" == caught.value.field
        return

    assert int(at.timestamp()) == Claims.of(read((await originated(client, iat=at)).added[0])).iat


@pytest.mark.clause("use-2-uuid", "use-2-stable")
async def test_the_origid_is_that_of_the_trunk(client: CpsClient) -> None:
    """It stays the same for a trunk, differs between trunks and between providers, and may be configured."""

    def origids(**namespace: UUID | None) -> list[str]:
        routes = Routes(Route(None, ()), [Route("a", ()), Route("b", (), policy=Policy(origid=ORIGID))])
        logic = Originator(client, routes, **namespace)
        return [logic.origid(route) for route in routes.all]

    made, others = origids(), origids(namespace=UUID(ORIGID))

    assert made == origids()
    assert ORIGID == made[2] == others[2]
    assert 5 == len({*made, *others})
    assert [5] * 4 == [UUID(one).version for one in made[:2] + others[:2]]
    assert made[0] == Shaken.of(read((await Originator.of(client).originate(Outbound(ORIG, DEST))).added[0])).origid


@pytest.mark.clause("use-1.2-table")
@pytest.mark.parametrize("dest", ["911", "112", "999", "urn:service:sos", "+911"])
async def test_an_emergency_call_waits_for_nothing(cps: FakeCps, client: CpsClient, dest: str) -> None:
    """It is signed as policy says and goes on while its publish is still under way, which comes to its end."""
    plan = NumberPlan(country_code="1", emergency_numbers=("999",), short_codes=("911", "112"))
    held = asyncio.Event()

    async def later(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        reply(writer, 201, {})

    cps.reactions.append(later)
    async with originator(client, policy=OWN, plan=plan) as logic:
        done = await logic.originate(Outbound(ORIG, dest, trunk="pstn"))
        held.set()

    assert ("number-on-list", True, None, 1) == (done.rule, done.behind, done.receipt, len(done.added))
    assert ["POST"] == [asked.method for asked in cps.requests]


async def test_emergency_calls_are_bounded(cps: FakeCps, client: CpsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a CPS hangs and emergency calls pile up, the next ones go on without a publish."""
    monkeypatch.setattr(limits, "EMERGENCIES", 2)
    cps.reactions[:] = [hang] * 9
    async with originator(client) as logic:
        done = [await logic.originate(Outbound(ORIG, "911", trunk="pstn"), budget=0.2) for _ in range(3)]

    assert [True, True, False] == [each.behind for each in done]
    assert [None, None, "unavailable"] == [each.error.code if each.error else None for each in done]
    assert [1, 1, 1] == [len(each.added) for each in done]


@pytest.mark.parametrize(
    ("out_of_band", "publish", "published"),
    [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
async def test_only_what_goes_into_tdm_is_published(
    client: CpsClient, *, out_of_band: bool, publish: bool | None, published: bool
) -> None:
    """A trunk that stays on IP carries the Identity header itself; the caller may say otherwise."""
    call = Outbound(ORIG, DEST, trunk="pstn", publish=publish)
    done = await originator(client, out_of_band=out_of_band).originate(call)

    assert (1, published, published) == (len(done.identities), done.published, done.receipt is not None)


async def test_the_trunk_chooses_cps_and_generation(
    cps: FakeCps, second: FakeCps, client: CpsClient, provider: ServiceProvider
) -> None:
    """What leaves by a trunk is published at its CPS, in its generation."""
    trunk = originator(client, second.url, generation=2)

    assert (await trunk.originate(Outbound(ORIG, DEST))).published
    assert (await trunk.originate(Outbound(ORIG, DEST, trunk="pstn"))).published
    assert [f"/passports/{DEST}/{ORIG}"] == list(cps.kept)
    assert [f"/passports/{provider.spc}/{DEST}/{ORIG}"] == list(second.kept)


@pytest.mark.parametrize("reaction", [hang, answering(500), answering(401), answering(200, b"x")])
async def test_network_trouble_is_a_value(cps: FakeCps, client: CpsClient, reaction: object) -> None:
    """A CPS that hangs, fails or refuses costs the budget at most, and the call goes on with what was signed."""
    cps.reactions[:] = [reaction] * 9
    began = asyncio.get_running_loop().time()
    done = await originator(client).originate(Outbound(ORIG, DEST, trunk="pstn"), budget=0.3)

    assert 0.3 + 0.2 > asyncio.get_running_loop().time() - began
    assert 1 == len(done.added)
    assert done.published is (reaction is not hang and done.receipt.error is None)


async def test_a_missing_credential_is_a_value(cps: FakeCps, client_of: Opened, provider: ServiceProvider) -> None:
    """Without a key nothing is signed or published, and the call goes on with what it has."""
    came = (provider.sign(orig=ORIG, dest=DEST),)
    async with client_of(cps.url, private_key=None) as client:
        unsigned, carried = await originated(client), await originated(client, identities=came)
        passed_on = await originated(client, identities=came, publish=False)

    assert ((), "number-on-list", None) == (unsigned.identities, unsigned.rule, unsigned.receipt)
    assert isinstance(unsigned.error, CredentialError)
    assert (came, "carried", False) == (carried.identities, carried.rule, carried.published)
    assert isinstance(carried.receipt.error, CredentialError)
    assert (came, None) == (passed_on.identities, passed_on.error)
