"""The checklist of an STI-VS; each row of the table of cases is tested in tests/conformance."""

from contextlib import nullcontext
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from stir import limits
from stir.certificate import load_chain
from stir.constraints import JWT_CLAIM_CONSTRAINTS
from stir.errors import (
    AlgorithmError,
    AttestationError,
    ClaimError,
    ConstraintError,
    ExpiredError,
    HeaderError,
    InfoMissingError,
    MalformedError,
    NotFullFormError,
    ProfileError,
    RevokedError,
    ScopeError,
    SignatureError,
    StaleError,
    TypError,
    UnsupportedParameterError,
    UnsupportedTypeError,
    UrlError,
)
from stir.extensions import Shaken
from stir.passport import Claims, Passport
from stir.policy import BASE, TYPES, Freshness, Policy
from stir.testing import ABSENT, ServiceProvider, World
from stir.testing.constraints import constraints
from stir.testing.tnauthlist import numbers
from stir.tn import Party
from stir.verify import Call, Candidate, Verifier
from stir.x5u import X5uPolicy

ORIG, DEST = "12155550100", "12155551212"
CALL = Call(Party.tn(ORIG), Party.tn(DEST))
BASED = Verifier(Policy(types=TYPES | {BASE}))
COMPACT = Verifier(Policy(types=TYPES | {BASE}, compact=True))


@pytest.fixture
def world() -> World:
    """Return a world whose clock stands still."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """Return a provider in good standing."""
    return world.service_provider("709J")


def parsed(sp: ServiceProvider, header: dict[str, object] | None = None, **overrides: Any) -> Passport:
    """Return a PASSporT for the call, with overrides."""
    return Passport.parse(sp.passport(orig=ORIG, dest=DEST, header=header, **overrides))


def confirm(world: World, sp: ServiceProvider, candidate: Candidate) -> str | None:
    """Check *candidate* with the provider's chain, and return the signer's SPC."""
    signatory = Verifier().confirm(candidate, load_chain(sp.chain_pem), world.trust, at=world.clock.now())
    return signatory.spc


def test_a_good_call_is_read_and_confirmed(world: World, sp: ServiceProvider) -> None:
    """The steps together name the signer; in a header field and alone it is the same PASSporT."""
    token = sp.passport(orig=ORIG, dest=DEST, attest="B", origid="x")
    for value in (token, sp.identity(token)):
        candidate = Verifier().read_identity(value, CALL, at=world.clock.now())
        assert (
            Candidate(Passport.parse(token), Claims(CALL.orig, (CALL.dest,), world.clock.timestamp()), Shaken("B", "x"))
            == candidate
        )
        assert "709J" == confirm(world, sp, candidate)


def test_types_that_are_not_judged_are_read_by_their_base_claims(world: World, sp: ServiceProvider) -> None:
    """A CPS carries PASSporTs of any type; what a verifier of calls refuses is read there."""
    for ppt in ("msg", "base", ABSENT):
        passport = parsed(sp, {"ppt": ppt}, claims={"attest": ABSENT, "origid": ABSENT})
        candidate = Verifier().read(passport, at=world.clock.now(), any_type=True)
        assert candidate.extension is None
        assert "709J" == confirm(world, sp, candidate)
        with pytest.raises(UnsupportedTypeError):
            Verifier().read(passport, at=world.clock.now())


@pytest.mark.parametrize("ppt", ["div", "div-o", "rph", "rcd"])
@pytest.mark.parametrize("any_type", [True, False])
def test_types_that_are_known_have_their_own_claims(sp: ServiceProvider, ppt: str, *, any_type: bool) -> None:
    """Whoever looks at a PASSporT looks at the claims of its type: they are missing here (case E14)."""
    with pytest.raises(ClaimError, match="missing"):
        Verifier().shape(parsed(sp, {"ppt": ppt}), any_type=any_type)


def test_the_owner_says_what_is_judged(world: World, sp: ServiceProvider) -> None:
    """Types outside the policy are passed over, and base PASSporTs only inside (cases E5, E9, E13)."""
    div = sp.div(orig=ORIG, dest=DEST, div=ORIG)
    only = Verifier(Policy(types=frozenset({"shaken"})))
    for value, error in ((sp.identity(div, ppt="div"), UnsupportedParameterError), (div, UnsupportedTypeError)):
        assert "div" == Verifier().read_identity(value, CALL, at=world.clock.now()).passport.ppt
        with pytest.raises(error):
            only.read_identity(value, CALL, at=world.clock.now())
    base = sp.make(None, orig=ORIG, dest=DEST)
    with pytest.raises(HeaderError, match="ppt is missing"):
        Verifier().read_identity(base, CALL, at=world.clock.now())
    for value in (base, sp.identity(base, ppt=None)):
        assert BASED.read_identity(value, CALL, at=world.clock.now()).extension is None


def test_a_base_passport_needs_a_certificate_for_the_number(world: World, sp: ServiceProvider) -> None:
    """Where base PASSporTs are judged their signer's TNAuthList has the number (RFC 8224, section 6.2)."""
    for provider, error in (
        (world.service_provider("1111", tn_auth_list=numbers(ORIG)), None),
        (world.service_provider("1111", tn_auth_list=numbers(DEST)), ScopeError),
        (sp, ScopeError),
    ):
        passport = Passport.parse(provider.make(None, orig=ORIG, dest=DEST))
        candidate = BASED.read(passport, at=world.clock.now())
        with pytest.raises(error) if error else nullcontext():
            BASED.confirm(candidate, load_chain(provider.chain_pem), world.trust, at=world.clock.now())


