"""
Revocation lists: the policy administrator's indirect CRL, or an STI-CA's own (RFC 5280, section 5).

The national list covers every STI-CA, so an entry is a serial number *and* an issuer. One that names no
issuer has that of the entry before it; the list's own issuer is the first (RFC 5280, section 5.3.3).
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Self, TypeAlias

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from stir import limits
from stir.certificate import Certificate, Chain, verify_signature
from stir.errors import CertificateError, CertificateFormatError, ListRefusedError, RevocationListError
from stir.name import Name, Rdns
from stir.path import TrustAnchors

_CRL_NUMBER: Final = "2.5.29.20"
_NUMBER_BITS: Final = 20 * 8
"""A CRL number has at most 20 octets, one bit of which is the sign (RFC 5280, section 5.2.3)."""
_REASON: Final = "2.5.29.21"
_INVALIDITY_DATE: Final = "2.5.29.24"
_DELTA: Final = "2.5.29.27"
_DISTRIBUTION_POINT: Final = "2.5.29.28"
_CERTIFICATE_ISSUER: Final = "2.5.29.29"
_AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
_AUTHORITY_INFORMATION: Final = "1.3.6.1.5.5.7.1.1"
_CA_ISSUERS: Final = "1.3.6.1.5.5.7.48.2"
_HANDLED: Final = frozenset({_CRL_NUMBER, _DISTRIBUTION_POINT, _AUTHORITY_KEY_IDENTIFIER, _AUTHORITY_INFORMATION})
_HANDLED_IN_ENTRIES: Final = frozenset({_REASON, _INVALIDITY_DATE, _CERTIFICATE_ISSUER})
_REMOVED: Final = b"\x0a\x01\x08"
"""ENUMERATED removeFromCRL, which only a delta CRL may hold."""
_DIRECTORY_NAME: Final = b"\xa4"
_URI: Final = b"\x86"
_Algorithm: TypeAlias = tuple[str, bytes]
"""Dotted object identifier, and the parameters' bytes, which mean nothing but must be signed alike."""
_PEM: Final = (b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----")


@asn1.sequence
class _Extension:
    oid: ObjectIdentifier
    critical: bool | None
    value: bytes


@asn1.sequence
class _Entry:
    serial: int
    revoked_at: asn1.UTCTime | asn1.GeneralizedTime
    extensions: list[_Extension] | None


@asn1.sequence
class _TBSCertList:
    version: int | None
    algorithm: list[asn1.TLV]
    issuer: Rdns
    this_update: asn1.UTCTime | asn1.GeneralizedTime
    next_update: asn1.UTCTime | asn1.GeneralizedTime | None
    revoked: list[_Entry] | None
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(0)]


@asn1.sequence
class _CertificateList:
    tbs: asn1.TLV
    algorithm: list[asn1.TLV]
    signature: asn1.BitString


@asn1.sequence
class _Outer:
    inner: asn1.TLV


@asn1.sequence
class _Elements:
    """Any SEQUENCE, element by element, behind the outer header which the decoder wants."""

    elements: list[asn1.TLV]


@asn1.sequence
class _AccessDescription:
    method: ObjectIdentifier
    location: asn1.TLV


