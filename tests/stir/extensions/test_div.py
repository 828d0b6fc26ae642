"""The claims of div and div-o PASSporTs."""

import pytest

from stir.errors import ClaimError
from stir.extensions import Div, DivO, read
from stir.passport import Passport
from stir.testing import ABSENT, World
from stir.tn import Party

ORIG, DIV, DEST = "12155550100", "12155550199", "12155551212"
SP = World().service_provider("709J")


def parsed(ppt: str, **claims: object) -> Passport:
    """Return a PASSporT of type *ppt* with these claims."""
    return Passport.parse(SP.make(ppt, orig=ORIG, dest=DEST, claims=claims))


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"tn": DIV}, Div(Party("tn", DIV), None)),
        ({"tn": "+1 215-555-0199"}, Div(Party("tn", DIV), None)),
        ({"uri": "sip:Sales@EXAMPLE.com"}, Div(Party("uri", "sip:Sales@example.com"), None)),
        ({"tn": DIV, "hi": "1.1"}, Div(Party("tn", DIV), "1.1")),
        ({"tn": DIV, "later": [1]}, Div(Party("tn", DIV), None)),
    ],
)
def test_div_has_one_identity_and_may_have_hi(claim: dict[str, object], expected: Div) -> None:
    """The div claim holds the one target that was left, and possibly an index of History-Info (RFC 8946, section 3)."""
    assert expected == read(parsed("div", div=claim))


@pytest.mark.parametrize(
    "claim",
    [
        ABSENT,
        None,
        DIV,
        [],
        {},
        {"hi": "1"},
        {"tn": [DIV]},
        {"tn": None},
        {"tn": 1},
        {"tn": "alice"},
        {"uri": "x"},
        {"tn": DIV, "uri": "sip:a@b"},
        {"tn": DIV, "hi": 1},
        {"tn": DIV, "hi": ["1"]},
    ],
)
@pytest.mark.parametrize("ppt", ["div", "div-o"])
def test_a_div_of_another_form_is_refused(ppt: str, claim: object) -> None:
    """Without exactly one number or URI nothing tells from where the call came (case E14)."""
    with pytest.raises(ClaimError, match=r"^div"):
        read(parsed(ppt, div=claim, opt="a.b.c"))


@pytest.mark.clause("passport-4.2-div-o")
def test_div_o_carries_the_passport_before_it() -> None:
    """A div-o is a div with the original in full form (RFC 8946, section 5)."""
    inner = SP.passport(orig=ORIG, dest=DIV)
    assert DivO(Party("tn", DIV), None, inner) == read(
        Passport.parse(SP.div_o(orig=ORIG, dest=DEST, div=DIV, opt=inner))
    )


@pytest.mark.clause("passport-4.2-div-o")
@pytest.mark.parametrize("opt", [ABSENT, None, "", 1, [], {}, "a.b.c;info=<x>"])
def test_opt_is_a_passport_alone(opt: object) -> None:
    """What is no string, or a header field value, is no PASSporT (case E14)."""
    with pytest.raises(ClaimError, match="opt"):
        read(parsed("div-o", div={"tn": DIV}, opt=opt))


@pytest.mark.parametrize("claim", [{"tn": DIV}, {"tn": DIV, "hi": "1.2"}, {"uri": "sip:a@b"}])
def test_the_claim_is_written_as_it_was_read(claim: dict[str, object]) -> None:
    """A result shows the div claim as its signer wrote it, with the number in canonical form."""
    extension = read(parsed("div", div=claim))
    assert isinstance(extension, Div)
    assert claim == extension.as_claim()
