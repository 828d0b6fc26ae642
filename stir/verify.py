"""
The STI-VS as a checklist for one PASSporT, in the order of ATIS-1000074's table of cases.

How the PASSporTs of a call are judged together is in :mod:`stir.assess`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from stir import extensions, jws
from stir.certificate import Chain
from stir.errors import (
    AlgorithmError,
    ExpiredError,
    HeaderError,
    InfoMismatchError,
    NotFullFormError,
    ScopeError,
    TypError,
    UnsupportedParameterError,
    UnsupportedTypeError,
)
from stir.extensions import Extension, Rcd, Shaken
from stir.identity import Parameters, restored
from stir.passport import TYP, Claims, Passport, full_form
from stir.policy import Policy
from stir.tn import Party
from stir.trust import Scope, Signatory, Trust
from stir.x5u import X5uPolicy

_COMPACT: Final = ".."
"""With what a compact form begins: the header and payload are left out."""


@dataclass(frozen=True, slots=True)
class Call:
    """The call in progress, as signalling tells it."""

    orig: Party
    """The calling number: P-Asserted-Identity, else From; in TDM the calling party number."""
    dest: Party
    """The called number after any retargeting."""
    time: datetime | None = None
    """Aware instant of the Date header field, which the compact form needs."""
    resource_priority: tuple[str, ...] = ()
    """Values of Resource-Priority; none: not known, and not compared."""
    priority: str | None = None
    """Value of Priority; None: not known, and not compared."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A PASSporT that passed every check that needs neither a certificate nor the other PASSporTs of its call."""

    passport: Passport
    claims: Claims
    extension: Extension | None
    """What its type adds; None for base ones and for types that are not known here."""
    rcd: Rcd | None = None
    """What it says to show of the caller, by its type or in addition to it."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """
    Judges one PASSporT at a time; time, call and certificates are given.

    First what is cheap (:meth:`read_identity` or :meth:`read`), so that
    nothing is fetched for a PASSporT that would be refused anyway; then, with
    the chain from its x5u, :meth:`confirm`. Replay is not checked here: a
    PASSporT may lawfully be seen by several verifiers.
    """

    policy: Policy = field(default_factory=Policy)
    x5u: X5uPolicy = field(default_factory=X5uPolicy)

    def read_identity(self, value: str, call: Call, *, at: datetime) -> Candidate:
        """
        Check an Identity header field as far as it goes without its certificate.

        Whether the claims are about *call* is not checked, since that may take other PASSporTs (E16);
        only a compact form needs it, to be restored.

        Args:
            value: The header field's value, or a PASSporT alone as a CPS hands it out.
            call: The call in progress.
            at: Aware UTC instant at which it must be fresh.

        Raises:
            MalformedError: It does not parse (cases E4, E6, E7, E9, E14).
            VerificationError: It must not be believed (cases E5, E10 to E13, E15).
        """
        # (1) In a header, or out of band alone, the PASSporT is in full form, or in a form that can be restored (E4).
        parameters = Parameters.parse(value) if ";" in value else None
        token = parameters.token if parameters else value
        if parameters and self.policy.compact and token.startswith(_COMPACT):
            token = _restored(parameters, call)
        compact = full_form(token)
        # (2) The header's own ppt, if any, names a type that is judged here (E5).
        # (3) The header has info (E6), which may be fetched (E7). It is fetched (E8) only after all that is cheap.
        info = self._read_header(parameters) if parameters else None
        # (4) The token's header has all four parameters (E9).
        passport = Passport.of(token, compact)
        if passport.ppt is None and not self.policy.judges(None):
            raise HeaderError("header: ppt is missing")
        # (5) The header says the same: the certificate (E10) and, if the token is a PASSporT (E11), the alg (E12)
        #     and the type (E13).
        if parameters is not None:
            if info != passport.x5u:
                raise InfoMismatchError("info and x5u name different certificates")
            _require_typ(passport.typ)
            _require_es256(parameters.alg)
            if parameters.ppt not in {None, passport.ppt}:
                raise UnsupportedTypeError("the ppt of the header field is not the PASSporT's")
        # (6) The token is a fresh PASSporT of a type that is judged (E7 where there was no header, E11 to E15).
        else:
            self.x5u.check(passport.x5u)
        return self._fresh(passport, at)

    def _read_header(self, parameters: Parameters) -> str:
        """Judge what a header says by itself, and return its info."""
        if parameters.ppt is not None and not self.policy.judges(parameters.ppt):
            raise UnsupportedParameterError("the header's ppt is of no type that is judged here")
        info = parameters.require_info()
        self.x5u.check(info)
        return info

    def read(self, passport: Passport, *, at: datetime, any_type: bool = False) -> Candidate:
        """
        Check *passport* by itself, as far as that goes without its certificate.

        Args:
            passport: As parsed.
            at: Aware UTC instant at which it must be fresh.
            any_type: Take types that are not judged here, too, by their base claims.

        Raises:
            MalformedError: A claim is missing or of the wrong type, or x5u is a URL that is never fetched.
            VerificationError: typ, alg or ppt is wrong, or it is stale.
        """
        # (1) x5u may be fetched (E7).
        self.x5u.check(passport.x5u)
        return self._fresh(passport, at, any_type=any_type)

    def require_current(self, candidate: Candidate, *, at: datetime) -> None:
        """
        Check what :meth:`read` checks beyond :meth:`shape`, which made *candidate*.

        Raises:
            UrlError: x5u is a URL that is never fetched (E7).
            StaleError: iat is not fresh at the aware UTC instant *at* (E15).
        """
        self.x5u.check(candidate.passport.x5u)
        self.policy.freshness.check(candidate.claims.iat, at)

    def _fresh(self, passport: Passport, at: datetime, *, any_type: bool = False) -> Candidate:
        # (2) typ, alg, ppt and the claims, in form (E11 to E14).
        candidate = self.shape(passport, any_type=any_type)
        # (3) iat is fresh (E15).
        self.policy.freshness.check(candidate.claims.iat, at)
        return candidate

    def shape(self, passport: Passport, *, any_type: bool = False) -> Candidate:
        """
        Check what kind of PASSporT this is, and that its claims have the right types; no instant is needed.

        Args:
            passport: As parsed.
            any_type: Take types that are not judged here, too, by their base claims.

        Raises:
            ClaimError: A claim is missing or of the wrong type.
            VerificationError: typ, alg or ppt is wrong.
        """
        _require_typ(passport.typ)
        _require_es256(passport.alg)
        if not (any_type or self.policy.judges(passport.ppt)):
            raise UnsupportedTypeError("ppt is of no type that is judged here")
        claims = Claims.of(passport)
        extension = extensions.read(passport)
        rcd = extension if isinstance(extension, Rcd) else Rcd.additive(passport)
        return Candidate(passport, claims, extension, rcd)

    def confirm(self, candidate: Candidate, chain: Chain, trust: Trust, *, at: datetime) -> Signatory:
        """
        Check *candidate* against the *chain* that was found at its x5u, and return its signer.

        Raises:
            CertificateFormatError: A part of the chain that matters cannot be read (E17).
            CertificateError: The chain does not make its holder a signer of this, now or when it was made (E17).
            SignatureError: The PASSporT was not signed by that certificate's key (E18).
            AttestationError: attest is not A, B or C, or a level that is not accepted (E19).
        """
        passport, claims = candidate.passport, candidate.claims
        # (1) The chain leads to a trusted root, nobody on it is revoked, and the leaf is an STI certificate.
        signatory = trust.signer(chain, at=at, scope=_scope(passport.ppt))
        leaf = signatory.certificate
        # (2) The leaf was valid when it signed, too: a fresh PASSporT may be older than a certificate.
        if not leaf.not_before <= datetime.fromtimestamp(claims.iat, UTC) <= leaf.not_after:
            raise ExpiredError("the signer's certificate was not valid at iat")
        # (3) It speaks for the caller, and its holder may claim this (RFC 8226, sections 8 and 9).
        self._require_cover(signatory, candidate)
        signatory.check_claims(passport.payload)
        # (4) Only now spend an ECDSA verification.
        jws.verify(leaf.public_key, passport.compact.signing_input, passport.compact.signature)
        # (5) The table puts the level of attestation last.
        if isinstance(candidate.extension, Shaken):
            candidate.extension.require_level(self.policy.attestations)
        return signatory

    def _require_cover(self, signatory: Signatory, candidate: Candidate) -> None:
        """
        Check that a certificate for numbers is for the caller's.

        A service provider code will do for all types that say who signed, since the provider answers for the
        caller; a base PASSporT that is judged says nothing like that, and needs the number (RFC 8224, section 6.2).
        """
        has_code = signatory.spc is not None
        if has_code and not (candidate.passport.ppt is None and self.policy.judges(None)):
            return
        if not signatory.authorized.covers(candidate.claims.orig.value):
            raise ScopeError("the signer's TNAuthList does not have the calling number")


def _restored(parameters: Parameters, call: Call) -> str:
    """Return the full form of a compact PASSporT, whose claims are what signalling says (RFC 8224, section 4)."""
    if parameters.ppt is not None:
        raise NotFullFormError("compact form: only a PASSporT without ppt can be restored from signalling")
    if call.time is None:
        raise NotFullFormError("compact form: without the Date of the call it cannot be restored")
    return restored(parameters, orig=call.orig, dest=call.dest, iat=int(call.time.timestamp()))


def _scope(ppt: str | None) -> Scope:
    return Scope.DELEGATE if ppt in {None, Rcd.ppt} else Scope.SPC


def _require_typ(typ: str) -> None:
    if typ != TYP:
        raise TypError("typ is not passport")


def _require_es256(alg: str) -> None:
    if alg != jws.ALGORITHM:
        raise AlgorithmError(f"alg is not {jws.ALGORITHM}")
