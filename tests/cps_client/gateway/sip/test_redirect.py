"""The redirect server as its peers see it over UDP: transactions, methods, and what cannot be taken."""

import asyncio
import re

import pytest

from cps_client.gateway.sip import limits
from tests.cps_client.gateway.sip.conftest import Logic, Phone, Serving, World, request
from tests.support.eventually import eventually

ALLOW = "INVITE, ACK, CANCEL, OPTIONS"


async def quiet(phone: Phone) -> bool:
    """Return whether nothing but the answer to a ping comes."""
    return (await phone.ask(request("OPTIONS", branch="z9hG4bKping")))["CSeq"] == "1 OPTIONS"


async def test_retransmissions_get_the_same_answer(serving: Serving, logic: Logic) -> None:
    """An INVITE that comes again is answered byte by byte as before, and no call is made of it (section 17.2.1)."""
    async with serving() as world:
        phone = await world.phone()
        answers = [await phone.ask(request()) for _ in range(3)]

    assert 1 == len({answer.raw for answer in answers})
    assert (1, 2) == (logic.asked, world.server.counts.retransmissions)


async def test_retransmissions_of_a_call_under_way_are_absorbed(serving: Serving, logic: Logic) -> None:
    """While a call is not decided its retransmissions get no answer of their own."""
    logic.holding = asyncio.Event()
    async with serving() as world:
        phone = await world.phone()
        for _ in range(3):
            phone.send(request())
        await eventually(lambda: world.server.counts.retransmissions == 2)
        logic.holding.set()
        first = await phone.reply()

        assert await quiet(phone)
    assert (302, 1) == (first.status, logic.asked)


@pytest.mark.parametrize(
    "changed",
    [
        {"branch": "z9hG4bK2"},
        {"cseq": "2 INVITE"},
        {"via": "SIP/2.0/UDP 127.0.0.2:9;branch={branch};rport"},
        {"via": "SIP/2.0/UDP 127.0.0.1:9;branch=old;rport"},
    ],
    ids=str,
)
async def test_other_transactions_are_calls_of_their_own(serving: Serving, logic: Logic, changed: dict) -> None:
    """What differs in branch, sender or CSeq is no retransmission (section 17.2.3)."""
    async with serving() as world:
        phone = await world.phone()
        await phone.ask(request())
        await phone.ask(request(**changed))

    assert 2 == logic.asked


async def test_old_branches_are_told_apart_by_the_old_rule(serving: Serving, logic: Logic) -> None:
    """Without the magic cookie the Request-URI and the tags count, too (RFC 2543)."""
    old = {"via": "SIP/2.0/UDP 127.0.0.1:9;branch=1;rport"}
    async with serving() as world:
        phone = await world.phone()
        for uri in ("sip:1@h", "sip:2@h", "sip:1@h"):
            await phone.ask(request("INVITE", uri, **old))

    assert 2 == logic.asked


async def test_ack_is_absorbed_and_ends_the_repetition(serving: Serving) -> None:
    """An ACK gets no answer, and afterwards a late INVITE neither."""
    async with serving() as world:
        phone = await world.phone()
        answer = await phone.ask(request())
        phone.send(request("ACK", to=answer["To"]))
        phone.send(request())

        assert await quiet(phone)
    assert {"302": 1, "200": 1} == {status: n for (status,), n in world.server.counts.answers.items()}


async def test_cancel_ends_a_call_under_way(serving: Serving, logic: Logic) -> None:
    """CANCEL is answered with 200, and the INVITE with 487 (section 9.2)."""
    logic.holding = asyncio.Event()
    async with serving() as world:
        phone = await world.phone()
        phone.send(request())
        await eventually(lambda: logic.asked)
        cancelled, ended = await phone.ask(request("CANCEL")), await phone.reply()

        assert 0 == world.server.counts.calls
    assert [(200, "1 CANCEL"), (487, "1 INVITE")] == [(one.status, one["CSeq"]) for one in (cancelled, ended)]


