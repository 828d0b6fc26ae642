"""
What is fuzzed: each target does with its input what the product does with a stranger's bytes.

A target lets nothing out but the errors that the function's own docstring names; anything else is a defect, and so
is a broken promise about what was accepted (it reads back as the same value, a careless parser sees the same).
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from stir import limits, strictjson
from stir import reason as reason_field
from stir.aio.certificates import CertificateCache
from stir.aio.trust import FixedTrust
from stir.aio.verification import VerificationService
from stir.certificate import Certificate, Chain, load_certificates, load_chain
from stir.checks.subject import Context
from stir.constraints import ClaimConstraints
from stir.decode import decode
from stir.errors import (
    CertificateError,
    CertificateFormatError,
    ClaimError,
    ConstraintError,
    ConstraintFormatError,
    ForbiddenError,
    HeaderError,
    IdentityError,
    JsonError,
    ListRefusedError,
    MalformedError,
    NotFullFormError,
    RevocationListError,
    StirError,
    TNAuthListError,
    TokenError,
    TrustListError,
    UrlError,
    VerificationError,
)
from stir.explain import explain
from stir.identity import Identity, Parameters
from stir.lint import lint
from stir.passport import Claims, Passport
from stir.path import TrustAnchors, validate
from stir.policy import Freshness
from stir.profiles import ATIS, PROFILES, Profile, under
from stir.reason import reasons
from stir.revocation import RevocationList
from stir.testing import World
from stir.testing.world import DEST, ORIG
from stir.tn import Party
from stir.tnauthlist import TNAuthList
from stir.token import Action, RequestToken, Target
from stir.trust import Trust
from stir.trustlist import TrustList
from stir.verdict import Source, Verdict
from stir.verify import Call, Verifier
from stir.verstat import strip
from stir.x5u import X5uPolicy
from tests.fuzz import mutate, seeds

CALL: Final = Call(Party.parse(ORIG), Party.parse(DEST))
TARGET: Final = Target(Party.parse(DEST), Party.parse(ORIG))
VERIFIER: Final = Verifier()
AT: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The instant for which certificates from the world are made."""


@cache
def world() -> World:
    """Return the one world that seeds and trust come from."""
    return seeds.world(AT)


@cache
def trust() -> Trust:
    """Return what is trusted in it."""
    return world().trust


def text(data: bytes) -> str:
    """Return *data* as an HTTP or SIP library hands a header field over; bytes that are not UTF-8 survive in it."""
    return data.decode(errors="surrogateescape")


def identity(data: bytes) -> None:
    """Read an Identity header field value, as parser, verifier and ``decode``."""
    value = text(data)
    with suppress(IdentityError):
        Parameters.parse(value)
    with suppress(IdentityError, UrlError):
        parsed = Identity.parse(value)
        assert parsed == Identity.parse(str(parsed)), "written and read again it is another header"
    with suppress(MalformedError, VerificationError):
        VERIFIER.read_identity(value, CALL, at=AT)
    decode(value, at=AT)  # promises to raise nothing


def passport(data: bytes) -> None:
    """Read a PASSporT."""
    token = text(data)
    try:
        parsed = Passport.parse(token)
    except (NotFullFormError, HeaderError, ClaimError):
        return
    assert token == parsed.token, "the signed bytes are not those that came"
    with suppress(ClaimError):
        Claims.of(parsed)
    with suppress(MalformedError, VerificationError):
        VERIFIER.read(parsed, at=AT)
    again = Identity.parse(str(Identity.of(parsed)))
    assert (parsed.token, parsed.x5u, parsed.ppt) == (again.token, again.info, again.ppt), "in a header it is another"


def json_object(data: bytes) -> None:
    """Read JSON, and compare with the standard library's opinion."""
    try:
        value = strictjson.loads(data, max_bytes=limits.CHAIN_BYTES)
    except JsonError:
        return
    assert json.loads(data) == value, "a lenient parser sees another value"
    assert value == strictjson.loads(strictjson.canonical(value), max_bytes=2 * limits.CHAIN_BYTES)


