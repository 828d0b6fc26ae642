"""What becomes of INVITEs: which way they go, and what the answer tells."""

from urllib.parse import unquote

import pytest

from cps_client.errors import UsageError
from tests.cps_client.gateway.sip.conftest import IDENTITY, REASON, SIGNED_HERE, TOLD, Logic, Serving, request

CARRIED = f"Identity: {IDENTITY}"
CONTACT = "<sip:+12155551212@192.0.2.9:5080;user=phone>"


async def test_a_call_with_identity_is_published_and_sent_on(serving: Serving, logic: Logic) -> None:
    """An INVITE with Identity headers gets 302 to the configured target, and the call logic all of them in order."""
    second = IDENTITY.replace("shaken", "div")
    async with serving("udp:127.0.0.1:0;trunk=east") as world:
        answer = await (await world.phone()).ask(request("INVITE", "sip:+12155551212@h", CARRIED, f"y: {second}"))

    assert (302, CONTACT) == (answer.status, answer["Contact"])
    assert [] == answer.all("Identity")
    (call,) = logic.outbound
    assert ("+12155550100", "+12155551212", "east") == (call.orig, call.dest, call.trunk)
    assert (IDENTITY, second) == call.identities
    assert "call-1@127.0.0.1" == call.call_id


async def test_what_was_signed_here_is_in_the_answer(serving: Serving, logic: Logic) -> None:
    """A call into TDM that was signed here comes back with its new Identity header."""
    logic.added = (SIGNED_HERE,)
    async with serving("udp:127.0.0.1:0;direction=out") as world:
        answer = await (await world.phone()).ask(request())

    assert (302, [SIGNED_HERE]) == (answer.status, answer.all("Identity"))


async def test_a_call_without_identity_gets_what_was_retrieved(serving: Serving, logic: Logic) -> None:
    """An INVITE without Identity gets 302 with the Identity headers in order, and with what tells the verdict."""
    logic.identities = (IDENTITY, SIGNED_HERE)
    async with serving() as world:
        answer = await (await world.phone()).ask(request())

    assert (302, CONTACT) == (answer.status, answer["Contact"])
    assert [IDENTITY, SIGNED_HERE] == answer.all("Identity")
    assert TOLD == {name: answer[name] for name in TOLD}
    (call,) = logic.inbound
    assert ("+12155550100", "+12155551212") == (call.orig, call.dest)


async def test_results_can_stand_in_the_contact(serving: Serving) -> None:
    """Where the settings say so, the results are header fields inside of the Contact's URI, escaped."""
    async with serving(results="contact") as world:
        answer = await (await world.phone()).ask(request())

    uri, _, headers = answer["Contact"].strip("<>").partition("?")
    assert [] == answer.all("Identity")
    assert CONTACT == f"<{uri}>"
    assert {**TOLD, "Identity": IDENTITY} == {
        name: unquote(value) for name, _, value in (one.partition("=") for one in headers.split("&"))
    }


async def test_a_service_urn_takes_no_header_fields(serving: Serving) -> None:
    """A Contact that is no SIP URI has the results beside it, not inside, where nobody would look."""
    async with serving(results="both") as world:
        answer = await (await world.phone()).ask(request("INVITE", "urn:service:sos"))

    assert ("<urn:service:sos>", [IDENTITY]) == (answer["Contact"], answer.all("Identity"))


@pytest.mark.parametrize(("result", "status"), [("passed", 302), ("failed", 608), ("none", 404)])
async def test_calls_that_are_not_verified_get_the_configured_answer(
    serving: Serving, logic: Logic, result: str, status: int
) -> None:
    """A final answer may stand in place of 302, for failed and for unverified calls each; Reason says why."""
    logic.result = result
    async with serving(failed_answer=608, unverified_answer=404) as world:
        answer = await (await world.phone()).ask(request())

    assert status == answer.status
    assert ([REASON] if result == "failed" else []) == answer.all("Reason")


@pytest.mark.parametrize("uri", ["urn:service:sos", "sip:911@h", "tel:112", "sip:+112@h;user=phone"])
async def test_emergency_calls_always_go_on(serving: Serving, logic: Logic, uri: str) -> None:
    """No policy ends an emergency call."""
    logic.result = "failed"
    async with serving(failed_answer=608, unverified_answer=404) as world:
        answer = await (await world.phone()).ask(request("INVITE", uri))

    assert 302 == answer.status


