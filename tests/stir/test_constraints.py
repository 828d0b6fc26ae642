"""Claim constraints: strict reading, and what they do to a PASSporT (RFC 8226, section 8; RFC 9118)."""

import json

import pytest

from stir.certificate import load_chain
from stir.constraints import ENHANCED, JWT_CLAIM_CONSTRAINTS, ClaimConstraints
from stir.errors import CertificateError, ConstraintError, ConstraintFormatError
from stir.testing import World, der
from stir.testing.constraints import constraints
from stir.trust import Scope
from stir.verdict import case_of
from tests.support.vectors import VECTORS, needs_vectors

CLAIMS = {"attest": "B", "dest": {"tn": ["12155551212"]}, "iat": 1, "orig": {"tn": "12155550100"}}


def read(value: bytes, *, enhanced: bool = True) -> ClaimConstraints:
    """Read the value of an extension."""
    return ClaimConstraints.from_der(value, enhanced=enhanced)


@pytest.mark.clause("passport-6.2-der")
@needs_vectors
def test_a_published_value_reads_as_its_publisher_says() -> None:
    """The vector of the pyasn1-modules project gives its members."""
    vectors = json.loads((VECTORS / "extension-vectors.json").read_bytes())["vectors"]
    (vector,) = (one for one in vectors if isinstance(one["expect"], dict))
    assert vector["expect"] == read(bytes.fromhex(vector["der_hex"]), enhanced=False).as_dict()


@pytest.mark.clause("passport-6.2-der", "passport-6.2-enhanced-der")
@pytest.mark.parametrize(
    ("value", "enhanced", "expected"),
    [
        ("3009A00730051603726364", False, {"mustInclude": ["rcd"]}),
        ("3016A11430123010160661747465737430060C01420C0143", False, {"permittedValues": {"attest": ["B", "C"]}}),
        ("3009A20730051603726364", True, {"mustExclude": ["rcd"]}),
    ],
)
def test_each_member_in_bytes(value: str, expected: dict[str, object], *, enhanced: bool) -> None:
    """Each member has the encoding of the standards, with explicit tags."""
    assert expected == read(bytes.fromhex(value), enhanced=enhanced).as_dict()