def test_caller_data_is_by_a_provider_or_by_who_has_the_number(world: World, sp: ServiceProvider) -> None:
    """An rcd PASSporT may be signed under a delegate's numbers, if the caller's is one; no other type may."""
    mine = world.service_provider("1111", tn_auth_list=numbers(ORIG))
    other = world.service_provider("1111", tn_auth_list=numbers(DEST))
    for signer, error in ((sp, None), (mine, None), (other, ScopeError)):
        passport = Passport.parse(signer.rcd(orig=ORIG, dest=DEST, rcd={"nam": "x"}))
        with pytest.raises(error) if error else nullcontext():
            confirm(world, signer, Verifier().read(passport, at=world.clock.now()))
    for token in (
        mine.passport(orig=ORIG, dest=DEST),
        mine.div(orig=ORIG, dest=DEST, div=ORIG),
        mine.rph(orig=ORIG, dest=DEST, auth=["ets.0"]),
    ):
        with pytest.raises(ProfileError):
            confirm(world, mine, Verifier().read(Passport.parse(token), at=world.clock.now()))


def test_a_certificate_may_limit_what_is_claimed(world: World) -> None:
    """Claims outside the certificate's constraints make it no certificate for them (RFC 8226, section 8)."""
    limited = world.service_provider(
        "709J", extensions=((JWT_CLAIM_CONSTRAINTS, constraints(permitted=[("attest", ["B", "C"])]), False),)
    )
    assert "709J" == confirm(world, limited, Verifier().read(parsed(limited, attest="B"), at=world.clock.now()))
    for made in ({}, {"signature": "other-key"}):
        with pytest.raises(ConstraintError):
            confirm(world, limited, Verifier().read(parsed(limited, attest="A", **made), at=world.clock.now()))


def test_the_owner_says_which_attestations_pass(world: World, sp: ServiceProvider) -> None:
    """A level that is not accepted is refused last of all, as one that does not exist (case E19)."""
    strict = Verifier(Policy(attestations=frozenset("AB")))
    for attest, error in (("A", None), ("B", None), ("C", AttestationError), ("D", AttestationError)):
        candidate = strict.read(parsed(sp, attest=attest), at=world.clock.now())
        with pytest.raises(error) if error else nullcontext():
            strict.confirm(candidate, load_chain(sp.chain_pem), world.trust, at=world.clock.now())


