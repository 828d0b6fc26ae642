"""Telephone numbers and URIs in the one form in which they are compared."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import limits
from stir.errors import NumberError
from stir.tn import Party, canonical_number, canonical_uri, masked

NUMBERS = st.from_regex(r"[0-9#*]{1,15}", fullmatch=True)
SEPARATORS = st.text("-.() ", max_size=3)
TEXTS = st.text(max_size=40) | st.text("+-.() 0123456789#*:;=@?%<sipteluhoncrv>A", max_size=40)


@pytest.mark.clause("passport-2.1-separators", "passport-2.1-country", "passport-2.1-short")
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12155550100", "12155550100"),
        ("+12155550100", "12155550100"),
        ("+1 (215) 555-0100", "12155550100"),
        ("1.215.555.0100", "12155550100"),
        ("911", "911"),
        ("*67", "*67"),
        ("#1", "#1"),
        ("1", "1"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_separators_and_a_leading_plus_are_dropped(text: str, number: str) -> None:
    """RFC 8224, section 8.3: what is left are digits, # and *; no country code is guessed."""
    assert number == canonical_number(text)
    assert Party("tn", number) == Party.tn(text)


@pytest.mark.clause("passport-2.1-bad", "passport-2.1-digits")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "-",
        "()",
        "1234567890123456",
        "++1215",
        " +1215",
        "1+215",
        "1215x5",
        "1215,5",
        "1215;ext=1",
        "1215\n",
        "\t1215",
        "1215\u00a05550100",
        "\u0661\u0662\u0663",
        "\uff11\uff12",
        "²",
        "Alice",
        "12155550100\x00",
        "\ud800",
    ],
)
def test_what_is_no_number_is_refused_and_not_repaired(text: str) -> None:
    """Other characters, other scripts' digits and more than 15 digits make it no number (RFC 8224, section 8.3)."""
    with pytest.raises(NumberError, match="not a telephone number"):
        canonical_number(text)


@given(NUMBERS, st.data())
def test_a_number_is_the_same_however_it_is_written(number: str, data: st.DataObject) -> None:
    """Separators anywhere and one leading plus change nothing, and canonical numbers stay as they are."""
    spaced = "".join(digit + data.draw(SEPARATORS) for digit in number)

    assert number == canonical_number(number) == canonical_number(spaced) == canonical_number("+" + spaced)


@pytest.mark.clause("passport-2.1-uri")
@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("SIP:Alice@Example.COM", "sip:Alice@example.com"),
        ("sips:alice@example.com:5061;transport=tls?subject=x", "sips:alice@example.com:5061"),
        ("sip:example.com", "sip:example.com"),
        ("sip:alice;day=tuesday@example.com", "sip:alice;day=tuesday@example.com"),
        ("sip:alice@[2001:DB8::1]:5060", "sip:alice@[2001:db8::1]:5060"),
        ("URN:Service:SOS", "urn:service:sos"),
        ("HTTPS://Example.com/A", "https://Example.com/A"),
        ("tel:+1-215", "tel:+1-215"),
    ],
)
def test_a_uri_keeps_what_tells_parties_apart(text: str, uri: str) -> None:
    """Scheme and host compare without regard to case, a user does not; SIP parameters and headers are dropped."""
    assert uri == canonical_uri(text)
    assert Party("uri", uri) == Party.uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        ":x",
        "sip:",
        "1a:b",
        "sip:alice@",
        "sip:alice@;x=1",
        "sip:;x=1",
        "sip:a b@c",
        "sip:a@b\r\n",
        "sip:ä@b",
        "sip:a@" + "b" * limits.URI_CHARACTERS,
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    """A URI has a scheme, a rest of visible ASCII, and, for SIP, a host; it ends at the length limit."""
    with pytest.raises(NumberError):
        Party.uri(text)


def test_the_longest_uri_is_accepted() -> None:
    """The limit itself is within the limit."""
    longest = "sip:a@" + "b" * (limits.URI_CHARACTERS - len("sip:a@"))
    assert longest == canonical_uri(longest)


@pytest.mark.clause("passport-2.1-user")
@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("+1 215 555 0100", Party("tn", "12155550100")),
        ("tel:+1-215-555-0100", Party("tn", "12155550100")),
        ("TEL:+12155550100;npdi;rn=+12155550000", Party("tn", "12155550100")),
        ("sip:+12155550100@example.com;user=phone", Party("tn", "12155550100")),
        ("sips:+12155550100;verstat=TN-Validation-Passed@example.com;USER=Phone;x=1", Party("tn", "12155550100")),
        ("sip:911@example.com;user=phone?Priority=emergency", Party("tn", "911")),
        ("sip:12155550100@example.com", Party("uri", "sip:12155550100@example.com")),
        ("sip:12155550100@example.com;user=phonetic", Party("uri", "sip:12155550100@example.com")),
        ("sip:alice@example.com;user=phone", Party("uri", "sip:alice@example.com")),
        ("sip:example.com;user=phone", Party("uri", "sip:example.com")),
        ("urn:service:sos", Party("uri", "urn:service:sos")),
    ],
)
def test_a_party_is_read_as_signalling_names_it(text: str, party: Party) -> None:
    """A tel URI, and a SIP URI that says it holds a number and does, are numbers; other URIs are URIs."""
    assert party == Party.parse(text)


@pytest.mark.parametrize("text", ["", "alice", "tel:", "tel:alice", "tel:;ext=1", "sip:@;user=phone", "mailto:ä@b"])
def test_what_is_neither_is_refused(text: str) -> None:
    """Neither a number nor a URI is no party."""
    with pytest.raises(NumberError):
        Party.parse(text)


@given(TEXTS)
def test_any_text_is_a_canonical_party_or_one_error(text: str) -> None:
    """Reading twice changes nothing more, and nothing but NumberError is raised."""
    for read in (Party.parse, Party.tn, Party.uri):
        with suppress(NumberError):
            party = read(text)
            assert party == getattr(Party, party.kind)(party.value)


def test_a_party_is_written_as_the_claims_want_it() -> None:
    """An orig holds one string, dest an array of them (RFC 8225, section 5.2.1)."""
    assert {"tn": "12155550100"} == Party.tn("+12155550100").as_claim()
    assert {"uri": ["urn:service:sos"]} == Party.uri("urn:service:sos").as_dest_claim()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("12155550100", "+1215555****"),
        ("2155550100", "+215555****"),
        ("123456789012345", "+1234567********"),
        ("12345", "+1****"),
        ("1234", "+****"),
        ("911", "+***"),
        ("sip:alice@example.com", "sip:****"),
        ("urn:service:sos", "urn:****"),
        ("h323:12155550100", "****"),
        ("+12155550100", "****"),
        ("12155550100 ", "****"),
        ("12155550100:x", "****"),
        ("a12155550100:x", "****"),
        ("+1 (215) 555-0100", "****"),
        ("alice", "****"),
        ("", "****"),
    ],
)
def test_a_mask_hides_the_last_four_and_everything_else_it_does_not_know(value: str, shown: str) -> None:
    """Logs show at most the first seven digits, or the scheme; a value that is not canonical shows nothing."""
    assert shown == masked(value)
    assert shown == Party("tn", value).masked


@given(TEXTS)
def test_a_mask_never_shows_more_than_seven_digits(value: str) -> None:
    """Whatever is masked, no more than seven digits come through, and never the last four of a number."""
    shown = re.findall(r"[0-9]", masked(value))
    assert len(shown) <= max(0, min(7, len(value) - 4))
