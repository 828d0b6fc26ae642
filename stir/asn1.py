"""
The ASN.1 of a certificate (RFC 5280, section 4.1), and the values of the few extensions that a path is judged by.

Declared for the strict DER decoder of ``cryptography``. ValueError, which the decoder raises, is translated by
:mod:`stir.certificate`, the only user.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from stir.errors import CertificateFormatError
from stir.name import Attribute

BASIC_CONSTRAINTS: Final = "2.5.29.19"
KEY_USAGE: Final = "2.5.29.15"
SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
AUTHORITY_INFORMATION: Final = "1.3.6.1.5.5.7.1.1"

_URI: Final = b"\x86"

_USAGES: Final = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


@asn1.sequence
class CertificateSyntax:
    """Certificate: what is signed, with what, and the signature."""

    tbs: asn1.TLV
    algorithm: list[asn1.TLV]
    signature: asn1.BitString


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _ExtensionSyntax:
    oid: ObjectIdentifier
    critical: bool | None  # None and not Default(False): many issuers write the default out
    value: bytes


@asn1.sequence
class TBSCertificateSyntax:
    """TBSCertificate: what is signed."""

    version: Annotated[int | None, asn1.Explicit(0)]
    serial: int
    algorithm: list[asn1.TLV]
    issuer: list[asn1.SetOf[Attribute]]
    validity: _Validity
    subject: list[asn1.SetOf[Attribute]]
    spki: asn1.TLV
    issuer_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[_ExtensionSyntax] | None, asn1.Explicit(3)]


@asn1.sequence
class BasicConstraints:
    """BasicConstraints; None where the default or nothing stands."""

    ca: bool | None
    path_length: int | None


@asn1.sequence
class AuthorityKeyIdentifier:
    """AuthorityKeyIdentifier: a hint who the issuer is."""

    key_id: Annotated[bytes | None, asn1.Implicit(0)]
    issuer: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    serial: Annotated[int | None, asn1.Implicit(2)]


@asn1.sequence
class _Outer:
    inner: asn1.TLV


@asn1.sequence
class _Elements:
    """Any SEQUENCE OF, behind the outer header which the decoder wants."""

    elements: list[asn1.TLV]


@asn1.sequence
class _AccessDescription:
    method: ObjectIdentifier
    location: asn1.TLV


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension, its value unread."""

    critical: bool
    value: bytes


def algorithm_oid(parts: list[asn1.TLV]) -> str:
    """Return the algorithm of an AlgorithmIdentifier."""
    if len(parts) not in {1, 2}:
        raise CertificateFormatError("the certificate's signature has no single algorithm")
    identifier: ObjectIdentifier = parts[0].parse(ObjectIdentifier)
    return identifier.dotted_string


def joined(parts: list[asn1.TLV]) -> bytes:
    """Return the elements' bytes as they came; the decoder takes one encoding only, so encoding gives them back."""
    return b"".join(map(asn1.encode_der, parts))


def instant_of(time: asn1.UTCTime | asn1.GeneralizedTime) -> datetime:
    """Return the instant of a Time."""
    instant = time.as_datetime()
    if instant.microsecond:  # RFC 5280, section 4.1.2.5.2
        raise CertificateFormatError("the certificate's validity has fractions of a second")
    return instant


def extensions_by_oid(extensions: list[_ExtensionSyntax]) -> Mapping[str, Extension]:
    """Return the extensions by dotted object identifier; the same one twice is refused (RFC 5280, section 4.2)."""
    found = {one.oid.dotted_string: Extension(bool(one.critical), one.value) for one in extensions}
    if len(found) < len(extensions):
        raise CertificateFormatError("the certificate has an extension twice")
    return MappingProxyType(found)


def basic_constraints(extensions: Mapping[str, Extension]) -> BasicConstraints:
    """Read BasicConstraints; without them it is no CA."""
    if BASIC_CONSTRAINTS not in extensions:
        return BasicConstraints(ca=None, path_length=None)
    constraints = asn1.decode_der(BasicConstraints, extensions[BASIC_CONSTRAINTS].value)
    if constraints.path_length is not None and constraints.path_length < 0:
        raise CertificateFormatError("the certificate's path length is negative")
    return constraints


def authority_key_identifier(extensions: Mapping[str, Extension]) -> AuthorityKeyIdentifier:
    """Read a hint; an unreadable one is none, because the signature decides who the issuer is."""
    nothing = AuthorityKeyIdentifier(key_id=None, issuer=None, serial=None)
    with suppress(ValueError, KeyError):
        return asn1.decode_der(AuthorityKeyIdentifier, extensions[AUTHORITY_KEY_IDENTIFIER].value)
    return nothing


def subject_key_identifier(extensions: Mapping[str, Extension]) -> bytes | None:
    """Read the other half of that hint."""
    with suppress(ValueError, KeyError):
        return asn1.decode_der(bytes, extensions[SUBJECT_KEY_IDENTIFIER].value)
    return None


def elements(der: bytes) -> list[asn1.TLV]:
    """Return the elements of any SEQUENCE."""
    return asn1.decode_der(_Elements, asn1.encode_der(_Outer(inner=asn1.decode_der(asn1.TLV, der)))).elements


def access_urls(extensions: Mapping[str, Extension], method: str) -> tuple[str, ...]:
    """Read the URLs of one access method; what is unreadable refers to nothing."""
    if AUTHORITY_INFORMATION not in extensions:
        return ()
    with suppress(ValueError):
        described = [one.parse(_AccessDescription) for one in elements(extensions[AUTHORITY_INFORMATION].value)]
        return tuple(
            bytes(one.location.data).decode("ascii")
            for one in described
            if one.method.dotted_string == method and one.location.tag_bytes == _URI
        )
    return ()


def key_usage(extensions: Mapping[str, Extension]) -> frozenset[str] | None:
    """Read the BIT STRING by hand: hundreds of real certificates count its unused bits wrongly."""
    if KEY_USAGE not in extensions:
        return None
    element = asn1.decode_der(asn1.TLV, extensions[KEY_USAGE].value)
    data = bytes(element.data)
    if element.tag_bytes != b"\x03" or not data or data[0] > 7:  # noqa: PLR2004 - bits of a byte
        raise CertificateFormatError("the certificate's KeyUsage is not a BIT STRING")
    used = max(0, 8 * (len(data) - 1) - data[0])
    return frozenset(name for at, name in enumerate(_USAGES[:used]) if data[1 + at // 8] & 0x80 >> at % 8)