async def test_cancel_comes_too_late_or_for_nothing(serving: Serving) -> None:
    """A CANCEL of an answered INVITE changes nothing, and one of no INVITE gets 481."""
    async with serving() as world:
        phone = await world.phone()
        await phone.ask(request())
        late = await phone.ask(request("CANCEL"))
        nothing = await phone.ask(request("CANCEL", branch="z9hG4bK9"))

        assert await quiet(phone)
    assert [200, 481] == [late.status, nothing.status]


async def test_slow_calls_get_trying_and_then_an_answer_until_the_ack(
    serving: Serving, logic: Logic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 200 ms comes 100 Trying, which stops the client; so the answer is repeated until the ACK (17.2.1)."""
    monkeypatch.setattr(limits, "TRYING_AFTER", 0.001)
    monkeypatch.setattr(limits, "T1", 0.002)
    monkeypatch.setattr(limits, "T2", 0.002)
    logic.holding = asyncio.Event()
    async with serving() as world:
        phone = await world.phone()
        trying, again = await phone.ask(request()), await phone.ask(request())
        logic.holding.set()
        answers = [await phone.reply() for _ in range(4)]
        phone.send(request("ACK", to=answers[0]["To"]))
        await until_ping(phone)
        await asyncio.sleep(0.03)
        assert phone.replies.empty()

    assert (100, 1) == (trying.status, len({trying.raw, again.raw}))
    assert "tag" not in trying["To"]
    assert {302} == {one.status for one in answers}
    assert 1 == len({one.raw for one in answers})


async def until_ping(phone: Phone) -> None:
    """Wait for a ping's answer; what was on its way before it may come first."""
    answer = await phone.ask(request("OPTIONS", branch="z9hG4bKping"))
    while answer["CSeq"] != "1 OPTIONS":
        answer = await phone.reply()


async def test_answers_without_trying_are_not_repeated(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """One datagram in is one datagram out, so that nobody is flooded by means of this server (section 8.2.7)."""
    monkeypatch.setattr(limits, "T1", 0.001)
    async with serving() as world:
        phone = await world.phone()
        await phone.ask(request())
        await asyncio.sleep(0.02)

        assert phone.replies.empty()


async def test_options_is_a_ping(serving: Serving) -> None:
    """OPTIONS is answered with what this server takes, and with 503 when it is about to stop."""
    async with serving() as world:
        phone = await world.phone()
        answer = await phone.ask(request("OPTIONS", "sip:127.0.0.1"))
        world.server.drain()
        draining = await phone.ask(request("OPTIONS", "sip:127.0.0.1"))
        call = await phone.ask(request())

    assert [200, 503, 302] == [answer.status, draining.status, call.status]
    assert (ALLOW, "application/sdp") == (answer["Allow"], answer["Accept"])


@pytest.mark.parametrize("method", ["BYE", "MESSAGE", "REGISTER", "SUBSCRIBE", "X-OTHER"])
async def test_other_methods(serving: Serving, method: str) -> None:
    """Other methods get 405 with Allow, and 481 inside of a dialog that this server cannot have."""
    async with serving() as world:
        phone = await world.phone()
        outside = await phone.ask(request(method))
        inside = await phone.ask(request(method, to="<sip:1@h>;tag=x"))
        assert {("udp", "other"): 2} == world.server.counts.requests

    assert [405, 481] == [outside.status, inside.status]
    assert ALLOW == outside["Allow"]


async def test_an_invite_inside_a_dialog_is_refused(serving: Serving, logic: Logic) -> None:
    """There are no dialogs here, so an INVITE with a To tag gets 481."""
    async with serving() as world:
        answer = await (await world.phone()).ask(request(to="<sip:1@h>;tag=x"))

    assert (481, "<sip:1@h>;tag=x", 0) == (answer.status, answer["To"], logic.asked)


async def test_extensions_that_are_not_known(serving: Serving) -> None:
    """Require with something unknown gets 420 and its name; what is between the ends of a call does not matter here."""
    async with serving() as world:
        phone = await world.phone()
        refused = await phone.ask(request("INVITE", "sip:1@h", "Require: 100rel, teleport", "Require: x"))
        taken = await phone.ask(request("INVITE", "sip:1@h", "Require: 100rel, timer", branch="z9hG4bK2"))

    assert [420, 302] == [refused.status, taken.status]
    assert "teleport, x" == refused["Unsupported"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (request().replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 1), 505),
        (request("INVITE", "http://h/"), 416),
        (request("INVITE", "<sip:1@h>"), 400),
        (request("INVITE", "sip:@h"), 400),
        (request("INVITE", "sip:1@h:99999"), 400),
        (request(cseq="1 OPTIONS"), 400),
        (request(cseq="99999999999 INVITE"), 400),
        (request(cseq="\u0663 INVITE"), 400),
        (request(caller='"unclosed <sip:1@h>'), 400),
        (request("INVITE", "sip:1@h", "Content-Length: 7"), 400),
        (request("INVITE", "sip:1@h", "no field"), 400),
        (request("INVITE", "sip:1@h", "Subject: \x07"), 400),
        (request("INVITE", "sip:1@h", "Require: <>"), 400),
        (request("INVITE", "sip:1@h", *["X: y"] * 300), 400),
        (request().replace("Max-Forwards: 70", "Max-Forwards: 256"), 400),
        (request().replace("Call-ID: call-1@127.0.0.1", "Call-ID: a b"), 400),
        (request(body="v=0").replace("Content-Length: 3", "Content-Length: 4"), 400),
    ],
)
async def test_malformed_requests_are_refused(serving: Serving, logic: Logic, text: str, status: int) -> None:
    """A request whose form is wrong is told so, if an answer can be made of it."""
    async with serving() as world:
        phone = await world.phone()
        answer = await phone.ask(text)

        assert await quiet(phone)
    assert (status, 0) == (answer.status, logic.asked)
    assert len(answer.raw) < len(text) + 200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\0", "keepalive"),
        ("\r\n\r\n", "keepalive"),
        ("hello", "malformed"),
        ("SIP/2.0 200 OK\r\n\r\n", "response"),
        (request().replace("From", "Form"), "malformed"),
        (request().replace("Via", "Viaduct"), "malformed"),
        (request("INVITE", "sip:1@h", "To: <sip:2@h>"), "malformed"),
        (request(via="SIP/2.0/UDP"), "malformed"),
        (request(via="SIP/2.0/UDP h;branch=a;self=1"), "malformed"),
        (request(via="SIP/2.0/UDP h;branch=a;BRANCH=b"), "malformed"),
        (request(via="SIP/2.0/UDP h:123456;branch=a"), "malformed"),
        (request(via=", ".join(["SIP/2.0/UDP h;branch=a"] * 71)), "malformed"),
        (request("ACK", cseq="1 INVITE"), None),
    ],
)
async def test_what_cannot_be_answered_is_dropped(serving: Serving, text: str, reason: str | None) -> None:
    """What is no request, or has not what an answer needs, is counted and forgotten."""
    async with serving() as world:
        phone = await world.phone()
        phone.send(text)

        assert await quiet(phone)
        assert ({(reason,): 1} if reason else {}) == world.server.counts.dropped


