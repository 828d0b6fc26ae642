"""Which claims are read for which type."""

import pytest

from stir.extensions import Div, DivO, Rcd, Rph, Shaken, read
from stir.passport import Passport
from stir.policy import TYPES
from stir.testing import World

SP = World().service_provider("709J")
CALL = {"orig": "12155550100", "dest": "12155551212"}


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (SP.passport(**CALL), Shaken),
        (SP.div(**CALL, div="1"), Div),
        (SP.div_o(**CALL, div="1", opt="a.b.c"), DivO),
        (SP.rph(**CALL, auth=["ets.0"]), Rph),
        (SP.rcd(**CALL, rcd={"nam": ""}), Rcd),
    ],
)
def test_each_type_has_its_own_claims(token: str, kind: type) -> None:
    """The ppt says which claims there are (RFC 8225, section 8), and each type read is one that is judged."""
    assert kind is type(read(Passport.parse(token)))
    assert kind.ppt in TYPES


@pytest.mark.parametrize("ppt", [None, "msg", "rsp", "base", "SHAKEN"])
def test_other_types_have_none(ppt: str | None) -> None:
    """A base PASSporT, or one of a type that is not known, has base claims only; unknown claims do no harm."""
    assert read(Passport.parse(SP.make(ppt, **CALL, claims={"rph": 1, "div": 2, "mky": [], "x": None}))) is None