def compacted(sp: ServiceProvider, **made: Any) -> str:
    """Return the Identity header field of a base PASSporT in compact form."""
    return sp.identity(".." + sp.make(None, orig=ORIG, dest=DEST, **made).rpartition(".")[2], ppt=None)


def test_a_compact_form_is_restored_from_signalling(world: World) -> None:
    """Header and payload are rebuilt from info, To, Date and From, and then verified (RFC 8224, section 4)."""
    sp = world.service_provider("1111", tn_auth_list=numbers(ORIG))
    at = world.clock.now()
    call = Call(CALL.orig, CALL.dest, time=at)
    candidate = COMPACT.read_identity(compacted(sp), call, at=at)
    COMPACT.confirm(candidate, load_chain(sp.chain_pem), world.trust, at=at)
    assert Claims(CALL.orig, (CALL.dest,), world.clock.timestamp()) == candidate.claims

    for other in (
        Call(CALL.orig, CALL.orig, time=at),
        Call(CALL.dest, CALL.dest, time=at),
        Call(CALL.orig, CALL.dest, time=at + timedelta(seconds=1)),
    ):
        candidate = COMPACT.read_identity(compacted(sp), other, at=at)
        with pytest.raises(SignatureError if other.orig == CALL.orig else ScopeError):
            COMPACT.confirm(candidate, load_chain(sp.chain_pem), world.trust, at=at)
    stale = Call(CALL.orig, CALL.dest, time=at - timedelta(seconds=61))
    with pytest.raises(StaleError):
        COMPACT.read_identity(compacted(sp), stale, at=at)


@pytest.mark.parametrize("ppt", ["shaken", "div", "rph", "rcd"])
def test_a_compact_form_with_a_type_is_never_restored(world: World, sp: ServiceProvider, ppt: str) -> None:
    """What a type adds does not stand in signalling: shaken and div are in full form (case E4)."""
    at = world.clock.now()
    value = sp.identity(".." + sp.passport(orig=ORIG, dest=DEST).rpartition(".")[2], ppt=ppt)
    for verifier in (COMPACT, Verifier()):
        with pytest.raises(NotFullFormError, match="compact form"):
            verifier.read_identity(value, Call(CALL.orig, CALL.dest, time=at), at=at)


def test_a_compact_form_needs_leave_and_a_date(world: World, sp: ServiceProvider) -> None:
    """By default it is refused (case E4), and so it is without the instant that has to be its iat, or without info."""
    at = world.clock.now()
    call, value = Call(CALL.orig, CALL.dest, time=at), compacted(sp)
    for verifier, given, text, error in (
        (Verifier(Policy(types=TYPES | {BASE})), call, value, NotFullFormError),
        (COMPACT, CALL, value, NotFullFormError),
        (COMPACT, call, value.partition(";")[0], NotFullFormError),
        (COMPACT, call, value.partition(";")[0] + ";alg=ES256", InfoMissingError),
        (COMPACT, call, value.replace("https:", "http:"), UrlError),
        (COMPACT, call, value.replace("ES256", "ES384"), AlgorithmError),
        (Verifier(Policy(compact=True)), call, value, HeaderError),
    ):
        with pytest.raises(error):
            verifier.read_identity(text, given, at=at)


@pytest.mark.parametrize(
    ("header", "claims", "error"),
    [
        ({"typ": "JWT"}, {}, TypError),
        ({"alg": "none"}, {}, AlgorithmError),
        ({}, {"orig": ABSENT}, ClaimError),
        ({}, {"attest": ABSENT}, ClaimError),
    ],
)
def test_the_shape_needs_no_instant(
    sp: ServiceProvider, header: dict[str, object], claims: dict[str, object], error: type[Exception]
) -> None:
    """What kind of PASSporT it is can be told at any time, and from any URL."""
    ancient = {"iat": 1, "orig": {"tn": ORIG}}
    assert Verifier().shape(parsed(sp, {"x5u": "http://x"}, claims=ancient)).extension
    with pytest.raises(error):
        Verifier().shape(parsed(sp, header, claims=ancient | claims))