@pytest.mark.clause("passport-6.2-der", "passport-6.2-enhanced-der", "passport-6.2-one")
@pytest.mark.parametrize(
    ("value", "enhanced"),
    [
        (b"", True),
        (b"\x05\x00", True),
        (b"\x30\x00", False),  # at least one member is present
        (b"\x30\x00", True),
        (constraints(include=[]), True),  # SIZE (1..MAX)
        (constraints(permitted=[]), True),
        (constraints(permitted=[("attest", [])]), True),
        (constraints(exclude=[]), True),
        (constraints(include=["rcd"], exclude=[]), True),
        (constraints(exclude=["rcd"]), False),  # only RFC 9118 excludes
        (constraints(include=["rcd"])[:-1], True),
        (constraints(include=["rcd"]) + b"\x00", True),
        (constraints(include=["r\xe9d"]), True),  # no IA5String
        (der.sequence(der.explicit(0, der.sequence(der.tlv(0x0C, b"rcd")))), True),  # UTF8String for a name
        (der.sequence(der.explicit(1, der.sequence(der.sequence(der.tlv(0x16, b"a"), b"\x30\x03\x0c\x01\xff")))), True),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else None,
)
def test_what_is_not_der_of_the_standards_is_malformed(value: bytes, *, enhanced: bool) -> None:
    """Empty lists, other types and stray bytes are refused, never ignored."""
    with pytest.raises(ConstraintFormatError):
        read(value, enhanced=enhanced)


@pytest.mark.clause(
    "passport-4.4-constraints", "passport-6.2-include", "passport-6.2-permitted", "passport-6.2-exclude"
)
@pytest.mark.parametrize(
    ("value", "good"),
    [
        (constraints(include=["attest"]), True),
        (constraints(include=["iat", "orig", "dest"]), True),
        (constraints(include=["rcd"]), False),
        (constraints(include=["attest", "rcd"]), False),
        (constraints(permitted=[("attest", ["B", "C"])]), True),
        (constraints(permitted=[("attest", ["A"])]), False),
        (constraints(permitted=[("attest", ["b"])]), False),  # case counts
        (constraints(permitted=[("rcd", ["x"])]), True),  # absent, so its value is not judged
        (constraints(permitted=[("rcd", ["x"])], include=["rcd"]), False),
        (constraints(permitted=[("attest", ["A", "B"]), ("attest", ["B", "C"])]), True),
        (constraints(permitted=[("attest", ["A", "B"]), ("attest", ["C"])]), False),
        (constraints(exclude=["rcd"]), True),
        (constraints(exclude=["attest"]), False),
        (constraints(exclude=["rcd"], permitted=[("attest", ["A"])]), False),
    ],
    ids=range(14),
)
def test_claims_are_held_against_the_constraints(value: bytes, *, good: bool) -> None:
    """Named claims must be there, must have one of the values if there, must not be there (RFC 9118, section 3)."""
    if good:
        read(value).check(CLAIMS)
    else:
        with pytest.raises(ConstraintError):
            read(value).check(CLAIMS)


@pytest.mark.clause("passport-4.4-constraints", "passport-6.2-values")
@pytest.mark.parametrize(
    ("value", "text", "good"),
    [
        ({"nam": "Ünal", "apn": "1"}, '{"apn":"1","nam":"Ünal"}', True),
        ({"nam": "Ünal", "apn": "1"}, '{"nam":"Ünal","apn":"1"}', False),
        ({"nam": "x"}, '{"nam": "x"}', False),
        (["b", "a"], '["b","a"]', True),
        (1, "1", True),
        (True, "true", True),
        (None, "null", True),
        (True, "True", False),
        ("x", '"x"', False),
    ],
)
def test_other_values_than_strings_count_by_their_deterministic_serialization(
    value: object, text: str, *, good: bool
) -> None:
    """An object or number is permitted if its serialization by RFC 8225, section 9, is; a string as it is."""
    constraint = read(constraints(permitted=[("rcd", [text])]))
    if good:
        constraint.check({"rcd": value})
    else:
        with pytest.raises(ConstraintError, match="'rcd'"):
            constraint.check({"rcd": value})


@pytest.mark.clause("passport-6.2-permitted", "passport-6.2-437")
async def test_a_call_is_judged_by_the_constraints_of_its_signer() -> None:
    """Who may attest B and C only is not believed with A: case E17, code 437."""
    world = World()
    value = constraints(permitted=[("attest", ["B", "C"])])
    provider = world.service_provider("709J", extensions=((JWT_CLAIM_CONSTRAINTS, value, False),))
    good = await world.assess(provider.sign(orig="12155550100", dest="12155551212", attest="B"))
    bad = await world.assess(provider.sign(orig="12155550100", dest="12155551212", attest="A"))

    assert ("ok", "709J") == (good.decisive.case.id, good.spc)
    assert ("E17", 437, "TN-Validation-Failed") == (bad.decisive.case.id, bad.decisive.case.code, bad.verstat)
    assert "does not permit the value of the claim 'attest'" in str(bad.decisive.detail)


@pytest.mark.clause("passport-6.2-both", "passport-6.2-leaf")
@pytest.mark.parametrize("critical", [False, True])
async def test_both_extensions_have_to_be_met(critical: bool) -> None:  # noqa: FBT001 - parametrized
    """RFC 8226's and RFC 9118's together: neither takes back the other, critical or not."""
    world = World()
    plain = (JWT_CLAIM_CONSTRAINTS, constraints(permitted=[("attest", ["A"])]), critical)
    enhanced = (ENHANCED, constraints(exclude=["rcd"]), critical)
    provider = world.service_provider("709J", extensions=(plain, enhanced))

    async def case(**claims: object) -> str:
        attest = str(claims.pop("attest", "A"))
        identity = provider.sign(orig="12155550100", dest="12155551212", attest=attest, claims=claims)
        return (await world.assess(identity)).decisive.case.id

    assert "ok" == await case()
    assert "E17" == await case(rcd={"nam": "x"})
    assert "E17" == await case(attest="B")


@pytest.mark.parametrize("scope", Scope)
def test_malformed_constraints_are_no_constraints_to_be_ignored(scope: Scope) -> None:
    """A certificate whose constraints are unreadable signs nothing (case E17)."""
    world = World()
    provider = world.service_provider("709J", extensions=((ENHANCED, b"\x30\x00", False),))

    with pytest.raises(ConstraintFormatError) as caught:
        world.trust.signer(load_chain(provider.chain_pem), at=world.clock.now(), scope=scope)
    assert "E17" == case_of(caught.value).id


@pytest.mark.clause("passport-6.2-437")
def test_a_violation_is_a_certificates_fault() -> None:
    """A ConstraintError is a CertificateError, with that class's case."""
    assert issubclass(ConstraintError, CertificateError)
    assert ("E17", 437) == (case_of(ConstraintError("x")).id, case_of(ConstraintError("x")).code)
