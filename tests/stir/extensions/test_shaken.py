"""The claims of a shaken PASSporT."""

import pytest

from stir.errors import AttestationError, ClaimError
from stir.extensions import Shaken
from stir.passport import Passport
from stir.testing import World
from stir.testing.jws import ABSENT


def shaken(**overrides: object) -> Shaken:
    """Read the claims of a PASSporT with *overrides*."""
    token = World().service_provider("709J").passport(orig="12155550100", dest="12155551212", claims=overrides)
    return Shaken.of(Passport.parse(token))


@pytest.mark.clause("passport-4.1-attest")
@pytest.mark.parametrize("attest", ["A", "B", "C"])
def test_the_three_levels_are_attestations(attest: str) -> None:
    """Full, partial and gateway attestation are A, B and C (RFC 8588, section 4)."""
    read = shaken(attest=attest, origid="an opaque string")
    read.require_level()

    assert Shaken(attest, "an opaque string") == read


@pytest.mark.parametrize("attest", ["D", "a", "AB", "A ", "full"])
def test_other_levels_are_read_and_then_refused(attest: str) -> None:
    """Another value than A, B and C is a claim of the right type, and refused in its own turn (case E19)."""
    with pytest.raises(AttestationError, match="none of A, B and C"):
        shaken(attest=attest).require_level()


@pytest.mark.parametrize("name", ["attest", "origid"])
@pytest.mark.parametrize("value", [ABSENT, None, "", 1, ["A"], {}, False])
def test_claims_that_are_missing_or_no_string_are_refused(name: str, value: object) -> None:
    """Both claims are required strings (RFC 8588, section 4; case E14)."""
    with pytest.raises(ClaimError, match=f"{name} is (missing|not a string)"):
        shaken(**{name: value})