@dataclass(frozen=True, eq=False, repr=False)
class RevocationList:
    """A CRL, indexed; whether its signer may be believed is :meth:`require_signer`'s question."""

    issuer: Name
    this_update: datetime
    next_update: datetime | None
    number: int | None
    is_indirect: bool
    """Whether it may name certificates of other issuers."""
    signer_urls: tuple[str, ...]
    """Where the list says that its signer's certificate is; nobody vouches for these."""
    entries: int
    _revoked: Mapping[Name, frozenset[int]] = field(repr=False)
    _tbs: bytes = field(repr=False)
    _algorithms: tuple[_Algorithm, _Algorithm] = field(repr=False)
    _signature: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """
        Read a list in DER or PEM.

        Raises:
            RevocationListError: *data* is too long, not a complete CRL, or has a critical part unknown here.
        """
        if len(data) > limits.CRL_BYTES:
            raise RevocationListError(f"the CRL is over {limits.CRL_BYTES} bytes")
        try:
            return cls._read(_der(data))
        except (ValueError, OverflowError, CertificateFormatError) as error:
            raise RevocationListError("the CRL is not DER of RFC 5280") from error

    @classmethod
    def _read(cls, der: bytes) -> Self:
        outer = asn1.decode_der(_CertificateList, der)
        tbs = outer.tbs.parse(_TBSCertList)
        extensions = _by_oid(tbs.extensions, _HANDLED)
        if outer.signature.padding_bits():
            raise RevocationListError("the CRL's signature is not whole bytes")
        indirect = _is_indirect(extensions.get(_DISTRIBUTION_POINT))
        issuer = Name(tbs.issuer)
        return cls(
            issuer=issuer,
            this_update=tbs.this_update.as_datetime(),
            next_update=None if tbs.next_update is None else tbs.next_update.as_datetime(),
            number=_number(extensions[_CRL_NUMBER]) if _CRL_NUMBER in extensions else None,
            is_indirect=indirect,
            signer_urls=tuple(_signer_urls(extensions.get(_AUTHORITY_INFORMATION))),
            entries=len(tbs.revoked or ()),
            _revoked=_index(tbs.revoked or [], issuer, indirect=indirect),
            _tbs=asn1.encode_der(outer.tbs),
            _algorithms=(_algorithm(outer.algorithm), _algorithm(tbs.algorithm)),
            _signature=outer.signature.as_bytes(),
        )

    def is_revoked(self, certificate: Certificate) -> bool:
        """Tell whether the list names the certificate, by the value of its issuer and its serial number."""
        return certificate.serial in self._revoked.get(certificate.issuer, ())

    def covers(self, certificate: Certificate) -> bool:
        """Tell whether the list would name the certificate if it were revoked."""
        return self.is_indirect or certificate.issuer == self.issuer

    def is_overdue(self, at: datetime) -> bool:
        """Tell whether the next list should have been there at *at*."""
        return self.next_update is not None and at > self.next_update

    def require_signer(self, candidates: Iterable[Certificate], anchors: TrustAnchors, *, at: datetime) -> Certificate:
        """
        Check that the list is authentic and not from the future, and return its signer.

        Args:
            candidates: Certificates among which the signer's, and those above it, may be.
            anchors: Roots that the signer must be below: the policy administrator's own.
            at: Aware UTC instant.

        Raises:
            ListRefusedError: No candidate that may sign CRLs has signed it, or it is not yet valid.
        """
        # (1) Its time has come; some skew of the signer's clock is allowed.
        if self.this_update > at + limits.LIST_SKEW:
            raise ListRefusedError("the CRL is from the future")
        # (2) The signer has the issuer's name and leave to sign CRLs (RFC 5280, section 6.3.3, f).
        known = tuple(dict.fromkeys((*anchors.certificates, *candidates)))
        signers = [one for one in known if one.subject == self.issuer and "cRLSign" in (one.key_usage or ())]
        if not signers:
            raise ListRefusedError(f"no certificate of a CRL signer named {self.issuer} is known")
        # (3) Its key has signed these bytes.
        signer = next((one for one in signers if self._is_signed_by(one)), None)
        if signer is None:
            raise ListRefusedError(f"the CRL's signature is not by {self.issuer}")
        # (4) It leads to an anchor.
        _require_anchored(signer, known, anchors, at)
        return signer

    def require_not_older(self, held: "RevocationList") -> None:
        """
        Check that this list does not take back what *held* has said.

        Raises:
            ListRefusedError: It was issued before *held*.
        """
        if self.this_update < held.this_update or (self.number or 0) < (held.number or 0):
            raise ListRefusedError("the CRL is older than the one held")

    def _is_signed_by(self, signer: Certificate) -> bool:
        outer, inner = self._algorithms
        try:
            same = outer == inner  # RFC 5280, section 5.1.1.2
            return same and verify_signature(signer.public_key, outer[0], self._signature, self._tbs)
        except CertificateFormatError:  # a candidate with an unreadable key has signed nothing
            return False

    def __repr__(self) -> str:
        return f"<RevocationList {self.number} of {self.this_update:%FT%TZ} with {self.entries} entries>"


def _der(data: bytes) -> bytes:
    begin, end = _PEM
    if begin not in data:
        return data
    body, found, _ = data.partition(begin)[2].partition(end)
    if not found:
        raise RevocationListError("the CRL's PEM block has no end")
    return base64.b64decode(b"".join(body.split()), validate=True)


