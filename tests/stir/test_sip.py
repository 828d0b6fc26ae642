"""Verdicts in header fields of SIP, and what is removed from those that come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import verstat
from stir.errors import MalformedError, NumberError, StirError
from stir.extensions import Shaken
from stir.sip import Projection, stripped
from stir.tn import Party
from stir.verdict import NO_PASSPORT, PASSED, PassportResult, Source, Verdict, combine

ORIG = Party("tn", "12155550100")
ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"
NOTHING = combine([], Source.IN_BAND)


def passed(attest: str = "A", origid: str = ORIGID) -> Verdict:
    """Return the verdict on a call that passed."""
    result = PassportResult("shaken", PASSED, extension=Shaken(attest, origid))
    return combine([result], Source.IN_BAND)


@pytest.mark.clause("passport-9-placement", "passport-9-attestation")
def test_a_verified_call_has_all_fields() -> None:
    """The verstat stands inside the user part, and attestation and origid have 3GPP's names (TS 24.229)."""
    assert {
        "P-Asserted-Identity": "<sip:+12155550100;verstat=TN-Validation-Passed@example.com;user=phone>",
        "Attestation-Info": "A",
        "Origination-Id": ORIGID,
    } == Projection("example.com").headers(passed(), ORIG)


@pytest.mark.clause("passport-9-placement")
def test_without_a_host_the_number_is_a_tel_uri() -> None:
    """A TDM gateway may have no domain."""
    headers = Projection().headers(passed(), ORIG)
    assert "<tel:+12155550100;verstat=TN-Validation-Passed>" == headers["P-Asserted-Identity"]


@pytest.mark.clause("passport-9-suffixes", "passport-9-attestation")
def test_vendors_have_other_names_and_suffixes() -> None:
    """Both are options, each by itself."""
    assert {
        "P-Asserted-Identity": "<tel:+12155550100;verstat=TN-Validation-Passed-B>",
        "P-Attestation-Indicator": "B",
        "P-Origination-ID": ORIGID,
    } == Projection(suffix=True, vendor_names=True).headers(passed("B"), ORIG)


def test_a_call_that_did_not_pass_has_a_verstat_alone() -> None:
    """Nobody acts on an attestation that was not verified."""
    failed = combine([PassportResult("shaken", NO_PASSPORT, extension=Shaken("A", ORIGID))], Source.IN_BAND)
    for verdict in (failed, NOTHING):
        for suffix in (False, True):
            assert {"P-Asserted-Identity": "<tel:+12155550100;verstat=No-TN-Validation>"} == Projection(
                suffix=suffix
            ).headers(verdict, ORIG)


@pytest.mark.parametrize(
    ("number", "sip", "tel"),
    [
        ("911", "911", None),
        ("*67", "*67", None),
        ("#31", "%2331", None),
        ("2901234", "+2901234", "+2901234"),
        ("123456789012345", "+123456789012345", "+123456789012345"),
    ],
)
def test_short_codes_have_no_plus(number: str, sip: str, tel: str | None) -> None:
    """A number without a country code is local to the host; a tel URI would need a context that nobody knows here."""
    party = Party.tn(number)
    told = ";verstat=No-TN-Validation"

    assert f"<sip:{sip}{told}@a.example;user=phone>" == Projection("a.example").asserted(party, NOTHING)
    assert (tel and f"<tel:{tel}{told}>") == Projection().asserted(party, NOTHING)


def test_a_caller_without_number_is_told_without_verstat() -> None:
    """The verstat is a statement about a number; without any caller nothing is asserted."""
    assert "<sip:alice@example.com>" == Projection().asserted(Party.uri("sip:alice@Example.com"), passed())
    assert "P-Asserted-Identity" not in Projection().headers(passed(), None)
    assert Projection().asserted(Party("uri", "sip:a>\r\nX: 1"), passed()) is None


@pytest.mark.parametrize("origid", ["a b", "a\r\nX: 1", "é", "a" * 256, "a;b", "a,b", '"a"', "<a>"])
def test_an_origid_that_cannot_stand_in_a_field_is_left_out(origid: str) -> None:
    """The signer may have chosen any string."""
    assert {"P-Asserted-Identity", "Attestation-Info"} == Projection().headers(passed("A", origid), ORIG).keys()


@pytest.mark.parametrize("host", ["", "a b", "a\r\n", "a;b", "a@b", "-a", "a>", "[::1", "a:0", "a:123456", "a/b"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    """What the operator mistypes does not become part of a header field."""
    with pytest.raises(MalformedError):
        Projection(host)


PROJECTIONS = st.builds(
    Projection,
    st.sampled_from([None, "example.com", "192.0.2.1:5060", "[2001:db8::1]"]),
    suffix=st.booleans(),
    vendor_names=st.booleans(),
)


@given(PROJECTIONS, st.text(max_size=40), st.text(max_size=40))
def test_nothing_in_a_passport_gets_out_of_its_field(projection: Projection, origid: str, caller: str) -> None:
    """Whatever stands in the claims or in signalling, values are visible ASCII without a space or an end of line."""
    try:
        orig = Party.parse(caller)
    except NumberError:
        orig = Party("uri", caller)
    for value in projection.headers(passed("C", origid), orig).values():
        assert value.isascii()
        assert value.isprintable()
        assert not set(value[1:-1]) & set(' <>"')


@given(st.integers(0, 10**15 - 1).map(str), st.sampled_from([passed("B"), NOTHING]), st.sampled_from([False, True]))
def test_what_is_written_reads_back(number: str, verdict: Verdict, suffix: object) -> None:
    """The URI names the same number again, and the verstat is read where it was put."""
    value = Projection("example.com", suffix=bool(suffix)).headers(verdict, Party.tn(number))["P-Asserted-Identity"]

    assert Party.tn(number) == Party.parse(value[1:-1])
    assert verdict.verstat is verstat.read(value).verstat
    assert f"<sip:{'+' * (len(number) > 6)}{number}@example.com;user=phone>" == verstat.strip(value)


@pytest.mark.clause("passport-9-strip")
def test_what_claims_to_be_a_result_is_removed() -> None:
    """Only this side says what was verified: header fields of results go, under every name, and so does verstat."""
    fields = [
        ("From", '"A" <sip:+12155550100;verstat=TN-Validation-Passed@a>;tag=1'),
        ("f", "<sip:+1@a>;verstat=TN-Validation-Passed;tag=1"),
        ("P-ASSERTED-IDENTITY", "<tel:+12155550100;verstat=TN-Validation-Passed>"),
        ("attestation-info", "A"),
        ("Origination-ID", ORIGID),
        ("P-Attestation-Indicator", "A"),
        (" P-Origination-Id ", ORIGID),
        ("Identity", "a.b.c;info=<https://cr.example/1.pem>;verstat=kept"),
        ("Subject", "x;verstat=kept"),
    ]
    assert [
        ("From", '"A" <sip:+12155550100@a>;tag=1'),
        ("f", "<sip:+1@a>;tag=1"),
        ("P-ASSERTED-IDENTITY", "<tel:+12155550100>"),
        ("Identity", "a.b.c;info=<https://cr.example/1.pem>;verstat=kept"),
        ("Subject", "x;verstat=kept"),
    ] == stripped(fields)


@given(st.lists(st.tuples(st.sampled_from(["From", "To", "f", "Attestation-Info"]), st.text(max_size=30))))
def test_any_fields_are_stripped_or_refused(fields: list[tuple[str, str]]) -> None:
    """Stripping raises nothing but our own errors, and twice is as good as once."""
    try:
        once = stripped(fields)
    except StirError:
        return
    assert once == stripped(once)
