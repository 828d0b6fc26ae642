"""Verdicts: the table of cases, and how several results make one."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import errors
from stir.certificate import load_chain
from stir.errors import StirError
from stir.extensions import Div, DivO, Rcd, Rph, Shaken
from stir.passport import Claims
from stir.testing import World
from stir.tn import Party
from stir.trust import Signatory
from stir.verdict import CASES, NO_PASSPORT, PASSED, Case, PassportResult, Source, Verdict, Verstat, case_of, combine

CLAIMS = Claims(Party("tn", "12155550100"), (Party("tn", "12155551212"),), 1_700_000_000)
FAILED = CASES[errors.SignatureError]
NONE = CASES[errors.StaleError]


def signatory() -> Signatory:
    """Return a signer with the code 709J that stands on no list of revocations."""
    world = World()
    return world.trust.signer(load_chain(world.service_provider("709J").chain_pem), at=world.clock.now())


SIGNER = signatory()


def result(case: Case = PASSED, *, ppt: str | None = "shaken", attest: str = "A", **fields: Any) -> PassportResult:
    """Return a result with everything filled in, whether that is verified or not."""
    shaken = Shaken(attest, f"origid-{attest}")
    filled = {"claims": CLAIMS, "extension": shaken, "signatory": SIGNER, "x5u": "https://cr/1.pem"}
    return PassportResult(ppt, case, **filled | fields)


@pytest.mark.clause("passport-8-one-table")
def test_every_error_of_the_core_has_a_case() -> None:
    """Whatever goes wrong, there is a verdict; and only good PASSporTs are ok."""
    for kind in (kind for kind in vars(errors).values() if isinstance(kind, type)):
        case = case_of(kind("x"))
        assert case in CASES.values()
        assert case.verstat is not Verstat.PASSED


def test_a_class_without_a_row_has_its_parents() -> None:
    """A more exact error is never judged more leniently than the kind it is of."""
    assert "E17" == case_of(errors.RevokedError("x")).id
    assert "E4" == case_of(errors.IdentityError("x")).id
    assert "E6" == case_of(errors.InfoMissingError("x")).id
    assert "E5" == case_of(errors.UnsupportedParameterError("x")).id
    assert "E13" == case_of(errors.UnsupportedTypeError("x")).id


@pytest.mark.parametrize("error", [errors.NoTrustError("x"), errors.StoreError("x"), errors.ForbiddenError("x")])
def test_what_we_could_not_find_out_blames_nobody(error: StirError) -> None:
    """Our own trouble has no SIP code: the call goes on unverified."""
    assert Case("unavailable", None, None, Verstat.NONE) == case_of(error)


def test_a_verdict_says_what_is_known() -> None:
    """The JSON of a verdict has the members that the contract names, with the values of the deciding PASSporT."""
    other = result(NONE, detail="too old", error=errors.StaleError)
    verdict = combine([other, result(attest="B")], Source.OOB_V2)

    assert {
        "verstat": "TN-Validation-Passed",
        "code": None,
        "reason": None,
        "case": "ok",
        "attest": "B",
        "origid": "origid-B",
        "orig": "12155550100",
        "dest": ["12155551212"],
        "iat": 1_700_000_000,
        "spc": "709J",
        "x5u": "https://cr/1.pem",
        "source": "oob-v2",
        "revocation": "checked",
        "priority": None,
        "diversions": [],
        "rcd": None,
        "passports": [
            {
                "ppt": "shaken",
                "case": "E15",
                "code": 403,
                "reason": "Stale Date",
                "error": "stale-iat",
                "detail": "too old",
            },
            {"ppt": "shaken", "case": "ok", "code": None, "reason": None, "error": None, "detail": None},
        ],
    } == verdict.as_dict()
    assert verdict.passed


@pytest.mark.parametrize("case", [*CASES.values(), NO_PASSPORT])
def test_nobody_can_act_on_a_claim_that_was_not_verified(case: Case) -> None:
    """Attestation, origid and SPC are null unless the call passed, even where the result has them."""
    verdict = combine([result(case)], Source.IN_BAND)
    shown = verdict.as_dict()

    assert (
        [None] * 3 == [shown["attest"], shown["origid"], shown["spc"]] == [verdict.attest, verdict.origid, verdict.spc]
    )
    assert (case.verstat.value, case.code, case.reason) == (shown["verstat"], shown["code"], shown["reason"])
    assert not verdict.passed
    assert "12155550100" == shown["orig"]


def test_what_is_not_known_is_null() -> None:
    """A PASSporT that could not be read has no claims to show, and a pass without shaken claims no attestation."""
    shown = combine([PassportResult(None, FAILED)], Source.OOB_V1).as_dict()
    assert [None] * 4 == [shown[name] for name in ("orig", "iat", "x5u", "attest")]
    assert [] == shown["dest"]

    bare = combine([result(ppt=None, extension=None)], Source.OOB_V1)
    assert (None, None, "709J") == (bare.attest, bare.origid, bare.spc)


@pytest.mark.clause("passport-3-none")
def test_nothing_to_verify_is_no_failure() -> None:
    """A call without PASSporT is not verified, and nobody is to blame."""
    verdict = combine([], Source.OOB_V1)

    assert ("No-TN-Validation", None, "none", []) == tuple(
        verdict.as_dict()[name] for name in ("verstat", "code", "case", "passports")
    )


@pytest.mark.clause("passport-10-number", "passport-10-best", "passport-10-spoil")
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_best_result_decides_in_any_order(order: tuple[int, ...]) -> None:
    """One that passes is enough, the best attested first; a broken one spoils nothing (RFC 8224, section 6.2)."""
    given = [result(FAILED), result(attest="B"), result(NONE), result(attest="C")]

    assert given[1] is combine([given[place] for place in order], Source.IN_BAND).decisive


@pytest.mark.clause("passport-10-number")
def test_lying_decides_over_being_unusable() -> None:
    """Of those that do not pass, one that failed cryptographically decides (E17, E18), then the first."""
    stale, forged, other = result(NONE, attest="C"), result(FAILED), result(CASES[errors.MismatchError])

    assert forged is combine([stale, forged], Source.IN_BAND).decisive
    assert stale is combine([stale, other], Source.IN_BAND).decisive
    assert other is combine([other, stale], Source.IN_BAND).decisive


@pytest.mark.clause("passport-10-best")
def test_what_an_unverified_one_claims_does_not_count() -> None:
    """Attestation claimed by one that failed is not even used to choose among failures."""
    first, second = result(FAILED, attest="C"), result(FAILED, attest="A")

    assert first is combine([first, second], Source.IN_BAND).decisive


def test_a_base_one_passes_where_no_shaken_one_does() -> None:
    """A base PASSporT says who calls, too, but with less than the weakest attestation."""
    base, weakest, stale = result(ppt=None, extension=None), result(attest="C"), result(NONE)

    assert base is combine([stale, base], Source.IN_BAND).decisive
    assert weakest is combine([base, weakest], Source.IN_BAND).decisive


@pytest.mark.clause("passport-1.1-ppt-absent", "passport-10-unknown")
@pytest.mark.parametrize("case", [CASES[errors.UnsupportedTypeError], CASES[errors.UnsupportedParameterError]])
def test_types_that_are_not_judged_here_decide_only_alone(case: Case) -> None:
    """A msg or rsp PASSporT says nothing about the calling number (RFC 8224, section 6.2)."""
    msg = result(case, ppt="msg")
    stale, unreadable = result(NONE), PassportResult(None, CASES[errors.NotFullFormError])

    assert stale is combine([msg, stale], Source.IN_BAND).decisive
    assert unreadable is combine([msg, unreadable], Source.IN_BAND).decisive
    assert msg is combine([msg, msg], Source.IN_BAND).decisive


@pytest.mark.parametrize("ppt", ["div", "div-o", "rph", "rcd"])
@pytest.mark.parametrize("case", [PASSED, NONE, FAILED])
def test_what_vouches_for_something_else_leaves_the_number_unverified(ppt: str, case: Case) -> None:
    """Without a PASSporT for the number the call has no validation, however good or bad the others are."""
    msg = result(CASES[errors.UnsupportedTypeError], ppt="msg")
    verdict = combine([msg, result(case, ppt=ppt, extension=None)], Source.IN_BAND)

    assert ("none", Verstat.NONE, False) == (verdict.decisive.case.id, verdict.verstat, verdict.passed)
    assert "no PASSporT of this call vouches for its number" == verdict.decisive.detail
    assert [None] * 3 == [verdict.as_dict()[name] for name in ("attest", "spc", "revocation")]


def rph(case: Case = PASSED, *auth: str) -> PassportResult:
    """Return the result of an rph PASSporT."""
    return result(case, ppt="rph", extension=Rph(auth or ("ets.0",), "psap-callback"))


@pytest.mark.clause("passport-4.3-strip")
@pytest.mark.parametrize(
    ("results", "verstat"),
    [
        ([rph()], "RPH-Validation-Passed"),
        ([rph(NONE), rph(FAILED), rph()], "RPH-Validation-Passed"),
        ([rph(NONE), rph(FAILED)], "RPH-Validation-Failed"),
        ([rph(NONE)], "No-RPH-Validation"),
    ],
)
def test_priority_has_a_result_of_its_own(results: list[PassportResult], verstat: str) -> None:
    """Priority and number are validated apart; what is authorized is handed out only if that passed (RFC 8443)."""
    for number in ([], [result()], [result(FAILED)]):
        verdict = combine([*results, *number], Source.IN_BAND)
        passed = verstat == "RPH-Validation-Passed"

        assert {
            "verstat": verstat,
            "auth": ["ets.0"] if passed else [],
            "sph": "psap-callback" if passed else None,
        } == verdict.as_dict()["priority"]
        assert any(one.passed for one in number) is verdict.passed


def test_priority_that_is_not_judged_is_none() -> None:
    """Where rph PASSporTs are passed over there is no result of priority."""
    assert combine([rph(CASES[errors.UnsupportedTypeError])], Source.IN_BAND).as_dict()["priority"] is None


@pytest.mark.clause("passport-4.2-report")
def test_each_diversion_has_a_result_of_its_own() -> None:
    """Every div and div-o PASSporT is told, in order, with its own verstat (3GPP divResult)."""
    first = result(ppt="div", extension=Div(Party("tn", "12155550101"), "1.1"))
    second = result(FAILED, ppt="div-o", extension=DivO(Party("uri", "sip:a@b"), None, "x"))
    verdict = combine([second, result(), first], Source.IN_BAND)

    assert verdict.passed
    assert [
        {"div": {"uri": "sip:a@b"}, "verstat": "TN-Validation-Failed"},
        {"div": {"tn": "12155550101", "hi": "1.1"}, "verstat": "TN-Validation-Passed"},
    ] == verdict.as_dict()["diversions"]


def test_the_caller_is_shown_as_a_passing_passport_says() -> None:
    """An rcd PASSporT that passes comes before claims that the deciding one carries along; failed ones say nothing."""
    own, carried = Rcd({"nam": "own"}), Rcd({"nam": "carried"})
    passing = result(ppt="rcd", extension=own, rcd=own)
    failing = result(FAILED, ppt="rcd", extension=own, rcd=own)
    shaken, forged = result(rcd=carried), result(FAILED, rcd=carried)

    for expected, results in (
        ("own", [shaken, passing]),
        ("carried", [shaken, failing]),
        ("own", [passing]),
        (None, [forged]),
        (None, [forged, passing]),
        (None, [result(), failing]),
        (None, [result(attest="A"), result(attest="B", rcd=carried)]),
    ):
        shown = combine(results, Source.IN_BAND).as_dict()["rcd"]
        assert expected == (shown["nam"] if isinstance(shown, dict) else None)


@pytest.mark.clause("passport-10-each")
@given(
    st.lists(st.builds(result, st.sampled_from([*CASES.values(), PASSED]), attest=st.sampled_from("ABC")), min_size=1)
)
def test_a_call_passes_exactly_when_one_of_its_passports_does(results: list[PassportResult]) -> None:
    """However many there are, the decisive one is among them and all are reported."""
    verdict = combine(results, Source.IN_BAND)

    assert any(one.case is PASSED for one in results) is verdict.passed
    assert any(verdict.decisive is one for one in results)
    assert tuple(results) == verdict.passports
    assert verdict == Verdict(verdict.decisive, Source.IN_BAND, tuple(results))
