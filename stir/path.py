"""
Certification paths, from a signer to a trusted root (RFC 5280, section 6, as far as STI certificates use it).

Not judged here: revocation and the SHAKEN profile (:mod:`stir.trust`), and policies, which no verifier demands.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final
from weakref import WeakKeyDictionary

from stir import constraints, limits, tnauthlist
from stir.certificate import Certificate, Chain, Name
from stir.errors import ExpiredError, ProfileError, UntrustedError

_NAME_CONSTRAINTS: Final = "2.5.29.30"
_HANDLED: Final = frozenset(
    {
        "2.5.29.14",  # SubjectKeyIdentifier
        "2.5.29.15",  # KeyUsage
        "2.5.29.19",  # BasicConstraints
        "2.5.29.31",  # CRLDistributionPoints
        "2.5.29.32",  # CertificatePolicies
        "2.5.29.35",  # AuthorityKeyIdentifier
        "2.5.29.37",  # ExtendedKeyUsage
        "1.3.6.1.5.5.7.1.1",  # AuthorityInformationAccess
        tnauthlist.OID,
    }
)


@dataclass(frozen=True)
class Path:
    """A path in which everything but the time is right: leaf first, trusted root last."""

    certificates: tuple[Certificate, ...]

    @cached_property
    def not_before(self) -> datetime:
        """The first instant at which every certificate is valid."""
        return max(certificate.not_before for certificate in self.certificates)

    @cached_property
    def not_after(self) -> datetime:
        """The last instant at which every certificate is valid; before :attr:`not_before` if there is none."""
        return min(certificate.not_after for certificate in self.certificates)

    def holds(self, at: datetime) -> bool:
        """Tell whether every certificate is valid at *at*."""
        return self.not_before <= at <= self.not_after


class TrustAnchors:
    """
    The trusted roots; immutable.

    A certificate that may not issue others cannot be one, so that no signer is ever its own root.
    """

    def __init__(self, certificates: Iterable[Certificate] = ()) -> None:
        given = tuple(dict.fromkeys(certificates))
        self.certificates: Final = tuple(one for one in given if _may_issue(one))
        self.refused: Final = tuple(one for one in given if not _may_issue(one))
        """What was given and may not issue certificates."""
        self._memo: WeakKeyDictionary[Chain, tuple[Path, ...]] = WeakKeyDictionary()

    def __contains__(self, certificate: object) -> bool:
        return certificate in self.certificates

    def __len__(self) -> int:
        return len(self.certificates)

    def paths(self, chain: Chain) -> tuple[Path, ...]:
        """
        Return the paths from the chain's leaf to these roots, whether they hold now or ever.

        The result is kept for as long as the chain lives. The leaf may be any certificate, a CA's too.
        """
        found = self._memo.get(chain)
        if found is None:
            found = self._memo[chain] = tuple(_Search(self, chain).run())
        return found

    def path(self, chain: Chain, *, at: datetime) -> Path:
        """
        Return a path that holds at the aware instant *at*, whatever kind of certificate it begins with.

        Raises:
            UntrustedError: No path leads to a trusted root.
            ExpiredError: None of the paths holds at *at*.
        """
        paths = self.paths(chain)
        if not paths:
            raise UntrustedError(
                f"no path leads from the certificate {chain.leaf.fingerprint[:16]} to one of {len(self)} trusted roots"
            )
        for path in paths:
            if path.holds(at):
                return path
        raise ExpiredError(_complaint(max(paths, key=lambda path: path.not_after), at))


def validate(chain: Chain, anchors: TrustAnchors, *, at: datetime) -> Path:
    """
    Return a path from the chain's leaf, as a signer of tokens, that holds at the aware instant *at*.

    Raises:
        ProfileError: The leaf is a CA, not of version 3, or has a critical extension that is unknown here.
        UntrustedError: No path leads to a trusted root.
        ExpiredError: None of the paths holds at *at*.
    """
    leaf = chain.leaf
    if leaf.is_ca:
        raise ProfileError("the signer's certificate is a CA's")
    if leaf.version != 3:  # noqa: PLR2004 - RFC 5280, section 4.1.2.1
        raise ProfileError(f"the signer's certificate is of version {leaf.version}, not 3")
    if unknown := _unhandled(leaf):
        raise ProfileError(f"the signer's certificate has extensions that are not handled: {', '.join(unknown)}")
    return anchors.path(chain, at=at)


@dataclass
class _Search:
    """Depth first from the leaf upwards; bounded in length and in signatures."""

    anchors: TrustAnchors
    chain: Chain
    signatures: int = 0
    checked: dict[tuple[Certificate, Certificate], bool] = field(default_factory=dict)

    def run(self) -> Iterator[Path]:
        self.issuers: dict[Name, list[Certificate]] = {}
        served = (one for one in self.chain.others if _may_issue(one))
        for one in dict.fromkeys((*self.anchors.certificates, *served)):
            self.issuers.setdefault(one.subject, []).append(one)
        if not _unhandled(self.chain.leaf):
            yield from self._extend((self.chain.leaf,))

    def _extend(self, below: tuple[Certificate, ...]) -> Iterator[Path]:
        if len(below) >= limits.PATH_CERTIFICATES:
            return
        for issuer in self.issuers.get(below[-1].issuer, ()):
            if issuer in below or not _allows(issuer, below) or not self._signed(below[-1], issuer):
                continue
            if issuer in self.anchors:
                yield Path((*below, issuer))
            else:
                yield from self._extend((*below, issuer))

    def _signed(self, child: Certificate, issuer: Certificate) -> bool:
        known = self.checked.get((child, issuer))
        if known is None:
            if self.signatures >= limits.PATH_SIGNATURES:
                return False
            self.signatures += 1
            known = self.checked[child, issuer] = child.is_issued_by(issuer)
        return known


def _may_issue(certificate: Certificate) -> bool:
    """Tell whether the certificate is a CA's, as far as it can be judged alone (RFC 5280, section 6.1.4, k to o)."""
    usage = certificate.key_usage
    return (
        certificate.version == 3  # noqa: PLR2004 - RFC 5280, section 4.1.2.1
        and certificate.is_ca
        and (usage is None or "keyCertSign" in usage)
        and not _unhandled(certificate)
    )


def _unhandled(certificate: Certificate) -> list[str]:
    """List the critical extensions unknown here, and name constraints even if not critical: nobody applies them."""
    handled = _HANDLED if certificate.is_ca else _HANDLED | constraints.OIDS  # of a signer's claims only
    unknown = certificate.critical - handled
    return sorted(unknown | ({_NAME_CONSTRAINTS} & certificate.extensions.keys()))


def _allows(issuer: Certificate, below: tuple[Certificate, ...]) -> bool:
    """Tell whether path length and key identifiers let *issuer* stand above *below*, leaf first."""
    child = below[-1]
    if issuer.path_length is not None:
        between = sum(not one.is_self_issued for one in below[1:])
        if between > issuer.path_length:
            return False
    if child.authority_serial not in {None, issuer.serial}:
        return False
    return None in {child.authority_key_id, issuer.subject_key_id} or child.authority_key_id == issuer.subject_key_id


def _complaint(path: Path, at: datetime) -> str:
    """Say which certificate keeps the path from holding at *at*."""
    last = len(path.certificates) - 1
    place, certificate = next(
        (place, one) for place, one in enumerate(path.certificates) if not one.not_before <= at <= one.not_after
    )
    role = "signer's" if place == 0 else "root's" if place == last else "issuing CA's"
    state = "is not yet valid" if at < certificate.not_before else "has expired"
    return f"the {role} certificate {certificate.fingerprint[:16]} {state}"
