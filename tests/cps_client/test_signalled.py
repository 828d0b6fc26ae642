"""Numbers as gateways signal them."""

import pytest

from cps_client import limits
from cps_client.signalled import Nature, Signalled
from stir.errors import NumberError


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+1 (215) 555-01.00", "+12155550100"),
        ("*67", "*67"),
        ("tel:+1-215-555-0100;phone-context=example.com", "+12155550100"),
        ("TEL:2155550100", "2155550100"),
        ("sip:+12155550100@example.com;user=phone", "+12155550100"),
        ("SIP:+12155550100@example.com:5060;User=Phone", "+12155550100"),
        ("sips:2155550100;npdi;rn=+12155550199@example.com;transport=tls;user=phone?x=y", "2155550100"),
        ("2155550100;rn=+12155550199;npdi", "2155550100"),
        ("99#+12155550100", "99#+12155550100"),
    ],
)
def test_a_number_is_found_in_whatever_holds_it(text: str, digits: str) -> None:
    """Separators and parameters do not count: with number portability the directory number does, not the routing's."""
    assert Signalled(digits) == Signalled.parse(text)


@pytest.mark.parametrize(
    "text", ["sip:alice@example.com;user=phone", "sip:12155550100@example.com", "urn:service:sos", "https://x.example"]
)
def test_other_uris_hold_no_number(text: str) -> None:
    """A URI that does not say it holds a number is one of its own (RFC 3261, section 19.1.6)."""
    assert Signalled.parse(text) is None


@pytest.mark.parametrize(
    ("noa", "nature"),
    [
        ("national", Nature.NATIONAL),
        ("International", Nature.INTERNATIONAL),
        ("subscriber", Nature.SUBSCRIBER),
        ("unknown", Nature.UNKNOWN),
        ("1", Nature.SUBSCRIBER),
        ("2", Nature.UNKNOWN),
        ("3", Nature.NATIONAL),
        ("4", Nature.INTERNATIONAL),
    ],
)
@pytest.mark.parametrize("form", ["2155550100;noa={}", "2155550100;npdi; NOA={} ;rn=5", "tel:2155550100;noa={}"])
def test_the_nature_of_address_is_read(noa: str, nature: Nature, form: str) -> None:
    """It comes by name or by ISUP's number (ITU-T Q.763, section 3.9), wherever it stands."""
    assert Signalled("2155550100", nature) == Signalled.parse(form.format(noa))


@pytest.mark.parametrize(
    "text",
    ["", "anonymous", "+", "1+", "++1", "12345x", "٣٤٥", "tel:", "1;noa=", "1;noa=5", "9" * 41, "9" * 256],
)
def test_everything_else_is_no_number(text: str) -> None:
    """What has other characters, is too long, or has a nature of address that is not known, is not guessed at."""
    with pytest.raises(NumberError):
        Signalled.parse(text)


def test_the_longest_number_passes() -> None:
    """The bound is the last length that is read."""
    assert Signalled("9" * limits.SIGNALLED_DIGITS) == Signalled.parse("9" * limits.SIGNALLED_DIGITS)
