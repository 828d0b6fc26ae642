"""Who is trusted to sign calls: the roots, what was revoked, and what a signer's certificate must be."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Final
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from stir import limits, tnauthlist
from stir.certificate import Certificate, Chain
from stir.delegation import require_delegation
from stir.errors import CertificateError, ProfileError, RevokedError, ScopeError
from stir.path import Path, TrustAnchors, validate
from stir.revocation import RevocationList
from stir.tnauthlist import TNAuthList

_SIGNER_CURVE: Final = "secp256r1"


class Revocation(StrEnum):
    """What is known of a certificate's revocation."""

    CHECKED = "checked"
    """Nobody on the path stands on a current list."""
    UNKNOWN = "unknown"
    """There ought to be a list, and none is held, or only one that is overdue."""
    OFF = "off"
    """Nobody wants to know: no list is configured."""


class Scope(Enum):
    """What a signer's certificate must be; the type of the PASSporT decides."""

    SPC = auto()
    """One service provider code, by STI-CAs alone: shaken, div and rph (ATIS-1000080, section 6.4.1)."""
    DELEGATE = auto()
    """Codes or numbers: base and rcd (RFC 8226, RFC 9060). Whether they cover orig is the caller's to ask."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Whoever may sign: a certificate that passed everything but the PASSporT's own signature."""

    certificate: Certificate
    path: Path
    authorized: TNAuthList
    revocation: Revocation
    proven: bool = True
    """False: a CA on the path has a code where the certificate has numbers, so only number data could tell."""

    @property
    def spc(self) -> str | None:
        """The service provider code, if that is all the certificate speaks for."""
        return self.authorized.spc

    def check_claims(self, payload: Mapping[str, object]) -> None:
        """
        Check a PASSporT's claims against what the certificate lets its holder claim.

        Raises:
            ConstraintError: It does not permit these (RFC 8226, section 8; RFC 9118).
        """
        for constraints in self.certificate.claim_constraints:
            constraints.check(payload)


@dataclass(frozen=True)
class Trust:
    """The trusted roots and the revocation list, as they are at one time; immutable."""

    anchors: TrustAnchors
    revocation: RevocationList | None = None
    """None: nothing is known to be revoked. Whether that will do is decided by who makes this object."""
    revocation_wanted: bool = False
    """Whether there ought to be a list: without one revocation is unknown then, and not off."""
    _good: "WeakKeyDictionary[Chain, dict[Scope, Signatory]]" = field(
        default_factory=WeakKeyDictionary, init=False, compare=False, repr=False
    )
    """For each chain that was found good, and as long as it lives, what came of it."""

    def signer(self, chain: Chain, *, at: datetime, scope: Scope = Scope.SPC) -> Signatory:
        """
        Return who is behind the chain if its leaf's holder may sign calls at the aware instant *at*.

        Policy OIDs and common names are not looked at: production certificates are not uniform in them.

        Raises:
            ProfileError: It is not what *scope* wants.
            ScopeError: On each path somebody hands on more numbers or codes than they have.
            UntrustedError: No path leads to a trusted root.
            ExpiredError: None of the paths holds at *at*.
            RevokedError: The leaf is revoked, or on each path that holds a CA is.
            CertificateFormatError: The public key, the TNAuthList or the claim constraints cannot be read.
        """
        # (0) Anchors, revocation list and chain never change; only whether the path still holds does.
        known = self._good.get(chain, {}).get(scope)
        if known is not None and known.path.holds(at):
            return self._as_of(known, at)
        # (1) A signer's certificate, with a path that holds at this instant (RFC 5280, section 6).
        validate(chain, self.anchors, at=at)
        paths = [path for path in self.anchors.paths(chain) if path.holds(at)]
        # (2) Nobody on it is revoked. Anchors are not looked up: they are distrusted by taking them off the CA list.
        if self.revocation is not None:
            paths = _unrevoked(paths, self.revocation)
        # (3) Nobody on it hands on what they do not have.
        good, proven = _delegated(paths, chain, scope)
        # (4) What is demanded of a leaf beyond RFC 5280. The claims are held against its constraints later.
        authorized = _require_profile(chain, scope)
        _ = chain.leaf.claim_constraints
        found = Signatory(chain.leaf, good, authorized, self._known_of(good, at), proven)
        self._good.setdefault(chain, {})[scope] = found
        return found

    def _known_of(self, path: Path, at: datetime) -> Revocation:
        """
        Tell what is known of revocation on *path* at *at*.

        A list that is overdue still counts for what it revokes: nobody is forgiven because news is late. But that
        somebody is not on it proves nothing any more, so it is unknown then; and likewise who is not on a direct
        list of another CA. For a short time behind nextUpdate the list counts in full, because that is when its
        successor is fetched, and a verdict should not change for that moment every day.
        """
        if self.revocation is None:
            return Revocation.UNKNOWN if self.revocation_wanted else Revocation.OFF
        if self._is_overdue(self.revocation, at):
            return Revocation.UNKNOWN
        covered = all(map(self.revocation.covers, path.certificates[:-1]))
        return Revocation.CHECKED if covered else Revocation.UNKNOWN

    @staticmethod
    def _is_overdue(revocation: RevocationList, at: datetime) -> bool:
        return revocation.is_overdue(at - limits.CRL_GRACE)

    def _as_of(self, known: Signatory, at: datetime) -> Signatory:
        if self.revocation is None or (
            known.revocation is Revocation.CHECKED and not self._is_overdue(self.revocation, at)
        ):
            return known  # the list and what it covers never change, only the time does
        now = self._known_of(known.path, at)
        return known if known.revocation is now else replace(known, revocation=now)


