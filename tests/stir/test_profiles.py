"""Profiles: the same cases with other codes, texts and verstats."""

import pytest

from stir import errors
from stir.profiles import ASTERISK, ATIS, ATIS_MISMATCH_FAILED, NO_CALLER, PROFILES, Profile, under
from stir.verdict import CASES, NO_PASSPORT, PASSED, Case, PassportResult, Source, Verdict, Verstat, case_of, combine


def refused(error: type[errors.StirError], **fields: object) -> PassportResult:
    """Return the result of a shaken PASSporT that *error* refused."""
    return PassportResult("shaken", case_of(error("x")), "x", error=error, **fields)


@pytest.mark.parametrize("case", [*CASES.values(), PASSED, NO_PASSPORT])
def test_atis_is_the_table_itself(case: Case) -> None:
    """The default profile changes nothing."""
    assert case is ATIS.case(case)


@pytest.mark.clause("passport-8-profile")
@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (errors.StaleError, 403, "Stale Date"),
        (errors.UrlError, 438, "Invalid Identity Header"),
        (errors.UnsupportedTypeError, 438, "Invalid Identity Header"),
        (errors.UnsupportedParameterError, 438, "Invalid Identity Header"),
        (errors.AlgorithmError, 438, "Invalid Identity Header"),
        (errors.TypError, 438, "Invalid Identity Header"),
        (errors.AttestationError, 438, "Invalid Identity Header"),
        (errors.ClaimError, 438, "Invalid Identity Header"),
        (errors.HeaderError, 438, "Invalid Identity Header"),
        (errors.InfoMismatchError, 438, "Invalid Identity Header"),
        (errors.SignatureError, 438, "Invalid Identity Header"),
        (errors.MismatchError, 438, "Invalid Identity Header"),
        (errors.FetchError, 436, "Bad Identity Info"),
        (errors.CertificateFormatError, 437, "Unsupported Credential"),
        (errors.TNAuthListError, 437, "Unsupported Credential"),
        (errors.UntrustedError, 437, "Unsupported Credential"),
        (errors.ExpiredError, 437, "Unsupported Credential"),
        (errors.ProfileError, 437, "Unsupported Credential"),
    ],
)
def test_asterisk_has_codes_of_its_own(error: type[errors.StirError], code: int, text: str) -> None:
    """Asterisk answers 403 to a stale date, 436 to a failed retrieval, 437 to a bad certificate and 438 to the rest."""
    usual = case_of(error("x"))

    assert Case(usual.id, code, text, usual.verstat) == ASTERISK.case(usual)


@pytest.mark.clause("passport-8-profile")
def test_asterisk_has_codes_for_what_is_not_there() -> None:
    """Without any PASSporT it answers 428, without a calling number 433; ours blames nobody."""
    assert (428, "Use Identity Header") == (ASTERISK.case(NO_PASSPORT).code, ASTERISK.case(NO_PASSPORT).reason)
    assert (433, "Anonymity Disallowed") == (ASTERISK.case(NO_CALLER).code, ASTERISK.case(NO_CALLER).reason)
    assert (None, None) == (ATIS.case(NO_PASSPORT).code, ATIS.case(NO_CALLER).code)


@pytest.mark.clause("passport-8-one-table")
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_profile_lets_anything_pass(profile: Profile) -> None:
    """Whatever the profile, ids stay, only ok passes, and each case stands in its table once."""
    table = list(profile.table())

    assert [row.id for row in ATIS.table()] == [row.id for row in table]
    assert len({row.id for row in table}) == len(table)
    assert {case.id for case in CASES.values()} <= {row.id for row in table}
    assert ["ok"] == [row.id for row in table if row.verstat is Verstat.PASSED]
    assert all(case.id == profile.case(case).id for case in CASES.values())
    assert ["E4", "E5", "E6"] == [row.id for row in table][:3]


def test_a_verdict_under_a_profile_has_its_codes_everywhere() -> None:
    """The decisive PASSporT and all the others are told by the same table; what is known of them stays."""
    stale, other = refused(errors.StaleError, token="a.b.c"), refused(errors.UrlError)
    verdict = combine([stale, other], Source.OOB_V1)
    shown = under(ASTERISK, verdict)

    assert (403, "Stale Date") == (shown.decisive.case.code, shown.decisive.case.reason)
    assert [403, 438] == [result.case.code for result in shown.passports]
    assert ("a.b.c", Source.OOB_V1) == (shown.passports[0].token, shown.source)
    assert under(ATIS, verdict) == verdict


def test_a_verdict_without_passports_is_told_too() -> None:
    """The absence of PASSporTs has a row, and so has what never came as far as a PASSporT."""
    assert 428 == under(ASTERISK, combine([], Source.OOB_V1)).decisive.case.code
    nobody = Verdict(PassportResult(None, NO_CALLER, "no number"), Source.IN_BAND, ())
    assert 433 == under(ASTERISK, nobody).decisive.case.code


def test_where_a_mismatch_is_a_failure_it_decides_like_one() -> None:
    """A PASSporT about another call decides over one that is merely stale, once the profile says Failed of it."""
    stale, mismatch = refused(errors.StaleError), refused(errors.MismatchError)
    verdict = combine([stale, mismatch], Source.IN_BAND)

    assert ("E15", Verstat.NONE) == (verdict.decisive.case.id, verdict.verstat)
    failed = under(ATIS_MISMATCH_FAILED, verdict)
    assert ("E16", Verstat.FAILED) == (failed.decisive.case.id, failed.verstat)
    assert failed.decisive is failed.passports[1]