async def test_strangers_get_no_answer(serving: Serving, logic: Logic) -> None:
    """Nothing goes out to addresses outside of the networks that may ask."""
    async with serving(allow_networks=["127.0.0.2/32", "::1/128"]) as world:
        stranger = await world.phone()
        stranger.send(request())
        known = await world.phone(local_addr=("127.0.0.2", 0))
        await known.ask(request())

        assert {("source",): 1} == world.server.counts.dropped
        assert stranger.replies.empty()
    assert 1 == logic.asked


@pytest.mark.parametrize(
    ("via", "returned"),
    [
        (
            "SIP/2.0/UDP 127.0.0.1:9;rport;branch={branch}",
            "SIP/2.0/UDP 127.0.0.1:9;rport={port};branch={branch};received=127.0.0.1",
        ),
        (
            "SIP/2.0/UDP 127.0.0.1:{port};received=2001:db8::1;branch={branch}",
            "SIP/2.0/UDP 127.0.0.1:{port};branch={branch}",
        ),
        ("SIP/2.0/UDP sbc_1:{port};branch={branch}", "SIP/2.0/UDP sbc_1:{port};branch={branch};received=127.0.0.1"),
        ("SIP/2.0/UDP 127.0.0.1:{port};branch={branch}", "SIP/2.0/UDP 127.0.0.1:{port};branch={branch}"),
        (
            "SIP / 2.0 / UDP 10.0.0.1 : {port} ;received=192.0.2.1 ;branch={branch}*'",
            "SIP / 2.0 / UDP 10.0.0.1 : {port} ;branch={branch}*';received=127.0.0.1",
        ),
    ],
)
async def test_answers_find_their_way(serving: Serving, via: str, returned: str) -> None:
    """The Via on top tells where the request came from, and the answer goes there (section 18.2; RFC 3581)."""
    async with serving() as world:
        phone = await world.phone()
        port = phone.transport.get_extra_info("sockname")[1]
        below = 'SIP/2.0/TCP [2001:db8::1];branch=x;received=2001:db8::2, SIP/2.0/UDP "b";branch=y'
        sent = via.replace("{port}", str(port))
        answer = await phone.ask(request("INVITE", "sip:1@h", f"v: {below}", via=sent))

    assert [returned.format(port=port, branch="z9hG4bK1"), *below.split(", ")] == answer.all("Via")