@pytest.mark.clause("passport-2.3-knob")
def test_freshness_and_urls_are_the_owners(world: World, sp: ServiceProvider) -> None:
    """Window, ports and networks come from who makes the verifier."""
    stale = parsed(sp, iat=world.clock.timestamp() - 100)
    nearby = parsed(sp, {"x5u": "https://127.0.0.1:9443/1.pem"})
    own = Verifier(
        Policy(Freshness(timedelta(minutes=5))), X5uPolicy(frozenset({443, 9443}), (ip_network("127.0.0.0/8"),))
    )
    for passport, error in ((stale, StaleError), (nearby, UrlError)):
        own.read(passport, at=world.clock.now())
        with pytest.raises(error):
            Verifier().read(passport, at=world.clock.now())


def test_what_has_a_shape_may_have_been_current_once(world: World, sp: ServiceProvider) -> None:
    """Whoever looked at the shape first asks for the URL (E7) and freshness (E15) later, as reading does at once."""
    verifier, at = Verifier(), world.clock.now()
    candidate = verifier.shape(parsed(sp))

    verifier.require_current(candidate, at=at)
    with pytest.raises(StaleError):
        verifier.require_current(candidate, at=at + limits.FRESHNESS + timedelta(seconds=2))
    with pytest.raises(UrlError):
        Verifier(x5u=X5uPolicy(frozenset({1}))).require_current(candidate, at=at)


def test_a_signature_of_another_provider_is_refused(world: World, sp: ServiceProvider) -> None:
    """The key is that of the certificate at x5u, and of no other, however well trusted."""
    candidate = Verifier().read(parsed(sp), at=world.clock.now())
    with pytest.raises(SignatureError):
        confirm(world, world.service_provider("1234"), candidate)


@pytest.mark.clause("passport-6-iat", "pki-c8-lifetimes")
def test_a_certificate_has_to_be_valid_when_it_signed(world: World) -> None:
    """A PASSporT that is fresh may still be older than its certificate, or younger than its end."""
    hour = timedelta(hours=1)
    for validity, away in (((timedelta(0), hour), -30), ((-hour, timedelta(seconds=10)), 30)):
        sp = world.service_provider("709J", validity=validity)
        assert "709J" == confirm(world, sp, Verifier().read(parsed(sp), at=world.clock.now()))
        candidate = Verifier().read(parsed(sp, iat=world.clock.timestamp() + away), at=world.clock.now())
        with pytest.raises(ExpiredError, match="iat"):
            confirm(world, sp, candidate)


def test_trust_comes_before_the_signature_and_attest_last(world: World, sp: ServiceProvider) -> None:
    """The order is that of the table: E17, E18, E19."""
    world.crl.revoke(sp.leaf)
    for made, error in (
        ({"attest": "D", "signature": "other-key"}, RevokedError),
        ({"attest": "D"}, RevokedError),
    ):
        with pytest.raises(error):
            confirm(world, sp, Verifier().read(parsed(sp, **made), at=world.clock.now()))
    world.crl.forgive(sp.leaf)
    for made, error in (
        ({"attest": "D", "signature": "other-key"}, SignatureError),
        ({"attest": "D"}, AttestationError),
    ):
        with pytest.raises(error):
            confirm(world, sp, Verifier().read(parsed(sp, **made), at=world.clock.now()))


def test_what_is_too_long_is_refused_unread(world: World) -> None:
    """Neither a header field nor a PASSporT of any length can make us work without bound."""
    for value, error in (
        ("a" * (limits.PASSPORT_BYTES + 1), NotFullFormError),
        ("a" * limits.IDENTITY_BYTES + ";info=<u>", MalformedError),
    ):
        with pytest.raises(error, match="limit"):
            Verifier().read_identity(value, CALL, at=world.clock.now())