def _algorithm(parts: list[asn1.TLV]) -> _Algorithm:
    if not parts:
        raise RevocationListError("the CRL's signature has no algorithm")
    identifier: ObjectIdentifier = parts[0].parse(ObjectIdentifier)
    return identifier.dotted_string, b"".join(map(asn1.encode_der, parts[1:]))


def _by_oid(extensions: list[_Extension] | None, handled: frozenset[str]) -> dict[str, bytes]:
    """Take extensions apart, and refuse what a complete list cannot have or must not be ignored."""
    found: dict[str, bytes] = {}
    for one in extensions or ():
        oid = one.oid.dotted_string
        if oid == _DELTA:
            raise RevocationListError("the CRL is a delta CRL, which is no complete list")
        if oid in found:
            raise RevocationListError("the CRL has an extension twice")
        if one.critical and oid not in handled:
            raise RevocationListError(f"the CRL has the critical extension {oid}, which is not handled")
        found[oid] = one.value
    return found


def _elements(der: bytes) -> list[asn1.TLV]:
    return asn1.decode_der(_Elements, asn1.encode_der(_Outer(inner=asn1.decode_der(asn1.TLV, der)))).elements


def _number(der: bytes) -> int:
    number: int = asn1.decode_der(int, der)
    if number < 0 or number.bit_length() >= _NUMBER_BITS:
        raise RevocationListError(f"the CRL's number is negative or longer than {_NUMBER_BITS // 8} octets")
    return number


def _is_indirect(distribution_point: bytes | None) -> bool:
    """Read IssuingDistributionPoint; a list that leaves certificates of signers out is refused (section 5.2.5)."""
    if distribution_point is None:
        return False
    tags = {element.tag_bytes for element in _elements(distribution_point)}
    for tag, what in {b"\x82": "CA certificates", b"\x83": "some reasons", b"\x85": "attribute certificates"}.items():
        if tag in tags:
            raise RevocationListError(f"the CRL covers only {what}")
    return b"\x84" in tags


def _signer_urls(authority_information: bytes | None) -> Iterator[str]:
    """Find caIssuers (RFC 5280, section 5.2.7)."""
    if authority_information is None:
        return
    for element in _elements(authority_information):
        access = element.parse(_AccessDescription)
        if access.method.dotted_string == _CA_ISSUERS and access.location.tag_bytes == _URI:
            yield bytes(access.location.data).decode("ascii")


def _index(entries: list[_Entry], issuer: Name, *, indirect: bool) -> dict[Name, frozenset[int]]:
    index: dict[Name, set[int]] = {}
    known: dict[bytes, Name] = {}
    for entry in entries:
        if entry.extensions:
            named = _issuer_of(_by_oid(entry.extensions, _HANDLED_IN_ENTRIES), known)
            if named is not None and named != issuer and not indirect:
                raise RevocationListError("the CRL names other issuers without being indirect")
            issuer = named or issuer
        index.setdefault(issuer, set()).add(entry.serial)
    return {name: frozenset(serials) for name, serials in index.items()}


def _issuer_of(extensions: Mapping[str, bytes], known: dict[bytes, Name]) -> Name | None:
    """Return the issuer that an entry names; each spelling is read once, for a list names few issuers very often."""
    if extensions.get(_REASON) == _REMOVED:
        raise RevocationListError("the CRL removes an entry, which only a delta CRL may")
    value = extensions.get(_CERTIFICATE_ISSUER)
    if value is None:
        return None
    if value not in known:
        names = [element for element in _elements(value) if element.tag_bytes == _DIRECTORY_NAME]
        if len(names) != 1:
            raise RevocationListError("an entry of the CRL does not name one certificate issuer")
        known[value] = Name.from_der(bytes(names[0].data))
    return known[value]


def _require_anchored(signer: Certificate, known: tuple[Certificate, ...], anchors: TrustAnchors, at: datetime) -> None:
    if signer in anchors and signer.not_before <= at <= signer.not_after:
        return
    others = tuple(one for one in known if one != signer)
    try:
        anchors.path(Chain(signer, others), at=at)
    except CertificateError as error:
        raise ListRefusedError(f"the signer of the list is not believed: {error.detail}") from error
