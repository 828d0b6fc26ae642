"""Reading messages: real ones are understood, and mutated ones end in one of three ways."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cps_client.gateway.sip.answer import Answer
from cps_client.gateway.sip.counts import Counts
from cps_client.gateway.sip.errors import RefusedError, UnreadableError
from cps_client.gateway.sip.message import Message, Request
from cps_client.gateway.sip.redirect import Origin, Redirector
from cps_client.gateway.sip.settings import Listen
from tests.cps_client.gateway.sip.conftest import IDENTITY, Reply, request

TORTURE = (
    """\
INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

""".replace("\n", "\r\n")
    + "x" * 150
)
"""RFC 4475, section 3.1.1.1."""

REAL = [
    request(
        "INVITE", "sip:+12155551212@h;user=phone", f"Identity: {IDENTITY}", "P-Asserted-Identity: <tel:+12155550100>"
    ),
    request("OPTIONS", "sip:[2001:db8::1]", via="SIP/2.0/TCP [2001:db8::1]:5060;branch={branch}"),
    request("INVITE", "urn:service:sos", 'Contact: "a, b" <sip:1@h;x="y">', "Require: timer", body="v=0\r\n"),
    request("CANCEL"),
    TORTURE,
]


def test_torture_is_read() -> None:
    """The message of RFC 4475 that is legal, and as strange as may be, is read as it is meant."""
    read = Request.of(Message.parse(TORTURE.encode()))

    assert ("INVITE", 9, "1918181833n", "98asjd8") == (read.method, read.sequence, read.to_tag, read.from_tag)
    assert ("vivekg", "sip:jdrosen@example.com") == (read.uri.user, read.caller.party)
    assert 3 == len(read.message.vias)
    assert ("390skdjuw", "192.0.2.2") == (read.message.via.branch, read.message.via.host)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a real message with some pieces changed, doubled, cut out or moved."""
    data = bytearray(draw(st.sampled_from(REAL)).encode())
    pieces = [
        b"\r\n",
        b"\r\n ",
        b";",
        b",",
        b'"',
        b"<",
        b">",
        b":",
        b"=",
        b"\0",
        b"\xff",
        b"@",
        b"SIP/2.0",
        b"tag=",
        b";self=1",
        b"%",
        b"[",
        b"9" * 400,
    ]
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        data[start:end] = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from(pieces), st.just(bytes(data[:start][-40:])))
        )
    return bytes(data)


@settings(deadline=None, max_examples=600)
@given(mutated())
@example(b"")
@example(b"\r\n\r\n")
def test_mutated_messages_end_in_one_of_three_ways(data: bytes) -> None:
    """A message is read, refused with a status, or dropped; whatever is answered is one well-formed answer."""
    try:
        message = Message.parse(data)
    except UnreadableError:
        return
    try:
        Request.of(message)
        answer = Answer(302, (("Contact", "<sip:1@h>"),))
    except RefusedError as error:
        answer = Answer(error.status, error.fields)
    reply = Reply.read(answer.encode(message, ("192.0.2.1", 5060), "tag"))

    assert answer.status == reply.status
    assert len(message.vias) == len(reply.all("Via"))
    assert {"From", "To", "Call-ID", "CSeq", "Content-Length"} <= {name for name, _ in reply.fields}
    assert len(reply.raw) < 2 * len(data) + 300


@settings(deadline=None, max_examples=100)
@given(st.lists(mutated(), min_size=1, max_size=5))
def test_no_message_raises_out_of_the_server(messages: list[bytes]) -> None:
    """Whatever comes one after the other, the server takes it, and answers the next ping."""

    class Always:
        async def answer(self, request: Request, listen: Listen) -> Answer:
            return Answer(302)

    async def run() -> list[bytes]:
        sent: list[bytes] = []
        origin = Origin("192.0.2.1", 5060, Listen.parse("udp:127.0.0.1:5060"), lambda data, port: sent.append(data))
        redirector = Redirector(Always(), Counts())
        for data in messages:
            redirector.receive(data, origin)
        await redirector.close()
        redirector.receive(request("OPTIONS").encode(), origin)
        return sent

    assert Reply.read(asyncio.run(run())[-1]).status == 200


@pytest.mark.parametrize("piece", ["\r\n" * 30_000, " " * 100_000, '"' * 17_000, "X: " + "," * 17_000, ";" * 100_000])
@pytest.mark.parametrize("name", ["Via", "From", "P-Asserted-Identity", "Require", "Content-Length"])
def test_long_nonsense_is_read_quickly(name: str, piece: str) -> None:
    """No field takes time that grows faster than its length: a test that hangs here has found one that does."""
    text = request("INVITE", "sip:1@h", "Y: z").replace("Y: z", f"Y: z\r\n{name}: {piece}")
    with suppress(UnreadableError, RefusedError):
        Request.of(Message.parse(text.encode()))