async def test_to_gets_one_tag(serving: Serving) -> None:
    """Every answer but 100 has a To tag, which is the same for the same request and another for another."""
    async with serving() as world:
        phone = await world.phone()
        tags = {
            (await phone.ask(request("OPTIONS", branch=branch)))["To"]
            for branch in ("z9hG4bKa", "z9hG4bKa", "z9hG4bKb")
        }

    assert 2 == len(tags)
    assert all(re.fullmatch(r"<sip:\+12155551212@127\.0\.0\.1>;tag=[0-9a-f]{16}", tag) for tag in tags)


async def test_an_answer_that_fits_no_datagram(serving: Serving, logic: Logic) -> None:
    """Where the results are too long for UDP the call is sent on without them, and counted."""
    logic.identities = tuple("e" * 10_000 for _ in range(7))
    async with serving() as world:
        answer = await (await world.phone()).ask(request())
        assert {("too-large",): 1} == world.server.counts.fail_open

    assert (302, []) == (answer.status, answer.all("Identity"))


async def test_folded_fields_and_short_names_are_read(serving: Serving, logic: Logic) -> None:
    """A folded field is one field, and a short name is its long one (section 7.3)."""
    folded = request().replace("From: ", "f:\r\n ").replace("Call-ID: ", "I : \r\n\t")
    async with serving() as world:
        answer = await (await world.phone()).ask(folded)

    assert (302, "+12155550100") == (answer.status, logic.inbound[0].orig)
    assert "<sip:+12155550100@127.0.0.1>;tag=from1" == answer["From"]


async def test_calls_are_finished_before_the_end(serving: Serving, logic: Logic) -> None:
    """Who leaves the server lets calls under way have their answer."""
    logic.holding = asyncio.Event()

    async def leave(world: World) -> None:
        await eventually(lambda: logic.asked)
        asyncio.get_running_loop().call_later(0.01, logic.holding.set)

    async with serving() as world:
        phone = await world.phone()
        phone.send(request())
        await leave(world)
        replies = world.stack.pop_all()
    assert 302 == (await phone.reply()).status
    await replies.aclose()


@pytest.mark.parametrize("address", ["udp:[::1]:0", "udp:localhost:0"])
async def test_both_kinds_of_addresses(serving: Serving, address: str) -> None:
    """IPv6 is served as IPv4 is; what was received from it stands without brackets."""
    async with serving(address) as world:
        answer = await (await world.phone()).ask(request())

    assert 302 == answer.status
    assert re.search(r";received=(::1|127\.0\.0\.1)\Z", answer["Via"])