def tn_auth_list(data: bytes) -> None:
    """Read a TNAuthList, write it, and read that."""
    try:
        parsed = TNAuthList.from_der(data)
    except TNAuthListError:
        return
    assert parsed == TNAuthList.from_der(parsed.to_der()), "written and read again it is another list"
    parsed.covers(ORIG)
    parsed.has_spc("709J")
    assert parsed.spc is None or parsed.has_spc(parsed.spc.lower())


def certificate(data: bytes) -> None:
    """Read one certificate, and everything in it."""
    try:
        parsed = Certificate.from_der(data)
    except CertificateFormatError:
        return
    assert data == parsed.der
    _look_at(parsed)


def chain(data: bytes) -> None:
    """Read a chain file, and judge it as a signer's and as a file of roots."""
    with suppress(CertificateFormatError):
        found, _ = load_certificates(data)
        TrustAnchors(found)
    try:
        parsed = load_chain(data)
    except CertificateFormatError:
        return
    for one in (parsed.leaf, *parsed.others):
        _look_at(one)
    with suppress(CertificateError, CertificateFormatError):
        validate(parsed, trust().anchors, at=AT)
    with suppress(CertificateError, CertificateFormatError):
        trust().signer(parsed, at=AT)


def _look_at(parsed: Certificate) -> None:
    with suppress(CertificateFormatError):
        _ = parsed.public_key
    with suppress(TNAuthListError):
        _ = parsed.tn_auth_list
    assert str(parsed.subject).isprintable()
    assert parsed.is_self_issued == (parsed.issuer == parsed.subject)
    parsed.is_issued_by(parsed)
    lint(parsed)  # promises to raise nothing


def crl(data: bytes) -> None:
    """Read a CRL, look a certificate up, and ask who signed it."""
    try:
        parsed = RevocationList.from_bytes(data)
    except RevocationListError:
        return
    signer = world().crl.signer.certificate
    parsed.is_revoked(signer)
    parsed.is_overdue(AT)
    repr(parsed)
    with suppress(ListRefusedError):
        parsed.require_not_older(parsed)
        parsed.require_signer([signer], _administrator(), at=AT)


def ca_list(data: bytes) -> None:
    """Read a CA list, and ask who signed it."""
    try:
        parsed = TrustList.from_bytes(data)
    except TrustListError:
        return
    assert len(parsed.anchors) > 0
    repr(parsed)
    with suppress(ListRefusedError):
        parsed.require_not_older(parsed)
        parsed.require_current(AT)
    with suppress(ListRefusedError):
        held = parsed.embedded or Chain(world().ca_list.signer.certificate)
        parsed.require_signer(held, _administrator(), at=AT)


def token(data: bytes) -> None:
    """Read the bearer token of a request to a CPS, and check it."""
    try:
        parsed = RequestToken.parse(text(data))
    except TokenError:
        return
    with suppress(TokenError):
        parsed.check_audience("localhost")
    with suppress(TokenError):
        parsed.check_time(Freshness(), AT)
    with suppress(ForbiddenError):
        parsed.check_target(Action.PUBLISH, TARGET)
    with suppress(TokenError):
        parsed.check_digest(["a"])
    with suppress(ForbiddenError):
        parsed.check_scope(TNAuthList.of(spcs=["709J"]))
    with suppress(ClaimError):
        parsed.deletion_time(AT)


def x5u(data: bytes) -> None:
    """Judge a certificate URL."""
    with suppress(UrlError):
        parts = X5uPolicy().check(text(data))
        assert parts.hostname, "a URL without a host"
        assert parts.port in {None, 443, 8443}, "a URL of another port"