@pytest.mark.parametrize(
    ("uri", "contact"),
    [
        ("sip:+1215;npdi;rn=+1216@h;user=phone", "<sip:+1215;npdi;rn=+1216@192.0.2.9:5080;user=phone>"),
        ("sip:%2B1215@under_score:5070", "<sip:%2B1215@192.0.2.9:5080;user=phone>"),
        ("tel:+1215;phone-context=x", "<sip:+1215;phone-context=x@192.0.2.9:5080;user=phone>"),
        ("urn:service:sos", "<urn:service:sos>"),
        ("sip:[2001:db8::1]:5060", "<sip:[2001:db8::1]:5060>"),
    ],
)
async def test_the_called_number_is_kept(serving: Serving, uri: str, contact: str) -> None:
    """The Contact has the called number exactly as it came; what has no user part goes on as it is."""
    async with serving() as world:
        assert contact == (await (await world.phone()).ask(request("INVITE", uri)))["Contact"]


@pytest.mark.parametrize(
    ("fields", "orig"),
    [
        (["P-Asserted-Identity: <sip:+12155550199@h>"], "+12155550199"),
        (['P-Asserted-Identity: "A, B" <urn:x:y>, <tel:+12155550199>'], "+12155550199"),
        (["P-Asserted-Identity: <sip:"], "+12155550100"),
    ],
)
async def test_the_caller_is_who_is_asserted(serving: Serving, logic: Logic, fields: list[str], orig: str) -> None:
    """The calling number is that of P-Asserted-Identity, if one can be read, else that of From."""
    async with serving() as world:
        await (await world.phone()).ask(request("INVITE", "sip:1@h", *fields))

    assert orig == logic.inbound[0].orig


async def test_a_display_name_does_not_make_the_caller(serving: Serving, logic: Logic) -> None:
    """Quotes and brackets behind the address do not change who calls."""
    caller = '"x" <sip:+12155550100@h>;p="y <sip:+19005550000@h>"'
    async with serving() as world:
        await (await world.phone()).ask(request(caller=caller.replace("y <", "y ").replace('>"', '"')))
        await (await world.phone()).ask(request(caller=caller, branch="z9hG4bK2"))

    assert {"+12155550100"} == {call.orig for call in logic.inbound}


async def test_a_trunk_without_a_route_lets_calls_go_on(serving: Serving, logic: Logic) -> None:
    """A mistake in the configuration is counted, and stops no call."""
    logic.error = UsageError("no such trunk")
    async with serving(failed_answer=608, unverified_answer=404) as world:
        answer = await (await world.phone()).ask(request())
        counts = world.server.counts

    assert (302, CONTACT) == (answer.status, answer["Contact"])
    assert {("usage",): 1} == counts.fail_open


@pytest.mark.parametrize("result", ["defect", "identity"])
async def test_a_defect_lets_calls_go_on(serving: Serving, logic: Logic, result: str) -> None:
    """A defect of the call logic is counted, and stops no call, whatever the policy for calls that are unverified."""
    logic.error = RuntimeError("a defect")
    fields = [CARRIED] if result == "identity" else []
    async with serving(unverified_answer=404, overload_answer=503) as world:
        answer = await (await world.phone()).ask(request("INVITE", "sip:+12155551212@h", *fields))

        assert {("gateway-failed",): 1} == world.server.counts.fail_open
    assert 302 == answer.status


@pytest.mark.parametrize(
    ("configured", "uri", "expected"), [(302, "sip:1@h", 302), (503, "sip:1@h", 503), (503, "sip:911@h", 302)]
)
async def test_too_many_calls_are_answered_at_once(serving: Serving, configured: int, uri: str, expected: int) -> None:
    """Beyond the bound a call is sent on without a result, or refused with Retry-After if the settings say so."""
    async with serving(most=0, overload_answer=configured) as world:
        answer = await (await world.phone()).ask(request("INVITE", uri))

    assert expected == answer.status
    assert (["1"] if expected == 503 else []) == answer.all("Retry-After")


async def test_date_and_priority_reach_the_call_logic(serving: Serving, logic: Logic) -> None:
    """What the verification needs of the INVITE's other fields is handed on; a Date that is none is left out."""
    told = ["Resource-Priority: ets.0", "Priority: psap-callback", "Date: Sun, 22 Nov 2026 01:00:00 GMT"]
    async with serving() as world:
        phone = await world.phone()
        await phone.ask(request("INVITE", "sip:1@h", *told))
        await phone.ask(request("INVITE", "sip:1@h", "Date: soon", branch="z9hG4bK2"))
        await phone.ask(request("INVITE", "sip:1@h", "Date: Sun, 22 Nov 2026 01:00:00 -0000", branch="z9hG4bK3"))

    first, second, third = logic.inbound
    assert (("ets.0",), "psap-callback") == (first.resource_priority, first.priority)
    assert "2026-11-22T01:00:00+00:00" == (first.time and first.time.isoformat())
    assert (None, None) == (second.time, third.time)
