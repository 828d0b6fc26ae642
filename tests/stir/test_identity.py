"""The Identity header field value."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import limits
from stir.errors import IdentityError, InfoMissingError, MalformedError, UrlError
from stir.identity import Identity, Parameters
from stir.passport import Passport
from stir.testing import World

URL = "https://cr.example.net/1.pem"
TOKENS = st.from_regex(r"[A-Za-z0-9!%*_+`'~.-]{1,12}", fullmatch=True)
IDENTITIES = st.builds(
    Identity,
    token=st.from_regex(r"[A-Za-z0-9_.-]{1,60}", fullmatch=True),
    info=st.from_regex(r"[!-;=?-~]{1,40}", fullmatch=True),
    alg=TOKENS,
    ppt=st.none() | TOKENS,
)


@pytest.mark.clause("passport-2-grammar")
@given(IDENTITIES)
def test_what_is_written_is_read_again(identity: Identity) -> None:
    """Writing and reading are inverse."""
    assert identity == Identity.parse(str(identity))


@given(st.text(max_size=60) | st.text('ab.;=<>"\\ \t\r\ninfoalgpt:/,é', max_size=60))
def test_any_text_is_an_identity_or_one_error(text: str) -> None:
    """Arbitrary text is refused with MalformedError, or reads the same after it was written."""
    for value in (text, f"a.b.c;info=<u>{text}"):
        with suppress(MalformedError):
            identity = Identity.parse(value)
            assert identity == Identity.parse(str(identity))
            assert str(identity).isprintable()


@pytest.mark.clause("passport-2-spellings", "pki-t1-quotes")
@pytest.mark.parametrize(
    "value",
    [
        "a.b.c;info=<https://cr.example.net/1.pem>;alg=ES256;ppt=shaken",
        'a.b.c;info=<https://cr.example.net/1.pem>;alg="ES256";ppt="shaken"',
        "a.b.c ; INFO = <https://cr.example.net/1.pem> ; Alg = ES256 ; PPT = shaken ",
        " a.b.c;ppt=shaken;info=<https://cr.example.net/1.pem>",
        "a.b.c;info=<https://cr.example.net/1.pem>;ppt=shaken;canon;x=\"a;b=<c>\";y='z'",
        "a.b.c\r\n ;info=<https://cr.example.net/1.pem>\r\n\t;alg=ES256;ppt=shaken",
    ],
)
def test_the_spellings_in_use_mean_the_same(value: str) -> None:
    """Names go without regard to case, values quoted or bare, white space around ; and =, others are ignored."""
    assert Identity("a.b.c", URL, "ES256", "shaken") == Identity.parse(value)


@pytest.mark.clause("passport-2-alg")
def test_alg_and_ppt_may_be_left_out() -> None:
    """Alg is ES256 by default (RFC 8224, section 4), and a ppt need not be there."""
    assert Identity("..c", URL, "ES256", None) == Identity.parse(f"..c;info=<{URL}>")


@pytest.mark.parametrize("value", ["a.b.c", "a.b.c;alg=ES256;ppt=shaken", "a.b.c;information=<x>"])
def test_a_value_without_info_is_refused_for_that(value: str) -> None:
    """Info is mandatory (case E6)."""
    with pytest.raises(InfoMissingError):
        Identity.parse(value)


@pytest.mark.parametrize("info", ["info", f"info={URL}", f'info="{URL}"', "info=<>", "info=<é>", "info=<\x01>"])
def test_info_that_is_not_in_angle_brackets_is_no_uri(info: str) -> None:
    """Info is a URI in angle brackets (case E7)."""
    with pytest.raises(UrlError):
        Identity.parse(f"a.b.c;{info}")


@pytest.mark.clause("passport-2-grammar", "passport-2-alphabet", "passport-2-comma")
@pytest.mark.parametrize(
    "value",
    [
        "",
        ";info=<u>",
        "a b;info=<u>",
        "a.b.c\r\nX-Evil: 1;info=<u>",
        "é;info=<u>",
        "a.b.c;",
        "a.b.c;;info=<u>",
        "a.b.c;info=<u>;info=<v>",
        "a.b.c;info=<u>;INFO=<u>",
        "a.b.c;ppt=shaken;info=<u>;ppt=shaken",
        "a.b.c;info=<u",
        "a.b.c;info=<u v>",
        "a.b.c;info=<u>x",
        "a.b.c;info=<u>;x=",
        'a.b.c;info=<u>;x="y',
        'a.b.c;info=<u>;x="y\\"z"',
        'a.b.c;info=<u>;x="y\r\nz"',
        "a.b.c;info=<u>,a.b.c;info=<u>",
        "a.b.c;info=<u>;é=1",
    ],
)
def test_what_is_no_header_field_value_is_refused(value: str) -> None:
    """Anything but token;name=value…, each name once, is malformed; values are never split at commas."""
    with pytest.raises(IdentityError):
        Identity.parse(value)


@pytest.mark.parametrize("name", ["alg", "ppt"])
@pytest.mark.parametrize(
    "value", ["", '=""', '="a;b"', '="shaken;info=<https://evil.example>"', "=<shaken>", "=a,b", "=é"]
)
def test_alg_and_ppt_are_tokens(name: str, value: str) -> None:
    """They are written again without quotes, so nothing may hide inside them (RFC 8224, section 4)."""
    with pytest.raises(IdentityError, match="alg or ppt"):
        Identity.parse(f"a.b.c;info=<u>;{name}{value}")


def test_length_ends_at_the_limit() -> None:
    """A value as long as allowed is read; one byte more is refused unread."""
    longest = "a.b.c;info=<u>;x=" + "y" * (limits.IDENTITY_BYTES - len("a.b.c;info=<u>;x="))
    assert "u" == Identity.parse(longest).info
    with pytest.raises(IdentityError, match=f"the limit is {limits.IDENTITY_BYTES}"):
        Identity.parse(longest + "y")


def test_a_value_is_taken_apart_before_its_info_is_asked_for() -> None:
    """A wrong ppt (E5) can be told before a missing info (E6)."""
    parameters = Parameters.parse("a.b.c;ppt=div")

    assert ("a.b.c", "ES256", "div") == (parameters.token, parameters.alg, parameters.ppt)
    with pytest.raises(InfoMissingError):
        parameters.require_info()


@pytest.mark.clause("cps-12-6", "oob-5.1-insert")
def test_a_passport_from_a_cps_goes_back_into_a_header() -> None:
    """Info, alg and ppt come from the PASSporT's own header (ATIS-1000096)."""
    world = World()
    sp = world.service_provider("709J")
    passport = sp.passport(orig="12155550100", dest="12155551212")

    assert sp.identity(passport) == str(Identity.of(Passport.parse(passport)))


def test_a_base_passport_has_no_ppt_parameter() -> None:
    """Without a ppt in the PASSporT there is none in the header field."""
    assert f"a.b.c;info=<{URL}>;alg=ES256" == str(Identity("a.b.c", URL))
