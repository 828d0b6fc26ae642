"""Calls over TDM between providers that write numbers differently, each with its own routes, over real CPSs."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cps_client import CpsClient
from cps_client.lab import Cps, Lab
from cps_client.origination import Originator, Outbound
from cps_client.termination import Inbound, Terminator
from stir.testing import ServiceProvider
from stir.verdict import Source
from tests.e2e.test_client_and_server import environment, settings

ORIG, DEST = "12155550100", "12155551212"
OWN = {"country_code": "1", "national_prefix": "1", "international_prefixes": ["011"], "national_lengths": [10]}
NATIONAL = {"country_code": "1", "nature": "national"}
EUROPEAN = {"country_code": "49", "national_prefix": "0", "international_prefixes": ["00"]}


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab without a CPS."""
    async with Lab.open(tmp_path) as made:
        yield made


@dataclass(frozen=True)
class Gateway:
    """A provider's call logic."""

    out: Originator
    into: Terminator


@asynccontextmanager
async def gateway(lab: Lab, provider: ServiceProvider, *trunks: dict, **others: object) -> AsyncIterator[Gateway]:
    """Run the call logic of *provider* with these trunk groups."""
    variables = environment(lab, provider, TRUNKS=json.dumps(trunks), **others)
    async with CpsClient.from_settings(settings(variables)) as client, Originator.of(client) as originator:
        yield Gateway(originator, Terminator.of(client))


def trunk(cps: Cps, partner: str, **others: object) -> dict:
    """Return a trunk group to a partner, with whom this CPS is agreed."""
    return {"name": "t", "cps_urls": [cps.url], "generation": 2, "spc": partner} | others


@pytest.mark.clause("oob-5.5-same", "oob-5.5-plan", "cps-14-1")
@pytest.mark.parametrize(
    ("there", "orig", "dest"),
    [
        (NATIONAL, "2155550100", "2155551212"),
        (NATIONAL, "+12155550100", "12155551212;noa=international"),
        (EUROPEAN, "0012155550100", "12155551212;noa=4"),
    ],
)
async def test_both_ends_write_numbers_their_own_way(lab: Lab, there: dict, orig: str, dest: str) -> None:
    """What one end signs and publishes, the other one finds and believes, whatever its switch makes of the numbers."""
    cps = await lab.start_cps()
    a, b = (lab.world.service_provider(spc) for spc in ("123A", "456B"))
    policy = {"callers": "subscribers", "numbers": [ORIG]}

    async with (
        gateway(lab, a, trunk(cps, "456B", plan=OWN, signing=policy)) as here,
        gateway(lab, b, trunk(cps, "123A", plan=there)) as far,
    ):
        sent = await here.out.originate(Outbound("2155550100;noa=national", "12155551212", trunk="t"))
        came = await far.into.terminate(Inbound(orig, dest, trunk="t"))
        missed = await far.into.terminate(Inbound(orig, dest.replace("1212", "1213"), trunk="t"))

    assert (False, None) == (missed.retrieval.found, missed.retrieval.error)
    assert (True, "number-on-list") == (sent.published, sent.rule)
    assert (True, "A", Source.OOB_V2) == (came.verdict.passed, came.verdict.attest, came.verdict.source)
    assert sent.identities == came.identities


@pytest.mark.clause("oob-5.4-dest", "oob-5.4-some")
async def test_a_call_that_was_sent_on_is_believed_at_its_new_end(lab: Lab) -> None:
    """The original PASSporT and the div arrive together under the new number, and lead back to the first one."""
    cps = await lab.start_cps()
    a, b, origin = (lab.world.service_provider(spc) for spc in ("123A", "456B", "789C"))
    first = origin.sign(orig=ORIG, dest="12155550111", attest="A")

    async with gateway(lab, a, trunk(cps, "456B", plan=OWN)) as here, gateway(lab, b, trunk(cps, "123A")) as far:
        sent = await here.out.originate(
            Outbound(ORIG, DEST, identities=(first,), trunk="t", diverted_from="215 555 0111", hi="1.1")
        )
        came = await far.into.terminate(Inbound(ORIG, DEST, trunk="t"))

    assert (True, first, 1) == (sent.published, sent.identities[0], len(sent.added))
    assert (True, "A", sent.identities) == (came.verdict.passed, came.verdict.attest, came.identities)


@pytest.mark.clause("oob-5.1-transit", "oob-6-resign")
async def test_a_transit_takes_passports_from_one_cps_to_the_next(lab: Lab) -> None:
    """Between two agreements a TDM provider retrieves from the one CPS, publishes at the other, and signs nothing."""
    first, second = await lab.start_cps(), await lab.start_cps()
    a, transit, b = (lab.world.service_provider(spc) for spc in ("123A", "456B", "789C"))
    into, out = trunk(first, "123A", name="in"), trunk(second, "789C", name="out", signing={"callers": "carrier"})

    async with (
        gateway(lab, a, trunk(first, "456B")) as here,
        gateway(lab, transit, into, out) as between,
        gateway(lab, b, trunk(second, "456B")) as far,
    ):
        sent = await here.out.originate(Outbound(ORIG, DEST, trunk="t", attest="B"))
        seen = await between.into.terminate(Inbound(ORIG, DEST, trunk="in"))
        handed = await between.out.originate(Outbound(ORIG, DEST, identities=seen.identities, trunk="out"))
        came = await far.into.terminate(Inbound(ORIG, DEST, trunk="t"))

    assert (True, "carried", ()) == (handed.published, handed.rule, handed.added)
    assert (True, "B", sent.identities) == (came.verdict.passed, came.verdict.attest, came.identities)


@pytest.mark.clause("use-1.2-table")
async def test_an_emergency_call_arrives_signed(lab: Lab) -> None:
    """Its publish goes on behind the answer and is there when the emergency network asks."""
    cps = await lab.start_cps()
    a, b = (lab.world.service_provider(spc) for spc in ("123A", "456B"))

    async with gateway(lab, b, trunk(cps, "123A", plan=NATIONAL)) as far:
        async with gateway(lab, a, trunk(cps, "456B", plan=OWN)) as here:
            sent = await here.out.originate(Outbound("2155550100", "911;noa=unknown", trunk="t"))
        came = await far.into.terminate(Inbound("2155550100", "911;noa=national", trunk="t"))

    assert (True, None) == (sent.behind, sent.receipt)
    assert (True, sent.identities) == (came.verdict.passed, came.identities)
