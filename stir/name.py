"""Distinguished names, compared by value: real lists and certificates write one name in several encodings."""

import unicodedata
from functools import cached_property
from typing import Final, Self, TypeAlias

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from stir import limits
from stir.errors import CertificateFormatError

_ENCODINGS: Final = {
    b"\x0c": "utf-8",  # UTF8String
    b"\x12": "ascii",  # NumericString
    b"\x13": "ascii",  # PrintableString
    b"\x14": "latin-1",  # TeletexString, as everybody writes it
    b"\x16": "ascii",  # IA5String
    b"\x1c": "utf-32-be",  # UniversalString
    b"\x1e": "utf-16-be",  # BMPString
}
_SHORT: Final = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "1.2.840.113549.1.9.1": "emailAddress",
}


@asn1.sequence
class Attribute:
    """One AttributeTypeAndValue, as the decoder gives it."""

    type: ObjectIdentifier
    value: asn1.TLV


Rdns: TypeAlias = list[asn1.SetOf[Attribute]]
"""An RDNSequence, as the decoder gives it."""


@asn1.sequence
class _Wrapped:
    """An RDNSequence behind the outer header which the decoder wants: it takes no bare SEQUENCE OF."""

    rdns: list[asn1.SetOf[Attribute]]


@asn1.sequence
class _Outer:
    name: asn1.TLV


class Name:
    """
    A distinguished name; immutable, and two are equal if their values are (RFC 5280, section 7.1).

    Case, runs of white space, compatibility forms and the string type make no difference. That is
    somewhat wider than OpenSSL, which folds ASCII only: a signature still has to fit where a path is
    built, and where a name is looked up in a revocation list wider is the safe side.
    """

    def __init__(self, rdns: Rdns) -> None:
        self._rdns: Final = rdns

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """
        Read a Name.

        Raises:
            CertificateFormatError: *der* is not one Name in DER.
        """
        try:
            wrapped = asn1.encode_der(_Outer(name=asn1.decode_der(asn1.TLV, der)))
            return cls(asn1.decode_der(_Wrapped, wrapped).rdns)
        except ValueError as error:
            raise CertificateFormatError("a distinguished name is not DER of RFC 5280") from error

    @cached_property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """Dotted type and text of every attribute, in order; text that cannot be decoded stands in hexadecimal."""
        return tuple(pair for rdn in self._rdns for pair in _pairs(rdn))

    @property
    def common_name(self) -> str | None:
        """The last common name: decoration only, nothing is decided by it."""
        return next((text for kind, text in reversed(self.attributes) if kind == "2.5.4.3"), None)

    @cached_property
    def _folded(self) -> tuple[frozenset[tuple[str, str]], ...]:
        return tuple(frozenset((kind, _fold(text)) for kind, text in _pairs(rdn)) for rdn in self._rdns)

    @cached_property
    def _hash(self) -> int:
        return hash(self._folded)

    def __eq__(self, other: object) -> bool:
        return self._folded == other._folded if isinstance(other, Name) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return ", ".join(f"{_SHORT.get(kind, kind)}={_printable(text)}" for kind, text in self.attributes)

    def __repr__(self) -> str:
        return f"<Name {self}>"


def _pairs(rdn: asn1.SetOf[Attribute]) -> list[tuple[str, str]]:
    return [(attribute.type.dotted_string, _text(attribute.value)) for attribute in rdn.as_list()]


def _text(value: asn1.TLV) -> str:
    tag, data = value.tag_bytes, bytes(value.data)
    try:
        return data.decode(_ENCODINGS[tag])
    except (KeyError, UnicodeDecodeError):
        return f"#{tag.hex()}{data.hex()}"


def _printable(text: str) -> str:
    """Escape what could start a line of its own in a log or on a screen."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    if len(text) > limits.NAME_CHARACTERS:
        return text  # no issuer has such a name; RFC 5280 allows most attributes 64 characters
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