def _unrevoked(paths: list[Path], revocation: RevocationList) -> list[Path]:
    """
    Return the paths on which nobody is revoked.

    A revoked leaf is final. A revoked CA certificate only spoils the paths through it: revocation names a
    certificate, not a key, and a CA that is certified anew or by two roots has several. Who revokes a
    CA for its lost key has to revoke each of them (RFC 5280, section 6.3).
    """
    leaf = paths[0].certificates[0]
    if revocation.is_revoked(leaf):
        raise RevokedError(f"the signer's certificate {leaf.fingerprint[:16]} is revoked")
    good = [path for path in paths if not any(map(revocation.is_revoked, path.certificates[1:-1]))]
    if not good:
        raise RevokedError("a CA certificate on each path from the signer's certificate is revoked")
    return good


def _delegated(paths: list[Path], chain: Chain, scope: Scope) -> tuple[Path, bool]:
    """
    Return the first of *paths* that is in order, and whether it proves what the leaf speaks for.

    For :attr:`Scope.SPC` it goes through STI-CAs only. A CA with a TNAuthList is a provider's, for delegate
    certificates (RFC 9060); the code of another provider in a certificate of its making would mean nothing.
    """
    refusal: CertificateError = ProfileError(
        "the signer's certificate is by a CA with a TNAuthList, which is no STI-CA"
    )
    for path in paths:
        if not any(one.is_delegated for one in path.certificates[1:]):
            return path, True
        if scope is Scope.DELEGATE:
            try:
                return path, require_delegation(path.certificates, chain)
            except ScopeError as error:
                refusal = error
    raise refusal


def _require_profile(chain: Chain, scope: Scope) -> TNAuthList:
    """Check what makes a certificate a signer's; that it is no CA was checked with the path."""
    leaf = chain.leaf
    key = leaf.public_key
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != _SIGNER_CURVE:
        raise ProfileError("the signer's key is not on P-256")
    if leaf.key_usage is not None and "digitalSignature" not in leaf.key_usage:
        raise ProfileError("the signer's KeyUsage does not allow digital signatures")
    authorized = leaf.tn_auth_list if scope is Scope.SPC else chain.authority(leaf)
    if authorized is None:
        elsewhere = ", only a reference to one" if leaf.tn_auth_list_urls else ""
        raise ProfileError(f"the signer's certificate has no TNAuthList ({tnauthlist.OID}){elsewhere}")
    if scope is Scope.SPC and authorized.spc is None:
        raise ProfileError("the signer's TNAuthList is not exactly one service provider code")
    if not authorized.entries:
        raise ProfileError("the signer's TNAuthList is empty")
    return authorized
