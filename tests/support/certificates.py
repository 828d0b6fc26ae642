"""
Certificates with any defect one likes, written byte by byte.

Nothing of ``stir`` and no certificate builder is used: what is under test must not write its own questions,
and builders refuse the odd encodings that production has.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""An instant at which every made certificate is valid unless it was told otherwise."""

NULL = b"\x05\x00"
ECDSA_SHA1, ECDSA_SHA256 = "1.2.840.10045.4.1", "1.2.840.10045.4.3.2"
ECDSA_SHA384, ECDSA_SHA512 = "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"
RSA_SHA1, RSA_SHA256, RSA_SHA512 = "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.13"
_HASHES = {
    ECDSA_SHA1: hashes.SHA1(),
    RSA_SHA1: hashes.SHA1(),
    ECDSA_SHA384: hashes.SHA384(),
    ECDSA_SHA512: hashes.SHA512(),
    RSA_SHA512: hashes.SHA512(),
}

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def key(label: str = "", kind: str = "P-256") -> Key:
    """Return one key for each *label* and *kind*, made once."""
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1}
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))


def tlv(tag: int, *parts: bytes) -> bytes:
    """Write one element in DER."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def integer(value: int) -> bytes:
    """Write an INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    """Write an OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return tlv(0x06, content)


def name(common_name: str, *, tag: int = 0x0C, country: str = "US") -> bytes:
    """Write a Name of country, organization and common name, the latter two as strings of *tag*."""
    parts = (("2.5.4.6", 0x13, country), ("2.5.4.10", tag, "Example"), ("2.5.4.3", tag, common_name))
    encoding = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}.get(tag, "utf-8")
    return tlv(
        0x30,
        *(tlv(0x31, tlv(0x30, oid(kind), tlv(form, text.encode(encoding if kind != "2.5.4.6" else "ascii"))))
          for kind, form, text in parts),
    )  # fmt: skip


def moment(at: datetime) -> bytes:
    """Write a Time."""
    if at.year > 2049:
        return tlv(0x18, f"{at:%Y%m%d%H%M%SZ}".encode())
    return tlv(0x17, f"{at:%y%m%d%H%M%SZ}".encode())


def extension(dotted: str, value: bytes, *, critical: bool | None = None) -> bytes:
    """Write an Extension; *critical* None leaves the default out, False writes it."""
    flag = b"" if critical is None else tlv(0x01, b"\xff" if critical else b"\x00")
    return tlv(0x30, oid(dotted), flag, tlv(0x04, value))


def basic_constraints(*, ca: bool, path_length: int | None = None) -> bytes:
    """Write a BasicConstraints extension."""
    length = b"" if path_length is None else integer(path_length)
    return extension("2.5.29.19", tlv(0x30, tlv(0x01, b"\xff") if ca else b"", length), critical=True)


def key_usage(bits: bytes) -> bytes:
    """Write a KeyUsage extension from the content of its BIT STRING."""
    return extension("2.5.29.15", tlv(0x03, bits), critical=True)


CERT_SIGN, DIGITAL_SIGNATURE, CRL_SIGN = key_usage(b"\x02\x04"), key_usage(b"\x07\x80"), key_usage(b"\x01\x02")
SPC = extension("1.3.6.1.5.5.7.1.26", bytes.fromhex("3008A006160431323334"))


def subject_key_id(value: bytes) -> bytes:
    """Write a SubjectKeyIdentifier extension."""
    return extension("2.5.29.14", tlv(0x04, value))


def authority_key_id(value: bytes | None, *, serial: int | None = None) -> bytes:
    """Write an AuthorityKeyIdentifier extension; with *serial*, an issuer name of no weight stands there too."""
    parts = [] if value is None else [tlv(0x80, value)]
    if serial is not None:
        parts += [tlv(0xA1, tlv(0xA4, name("root"))), tlv(0x82, integer(serial)[2:])]
    return extension("2.5.29.35", tlv(0x30, *parts))


@dataclass(frozen=True)
class Made:
    """One certificate to be: a subject, its key, who signs it, and every knob for getting it wrong."""

    subject: str
    kind: str = "P-256"
    issuer: "Made | None" = None  # None: self-signed
    extensions: Sequence[bytes] = ()
    serial: int = 0x7F00000000000001
    version: int | None = 2  # as written; None leaves the default out
    not_before: datetime = NOW - timedelta(days=100)
    not_after: datetime = NOW + timedelta(days=100)
    algorithm: str | None = None
    outer: bytes = b"?"  # parameters; ? means as the standards say
    inner: bytes = b"?"
    signer: "Made | None" = None  # whose key really signs, if not the issuer's
    key_label: str | None = None
    subject_tag: int = 0x0C
    issuer_tag: int | None = None
    flip: int = 0  # a bit flipped in the serial number after signing
    spki: bytes | None = None
    validity: bytes | None = None  # the whole element
    outer_algorithm: bytes | None = None  # the whole element
    unused_bits: int = 0  # of the signature
    _memo: list[bytes] = field(default_factory=list, compare=False, repr=False)

    def but(self, **knobs: object) -> Self:
        """Return the same certificate with other knobs."""
        return replace(self, **knobs, _memo=[])

    @property
    def key(self) -> Key:
        """The subject's private key."""
        return key(self.key_label or self.subject, self.kind)

    @property
    def der(self) -> bytes:
        """The certificate; the same bytes each time."""
        if not self._memo:
            self._memo.append(self._write())
        return self._memo[0]

    @property
    def pem(self) -> bytes:
        """The certificate as one PEM block."""
        return pem(self.der)

    def _write(self) -> bytes:
        parent = self.issuer or self
        signer = (self.signer or parent).key
        algorithm = self.algorithm or (RSA_SHA256 if isinstance(signer, rsa.RSAPrivateKey) else ECDSA_SHA256)
        usual = NULL if isinstance(signer, rsa.RSAPrivateKey) else b""
        inner = tlv(0x30, oid(algorithm), usual if self.inner == b"?" else self.inner)
        outer = tlv(0x30, oid(algorithm), usual if self.outer == b"?" else self.outer)
        tbs = self._tbs(parent, inner)
        digest = _HASHES.get(algorithm, hashes.SHA256())
        if isinstance(signer, rsa.RSAPrivateKey):
            signature = signer.sign(tbs, padding.PKCS1v15(), digest)
        else:
            signature = signer.sign(tbs, ec.ECDSA(digest))
        if self.flip:
            tbs = self.but(serial=self.serial ^ self.flip)._tbs(parent, inner)
        return tlv(0x30, tbs, self.outer_algorithm or outer, tlv(0x03, bytes([self.unused_bits]), signature))

    def _tbs(self, parent: "Made", algorithm: bytes) -> bytes:
        spki = self.spki or self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return tlv(
            0x30,
            b"" if self.version is None else tlv(0xA0, integer(self.version)),
            integer(self.serial),
            algorithm,
            name(parent.subject, tag=self.issuer_tag or parent.subject_tag),
            self.validity or tlv(0x30, moment(self.not_before), moment(self.not_after)),
            name(self.subject, tag=self.subject_tag),
            spki,
            tlv(0xA3, tlv(0x30, *self.extensions)) if self.extensions else b"",
        )


def pem(der: bytes) -> bytes:
    """Write one CERTIFICATE block."""
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def root(subject: str = "SHAKEN ROOT", **knobs: object) -> Made:
    """Make a root."""
    return Made(subject, extensions=(basic_constraints(ca=True), CERT_SIGN)).but(**knobs)


def ca(issuer: Made, subject: str = "SHAKEN CA", *, path_length: int | None = None, **knobs: object) -> Made:
    """Make an issuing CA below *issuer*."""
    limits = basic_constraints(ca=True, path_length=path_length)
    return Made(subject, issuer=issuer, extensions=(limits, CERT_SIGN), serial=0x1234567890ABCDEF).but(**knobs)


def leaf(issuer: Made, subject: str = "SHAKEN 1234", **knobs: object) -> Made:
    """Make a provider's certificate below *issuer*."""
    extensions = (basic_constraints(ca=False), DIGITAL_SIGNATURE, SPC)
    return Made(subject, issuer=issuer, extensions=extensions, serial=0x0FEDCBA987654321).but(**knobs)