def constraints(data: bytes) -> None:
    """Read claim constraints of either kind, and hold a PASSporT's claims against them."""
    for enhanced in (False, True):
        try:
            parsed = ClaimConstraints.from_der(data, enhanced=enhanced)
        except ConstraintFormatError:
            continue
        json.dumps(parsed.as_dict())
        with suppress(ConstraintError):
            parsed.check({"attest": "A", "rcd": {"nam": "Café"}, "foo": [1.5, None]})


def call(data: bytes) -> None:
    """Judge a call with Identity headers, one a line, and write the verdict down: none of this ever raises."""
    _said(text(data).split("\n"), ATIS)


def explained(data: bytes) -> None:
    """Say why a call's verdict is what it is, under every profile."""
    values = text(data).split("\n")
    context = Context(CALL, AT, VERIFIER, trust(), {})
    for profile in PROFILES.values():
        verdict = _said(values, profile)
        assert len(verdict.passports) == len(explain(verdict, values, context))


def _said(values: list[str], profile: Profile) -> Verdict:
    judged = _runner().run(_service().verify(values, CALL, source=Source.IN_BAND))
    verdict = under(profile, judged)
    json.dumps(verdict.as_dict())
    for one in reasons(verdict):
        assert str(one).isprintable(), "a Reason that cannot stand in a header field"
    return verdict


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@cache
def _service() -> VerificationService:
    certificates = CertificateCache(world().fetcher, clock=world().clock)
    return VerificationService(VERIFIER, certificates, FixedTrust(trust()), world().clock)


def reason(data: bytes) -> None:
    """Read a Reason header field, and what its values look like when they are written again."""
    with suppress(MalformedError):
        for one in reason_field.parse(text(data)):
            assert (one,) == reason_field.parse(str(one)), "written and read again it is another reason"


def verstat(data: bytes) -> None:
    """Take what claims to be verified out of a header field; nothing is left after that."""
    with suppress(MalformedError):
        left = strip(text(data))
        assert left == strip(left), "something was left"


@cache
def _administrator() -> TrustAnchors:
    found, _ = load_certificates(world().sti_pa_anchors_pem)
    return TrustAnchors(found)


@dataclass(frozen=True)
class FuzzTarget:
    """One thing to be fuzzed."""

    run: Callable[[bytes], None]
    seeds: Callable[[World], Iterable[bytes]]
    mutator: mutate.Mutator


TARGETS: Final[dict[str, FuzzTarget]] = {
    "identity": FuzzTarget(identity, seeds.identities, mutate.identity),
    "passport": FuzzTarget(passport, seeds.passports, mutate.jws),
    "json": FuzzTarget(json_object, seeds.json_texts, mutate.json_text),
    "tnauthlist": FuzzTarget(tn_auth_list, seeds.tn_auth_lists, mutate.der),
    "certificate": FuzzTarget(certificate, seeds.certificates, mutate.der),
    "chain": FuzzTarget(chain, seeds.chains, mutate.pem),
    "crl": FuzzTarget(crl, seeds.crls, mutate.crl),
    "calist": FuzzTarget(ca_list, seeds.ca_lists, mutate.ca_list),
    "token": FuzzTarget(token, seeds.tokens, mutate.jws),
    "constraints": FuzzTarget(constraints, seeds.constraints, mutate.der),
    "call": FuzzTarget(call, seeds.calls, mutate.lines),
    "explain": FuzzTarget(explained, seeds.calls, mutate.lines),
    "reason": FuzzTarget(reason, seeds.reasons, mutate.raw),
    "verstat": FuzzTarget(verstat, seeds.numbers, mutate.raw),
    "x5u": FuzzTarget(x5u, seeds.urls, mutate.raw),
}
"""By the name under which ``tests/fuzz/run`` knows them."""


def uncaught(name: str, data: bytes) -> BaseException | None:
    """Return the defect that *data* shows in the target called *name*, or None."""
    try:
        TARGETS[name].run(data)
    except StirError as error:
        error.add_note("the function does not name this error in its docstring")
        return error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
        return error
    return None
