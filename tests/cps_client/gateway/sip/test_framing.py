"""Messages out of a stream: however the bytes are cut, the same messages come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.errors import UnreadableError
from cps_client.gateway.sip.framing import PING, Framer
from tests.cps_client.gateway.sip.conftest import request

BODIES = ["", "v=0\r\n", "\r\n\r\n", "INVITE sip:1@h SIP/2.0\r\n\r\n", "\0" * 100, "Content-Length: 5\r\n\r\n"]


def framed(pieces: list[bytes]) -> list[bytes]:
    """Return all messages that *pieces* hold."""
    framer = Framer()
    return [message for piece in pieces for message in framer.feed(piece)]


@given(
    parts=st.lists(
        st.one_of(st.sampled_from(BODIES).map(lambda body: request(body=body)), st.just("\r\n\r\n")), min_size=1
    ),
    data=st.data(),
)
def test_any_cut_gives_the_same_messages(parts: list[str], data: st.DataObject) -> None:
    """Pings and messages come out as they went in, in their order, wherever the stream is cut."""
    stream = "".join(parts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert [part.encode() for part in parts] == framed(pieces)
    assert [part.encode() for part in parts] == framed([bytes([byte]) for byte in stream])


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_ends_in_one_way(pieces: list[bytes]) -> None:
    """Whatever comes, it is messages, or the stream cannot be followed; nothing else happens."""
    try:
        messages = framed([request().encode(), *pieces])
    except UnreadableError:
        return
    assert request().encode() == messages[0]
    assert b"".join(messages) == (request().encode() + b"".join(pieces))[: len(b"".join(messages))] or PING in messages


def test_single_empty_lines_are_passed_over() -> None:
    """An empty line before a message is no ping (section 7.5)."""
    assert [request().encode()] == framed([b"\r\n" + request().encode()])


@pytest.mark.parametrize(
    "length",
    ["Content-Length: 0", "l:0", "L : 0", "CONTENT-LENGTH:\r\n 0 ", "Content-Length: 0\r\nContent-Length: 0"],
)
def test_every_way_to_write_a_length(length: str) -> None:
    """Short and long names, folded lines and spaces are read; saying the same twice does no harm."""
    text = request().replace("Content-Length: 0", length).encode()
    assert [text, text] == framed([text + text])


@pytest.mark.parametrize(
    "text",
    [
        request().replace("Content-Length: 0\r\n", ""),
        request().replace("Content-Length: 0", "Content-Length: -1"),
        request().replace("Content-Length: 0", "Content-Length: 1\r\nl: 2"),
        request().replace("Content-Length: 0", f"Content-Length: {limits.BODY_BYTES + 1}"),
        request().replace("Content-Length: 0", "Content-Length: 9999999999"),
        "\rINVITE",
        "x" * (limits.HEAD_BYTES + 1),
        "x" * (limits.HEAD_BYTES + 1) + "\r\n\r\n",
    ],
    ids=["none", "negative", "two", "too long", "too many digits", "lone CR", "endless header", "long header"],
)
def test_streams_that_cannot_be_followed(text: str) -> None:
    """Without one length inside the bound nobody knows where the next message begins."""
    with pytest.raises(UnreadableError):
        framed([text.encode()])


def test_half_a_message_is_kept() -> None:
    """A message that has begun is told from the silence between two."""
    framer = Framer()
    assert framer.is_between
    assert [] == list(framer.feed(request().encode()[:-1]))
    assert not framer.is_between
    assert [request().encode()] == list(framer.feed(b"\n"))
    assert framer.is_between
