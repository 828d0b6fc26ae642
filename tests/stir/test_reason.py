"""Reason header values of protocol STIR: one for each PASSporT that failed, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import errors, limits
from stir.errors import MalformedError
from stir.profiles import ASTERISK, under
from stir.reason import Ppi, Reason, parse, reasons
from stir.testing import World
from stir.verdict import PASSED, PassportResult, Source, case_of, combine

TOKEN = World().service_provider("709J").passport(orig="12155550100", dest="12155551212")
COMPACT = f"..{TOKEN.rpartition('.')[2]}"
TEXTS = st.text(max_size=60).filter(str.isprintable) | st.text('\\";,= a', max_size=30)
PPIS = st.from_regex(r"\A([A-Za-z0-9_-]{1,9}\.[A-Za-z0-9_-]{1,9}|\.)\.[A-Za-z0-9_-]{1,9}\Z")


def refused(error: type[errors.StirError], token: str | None = TOKEN) -> PassportResult:
    """Return the result of a PASSporT that *error* refused."""
    return PassportResult("shaken", case_of(error("x")), "x", token=token, error=error)


@pytest.mark.clause("passport-3-reason", "passport-7-protocol")
def test_a_reason_reads_as_the_rfc_has_it() -> None:
    """Protocol STIR, the code as cause, the text and the PASSporT quoted (RFC 9410, section 4)."""
    (found,) = reasons(combine([refused(errors.FetchError)], Source.IN_BAND), ppi=Ppi.FULL)

    assert f'STIR;cause=436;text="Bad identity Info";ppi="{TOKEN}"' == str(found)


@pytest.mark.clause("passport-7-ppi", "passport-7-privacy")
@pytest.mark.parametrize(("form", "expected"), [(Ppi.FULL, TOKEN), (Ppi.COMPACT, COMPACT), (None, None)])
def test_the_passport_is_named_in_the_form_that_is_wanted(form: Ppi | None, expected: str | None) -> None:
    """The ppi is the full form, the compact form, or left out."""
    assert (Reason(403, "Stale Date", expected),) == reasons(
        combine([refused(errors.StaleError)], Source.IN_BAND), ppi=form
    )


@pytest.mark.clause("passport-7-several")
def test_each_passport_that_failed_has_its_own() -> None:
    """Several values of this protocol may stand in one message, in the order of the PASSporTs (RFC 9366)."""
    other = TOKEN.replace("e", "f")
    given = [
        refused(errors.StaleError),
        PassportResult("shaken", PASSED, token=TOKEN),
        refused(errors.SignatureError, other),
        refused(errors.NoTrustError, other),
        refused(errors.StaleError),
    ]
    found = reasons(combine(given, Source.IN_BAND), ppi=Ppi.FULL)

    assert [(403, TOKEN), (438, other)] == [(reason.cause, reason.ppi) for reason in found]


@pytest.mark.clause("passport-3-reason")
def test_the_profile_decides_about_code_and_text() -> None:
    """A call without PASSporT has a Reason only where the profile has a code for that."""
    nothing = combine([], Source.IN_BAND)

    assert () == reasons(nothing)
    assert ['STIR;cause=428;text="Use Identity Header"'] == [str(one) for one in reasons(under(ASTERISK, nothing))]


@pytest.mark.parametrize("token", [None, "", "hello", 'a.b."\r\nX: 1', "..", "a.b.c\r\n", f"a.b.{'c' * 20_000}"])
def test_what_is_no_passport_is_not_repeated(token: str | None) -> None:
    """Whoever sends garbage does not get it into a header field of ours."""
    for form in Ppi:
        (found,) = reasons(combine([refused(errors.NotFullFormError, token)], Source.IN_BAND), ppi=form)
        assert 'STIR;cause=438;text="Invalid Identity Header"' == str(found)


@given(st.builds(Reason, st.integers(100, 699), st.none() | TEXTS, st.none() | PPIS))
def test_what_is_written_reads_back(reason: Reason) -> None:
    """Whatever the text is, it comes back from between its quotes."""
    assert (reason,) == parse(str(reason))
    assert (reason, reason) == parse(f' Q.850 ; cause = 16 ;text="a, \\"b\\"" , {reason} ,\t{reason} ')


@given(st.text() | st.text('STIR;cause=436"\\, \ttextppi.Q850[:]\r\n'))
def test_any_field_is_read_or_refused(field: str) -> None:
    """Reading raises nothing but the documented error, and what is read is well formed."""
    try:
        found = parse(field)
    except MalformedError:
        return
    for reason in found:
        assert (reason,) == parse(str(reason))
        assert "\r" not in str(reason)
        assert "\n" not in str(reason)


@given(st.integers(), st.text(), st.text())
def test_what_cannot_stand_in_a_header_field_is_refused(cause: int, text: str, ppi: str) -> None:
    """No Reason exists that could end its header field and begin another."""
    try:
        written = str(Reason(cause, text, ppi))
    except MalformedError:
        return
    assert written.isprintable()


@pytest.mark.clause("passport-7-protocol")
@pytest.mark.parametrize(
    "field",
    [
        "",
        " ",
        ",",
        "STIR",
        "STIR;cause=436,",
        "STIR;text=a",
        "STIR;cause=4360",
        "STIR;cause=99",
        "STIR;cause=x",
        "STIR;cause",
        "STIR;cause=٤٣٦",
        "STIR;cause=436;cause=438",
        "STIR;cause=436;CAUSE=438",
        "STIR;cause=436;text",
        "STIR;cause=436;text=",
        'STIR;cause=436;text="a',
        'STIR;cause=436;text="a"b',
        'STIR;cause=436;text="a\r\nX: 1"',
        'STIR;cause=436;text="a\\\r"',
        f'STIR;cause=436;text="{"a" * 256}"',
        'STIR;cause=436;ppi="hello"',
        "STIR;cause=436 text=a",
        "STIR cause=436",
        "Q.850;cause=16;;STIR;cause=436",
    ],
)
def test_a_field_of_another_form_is_refused(field: str) -> None:
    """Strict: what is not of the form of RFC 3326 is not guessed at."""
    with pytest.raises(MalformedError):
        parse(field)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("stir ; Cause = 436", Reason(436)),
        ("STIR;cause=403;text=Stale", Reason(403, "Stale")),
        ("STIR;x;y=1;z=[::1]:5060;cause=403", Reason(403)),
        (f'STIR;cause=438;ppi="{COMPACT}"', Reason(438, None, COMPACT)),
        ('STIR;cause=438;text="\\a\\\\\\""', Reason(438, 'a\\"')),
    ],
)
def test_other_spellings_are_read(field: str, expected: Reason) -> None:
    """White space, case, bare tokens, escapes and unknown parameters mean what RFC 3261 says of them."""
    assert (expected,) == parse(field)


def test_other_protocols_are_passed_over() -> None:
    """A Reason of SIP or of ISUP is none of ours, and spoils none of ours."""
    assert () == parse('SIP;cause=200;text="Call completed elsewhere",Q.850;cause=16')


def test_the_work_on_a_field_is_bounded() -> None:
    """A field that is longer than any lawful one is not read."""
    with pytest.raises(MalformedError, match="longer"):
        parse("a," * limits.REASON_BYTES)
