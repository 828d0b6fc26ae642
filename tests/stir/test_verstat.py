"""The verstat parameter: written in one place, read and removed in all."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import limits, verstat
from stir.errors import MalformedError, StaleError
from stir.extensions import Div, Shaken
from stir.tn import Party
from stir.verdict import PASSED as PASSED_CASE
from stir.verdict import PassportResult, Source, Verstat, case_of, combine
from stir.verstat import Indication

INDICATIONS = [
    Indication(status, attest, diverted, passthrough)
    for status, attest, diverted, passthrough in product(Verstat, (None, "A", "B", "C"), (False, True), (False, True))
]
PASSED = Indication(Verstat.PASSED)
PIECES = st.sampled_from(
    [
        *(
            ";verstat",
            "verstat=",
            ";",
            "=",
            '"',
            "\\",
            "<",
            ">",
            "@",
            "?",
            ",",
            " ",
            "sip:",
            "+12155550100",
            "a",
            ";tag=1",
        ),
        *("%76", "TN-Validation-Passed", "\t", ";VerStat", ";verstat=No-TN-Validation", "é", "\r\n", "\x00"),
    ]
)
FIELDS = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60)


@pytest.mark.clause("passport-9-suffixes")
@pytest.mark.parametrize("indication", INDICATIONS, ids=str)
def test_what_is_written_reads_back(indication: Indication) -> None:
    """Plain values and vendors' suffixes come back as they were, whatever their case."""
    assert indication == Indication.parse(str(indication))
    assert indication == Indication.parse(str(indication).upper())
    assert indication == verstat.read(f"<tel:+12155550100;verstat={indication}>")


@pytest.mark.parametrize(
    "text", ["", "TN-Validation", "TN-Validation-Passed-D", "TN-Validation-Passed-", "TN-Validation-Passed\n", "Passed"]
)
def test_unknown_values_are_refused(text: str) -> None:
    """A value that nobody is known to send is no indication of anything."""
    with pytest.raises(MalformedError):
        Indication.parse(text)


@pytest.mark.clause("passport-9-read")
@pytest.mark.parametrize(
    "field",
    [
        "sip:+12155550100;verstat=TN-Validation-Passed@example.com;user=phone",
        "sip:+12155550100@example.com;user=phone;verstat=TN-Validation-Passed",
        "tel:+12155550100;verstat=TN-Validation-Passed",
        '"A; verstat=x" <sip:+12155550100;VERSTAT=tn-validation-passed@example.com>;tag=1',
        "<sip:+12155550100@example.com>;verstat=TN-Validation-Passed;tag=1",
        '<sip:+12155550100@example.com>; verstat = "TN-Validation-Passed"',
        "<tel:+12155550100;npdi;verstat=TN-Validation-Passed;cpc=ordinary>",
        "<sip:+12155550100;%76erstat=TN-Validation%2DPassed@example.com>",
        "<sip:+1;verstat=TN-Validation-Passed@a;user=phone>, <tel:+1;verstat=TN-Validation-Passed>",
    ],
)
def test_both_placements_are_read_and_removed(field: str) -> None:
    """Inside the user part as 3GPP has it, behind the host as vendors have it, and behind the brackets."""
    assert PASSED == verstat.read(field)
    clean = verstat.strip(field)
    assert verstat.read(clean) is None
    assert "tat=TN" not in clean
    assert clean == verstat.strip(clean)


@pytest.mark.parametrize(
    "field",
    [
        "sip:+12155550100@example.com;user=phone",
        '"Bob;verstat=TN-Validation-Passed" <sip:bob@example.com>;tag=1',
        '"a\\";verstat=TN-Validation-Passed" <sip:bob@example.com>',
        "<sip:verstat@example.com;xverstat=1;verstats=2>",
        "Jörg <sip:joerg@example.com;method=INVITE?a=b>",
        "",
    ],
)
def test_a_field_without_verstat_stays_as_it_is(field: str) -> None:
    """A display name is no parameter, and other parameters have other names."""
    assert verstat.read(field) is None
    assert field == verstat.strip(field)


def test_the_rest_of_the_field_stays() -> None:
    """Only the parameter goes."""
    field = '"Bob" <sip:+12155550100;verstat=TN-Validation-Passed-A;npdi@example.com;user=phone>;tag=x;verstat=y'
    assert '"Bob" <sip:+12155550100;npdi@example.com;user=phone>;tag=x' == verstat.strip(field)


def test_what_is_left_does_not_read_as_another_verstat() -> None:
    """Taking one out must not make one of what stood around it."""
    field = "<sip:a@b;;verstat=x verstat=TN-Validation-Passed>"
    clean = verstat.strip(field)
    assert verstat.read(clean) is None
    assert "Passed" not in clean


def test_a_diverted_call_says_so_if_it_passed() -> None:
    """The suffix is a statement about a verified call alone."""
    div = PassportResult("div", PASSED_CASE, extension=Div(Party.tn("12155551212"), None))
    shaken = PassportResult("shaken", PASSED_CASE, extension=Shaken("B", "x"))
    stale = PassportResult("shaken", case_of(StaleError("x")), extension=Shaken("B", "x"))

    assert "TN-Validation-Passed-B-Diverted" == str(Indication.of(combine([shaken, div], Source.IN_BAND)))
    assert "TN-Validation-Passed-B" == str(Indication.of(combine([shaken], Source.IN_BAND)))
    assert "No-TN-Validation" == str(Indication.of(combine([stale, div], Source.IN_BAND)))


def test_two_verstats_that_differ_are_refused() -> None:
    """Nobody chooses which of two statements to believe."""
    with pytest.raises(MalformedError, match="several"):
        verstat.read("<sip:+1;verstat=No-TN-Validation@a;verstat=TN-Validation-Passed>")


@pytest.mark.clause("passport-9-strip")
@given(FIELDS)
def test_after_stripping_no_verstat_is_left(field: str) -> None:
    """Whatever came in, nothing that reads as a verstat goes on, and nothing is added."""
    try:
        clean = verstat.strip(field)
    except MalformedError:
        assert not field.replace("\t", " ").isprintable()
        return
    assert verstat.read(clean) is None
    assert clean == verstat.strip(clean)
    assert len(clean) <= len(field)


@given(FIELDS)
def test_any_field_is_read_or_refused(field: str) -> None:
    """Reading raises nothing but the documented error."""
    try:
        found = verstat.read(field)
    except MalformedError:
        return
    assert found is None or found in INDICATIONS


@pytest.mark.parametrize("field", ["a\r\nX: 1", "a\nb", "a\x00", "a" * (limits.SIP_FIELD_CHARACTERS + 1)])
def test_what_cannot_be_a_header_field_is_refused(field: str) -> None:
    """A value that would end its field, or is endless, is not passed on."""
    for function in (verstat.read, verstat.strip):
        with pytest.raises(MalformedError):
            function(field)
