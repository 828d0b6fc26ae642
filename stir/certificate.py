"""
X.509 certificates as the STI world really issues them (RFC 5280, ATIS-1000080).

The reader is our own, on the strict DER decoder of ``cryptography``, because its certificate parser refuses
production certificates that OpenSSL reads; see docs/adr/0002-own-path-validation.md. It looks only at what a
path or a signer is judged by; every other extension stays bytes, so a fault in one of those harms nobody.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.asn1 import decode_der, encode_der
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stir import asn1, constraints, limits, tnauthlist
from stir.asn1 import Extension
from stir.constraints import ClaimConstraints
from stir.errors import CertificateFormatError
from stir.name import Name
from stir.tnauthlist import TNAuthList

__all__ = ["Certificate", "Chain", "Extension", "Name", "load_certificates", "load_chain", "verify_signature"]

_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_VERSIONS: Final = (None, *range(127))
"""As written; those above 2 are read, to be refused by name. Of any integer it might not be possible to speak."""
_RSA_BITS: Final = range(2_048, 8_192 + 1)
_RSA_EXPONENTS: Final = range(3, 2**32)
_ECDSA: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_RSA: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}


@dataclass(frozen=True, repr=False)
class Certificate:
    """One certificate; equal and hashed by its bytes."""

    der: bytes
    version: int = field(compare=False)
    serial: int = field(compare=False)
    issuer: Name = field(compare=False)
    subject: Name = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    extensions: Mapping[str, Extension] = field(compare=False)
    is_ca: bool = field(compare=False)
    path_length: int | None = field(compare=False)
    key_usage: frozenset[str] | None = field(compare=False)
    subject_key_id: bytes | None = field(compare=False)
    authority_key_id: bytes | None = field(compare=False)
    authority_serial: int | None = field(compare=False)
    signature_algorithm: str = field(compare=False)
    _tbs: bytes = field(compare=False)
    _spki: bytes = field(compare=False)
    _algorithms: tuple[bytes, bytes] = field(compare=False)
    _signature: bytes = field(compare=False)

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """
        Read one certificate.

        Raises:
            CertificateFormatError: *der* is not a certificate, or what a path is judged by is unreadable.
        """
        try:
            return cls._read(der)
        except (ValueError, OverflowError) as error:
            raise CertificateFormatError("the certificate is not DER of RFC 5280") from error

    @classmethod
    def _read(cls, der: bytes) -> Self:
        outer = decode_der(asn1.CertificateSyntax, der)
        tbs = outer.tbs.parse(asn1.TBSCertificateSyntax)
        extensions = asn1.extensions_by_oid(tbs.extensions or [])
        constraints = asn1.basic_constraints(extensions)
        authority = asn1.authority_key_identifier(extensions)
        if outer.signature.padding_bits():
            raise CertificateFormatError("the certificate's signature is not whole bytes")
        if tbs.version not in _VERSIONS:
            raise CertificateFormatError("the certificate's version is no small number")
        return cls(
            der=der,
            version=(tbs.version or 0) + 1,
            serial=tbs.serial,
            issuer=Name(tbs.issuer),
            subject=Name(tbs.subject),
            not_before=asn1.instant_of(tbs.validity.not_before),
            not_after=asn1.instant_of(tbs.validity.not_after),
            extensions=extensions,
            is_ca=bool(constraints.ca),
            path_length=constraints.path_length if constraints.ca else None,
            key_usage=asn1.key_usage(extensions),
            subject_key_id=asn1.subject_key_identifier(extensions),
            authority_key_id=authority.key_id,
            authority_serial=authority.serial,
            signature_algorithm=asn1.algorithm_oid(outer.algorithm),
            _tbs=encode_der(outer.tbs),
            _spki=encode_der(tbs.spki),
            _algorithms=(asn1.joined(outer.algorithm), asn1.joined(tbs.algorithm)),
            _signature=outer.signature.as_bytes(),
        )

    @property
    def critical(self) -> frozenset[str]:
        """The dotted object identifiers of the critical extensions."""
        return frozenset(oid for oid, extension in self.extensions.items() if extension.critical)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the certificate, in lower-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def public_key(self) -> PublicKeyTypes:
        """
        The key of the subject.

        Raises:
            CertificateFormatError: The key is unreadable, or of a kind that is unknown here.
        """
        try:
            return load_der_public_key(self._spki)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise CertificateFormatError("the certificate's public key is unreadable") from error

    @cached_property
    def tn_auth_list(self) -> TNAuthList | None:
        """
        The TNAuthList, or None without one.

        Raises:
            TNAuthListError: There is one, and it is unreadable.
        """
        extension = self.extensions.get(tnauthlist.OID)
        return None if extension is None else TNAuthList.from_der(extension.value)

    @cached_property
    def tn_auth_list_urls(self) -> tuple[str, ...]:
        """Where the TNAuthList is said to be, if it is given by reference."""
        return asn1.access_urls(self.extensions, tnauthlist.REFERENCE)

    @property
    def is_delegated(self) -> bool:
        """Whether it speaks for codes or numbers of its own: as a CA's it is no STI-CA's (RFC 9060)."""
        return tnauthlist.OID in self.extensions or bool(self.tn_auth_list_urls)

    @cached_property
    def claim_constraints(self) -> tuple[ClaimConstraints, ...]:
        """
        What its holder may claim; all of these have to be met.

        Raises:
            ConstraintFormatError: There are constraints, and they are unreadable.
        """
        return tuple(
            ClaimConstraints.from_der(self.extensions[oid].value, enhanced=oid == constraints.ENHANCED)
            for oid in (constraints.JWT_CLAIM_CONSTRAINTS, constraints.ENHANCED)
            if oid in self.extensions
        )

    @property
    def is_self_issued(self) -> bool:
        """Whether issuer and subject are one name."""
        return self.issuer == self.subject

    def is_issued_by(self, issuer: "Certificate") -> bool:
        """
        Tell whether *issuer* has the issuer's name and its key has signed these very bytes.

        Whether it was entitled to is not looked at here; see :mod:`stir.path`.
        """
        return self.issuer == issuer.subject and self._is_signed_by(issuer)

    def _is_signed_by(self, issuer: "Certificate") -> bool:
        """
        Check the signature over the original bytes.

        Parameters of the algorithm, such as the NULL that some CAs write where there should be none, mean
        nothing for these algorithms; but the signed and the unsigned statement must be the same
        (RFC 5280, section 4.1.1.2).
        """
        outer, inner = self._algorithms
        if outer != inner:
            return False
        try:
            return verify_signature(issuer.public_key, self.signature_algorithm, self._signature, self._tbs)
        except CertificateFormatError:
            return False

    def __repr__(self) -> str:
        return f"<Certificate {self.fingerprint[:16]} {self.subject}>"


def verify_signature(key: PublicKeyTypes, algorithm: str, signature: bytes, data: bytes) -> bool:
    """
    Tell whether *key* has signed *data*, as a CA signs certificates and lists.

    Taken are ECDSA on the NIST curves and RSA PKCS#1 with sound keys, both with SHA-2; *algorithm* is the
    dotted object identifier. Everything else is not signed.
    """
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES) and algorithm in _ECDSA:
            key.verify(signature, data, ec.ECDSA(_ECDSA[algorithm]))
        elif isinstance(key, rsa.RSAPublicKey) and _is_sound(key) and algorithm in _RSA:
            key.verify(signature, data, padding.PKCS1v15(), _RSA[algorithm])
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _is_sound(key: rsa.RSAPublicKey) -> bool:
    """Tell whether the key is neither weak nor so large that checking one signature takes long."""
    return key.key_size in _RSA_BITS and key.public_numbers().e in _RSA_EXPONENTS


@dataclass(frozen=True)
class Chain:
    """A leaf and what was served with it; the order of *others* means nothing."""

    leaf: Certificate
    others: tuple[Certificate, ...] = ()
    unreadable: int = field(default=0, compare=False)
    """How many further blocks of the file were no readable certificate."""
    referenced: tuple[tuple[str, TNAuthList], ...] = ()
    """TNAuthLists that were fetched because a certificate only refers to them: URL and list."""

    @cached_property
    def _hash(self) -> int:
        return hash((self.leaf, self.others, self.referenced))

    def __hash__(self) -> int:
        return self._hash  # what is known of a chain is kept under it, and asked for with every call

    def authority(self, certificate: Certificate) -> TNAuthList | None:
        """
        Return what *certificate* speaks for: its own TNAuthList, else the one that was fetched for it.

        Raises:
            TNAuthListError: Its own is unreadable.
        """
        own = certificate.tn_auth_list
        if own is not None:
            return own
        return next((found for url, found in self.referenced if url in certificate.tn_auth_list_urls), None)


def load_chain(pem: bytes) -> Chain:
    """
    Read a chain file, as an x5u serves it.

    The leaf is the first certificate (RFC 8555, section 9.1); where a CA stands first, the first one that
    is no CA. Text around the blocks is skipped, and so are unreadable certificates after the first.

    Raises:
        CertificateFormatError: There is no certificate, the first one is unreadable, or there is too much.
    """
    if len(pem) > limits.CHAIN_BYTES:
        raise CertificateFormatError(f"the chain file is over {limits.CHAIN_BYTES} bytes")
    blocks = list(_blocks(pem))
    if not blocks:
        raise CertificateFormatError("the chain file holds no certificate")
    if len(blocks) > limits.CHAIN_CERTIFICATES:
        raise CertificateFormatError(f"the chain file holds over {limits.CHAIN_CERTIFICATES} certificates")
    first = _from_block(blocks[0])
    rest, complaints = _readable(blocks[1:])
    leaf = first if not first.is_ca else next((one for one in rest if not one.is_ca), first)
    others = tuple(one for one in dict.fromkeys((first, *rest)) if one != leaf)
    return Chain(leaf, others, len(complaints))


def load_certificates(pem: bytes) -> tuple[list[Certificate], list[str]]:
    """
    Read a file of trusted roots: the readable certificates, and one complaint for each unreadable block.

    Raises:
        CertificateFormatError: The file is too large.
    """
    if len(pem) > limits.ANCHORS_BYTES:
        raise CertificateFormatError(f"the certificate file is over {limits.ANCHORS_BYTES} bytes")
    return _readable(list(_blocks(pem)))


def _readable(blocks: list[bytes]) -> tuple[list[Certificate], list[str]]:
    found, complaints = [], []
    for number, block in enumerate(blocks, 1):
        try:
            found.append(_from_block(block))
        except CertificateFormatError as error:
            complaints.append(f"certificate {number}: {error.detail}")
    return found, complaints


def _blocks(pem: bytes) -> Iterator[bytes]:
    """Find what stands between the lines of CERTIFICATE blocks, in one pass."""
    for part in pem.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        body, end, _ = part.partition(b"-----END CERTIFICATE-----")
        yield body if end else b""


def _from_block(body: bytes) -> Certificate:
    try:
        der = base64.b64decode(b"".join(body.split()), validate=True)
    except ValueError as error:
        raise CertificateFormatError("the certificate is not base64") from error
    return Certificate.from_der(_first_element(der))


def _first_element(data: bytes) -> bytes:
    """Cut off stray bytes behind the first DER element, which OpenSSL does not look at either."""
    octets = data[1] & 0x7F if len(data) > 1 and data[1] & 0x80 else 0
    size = int.from_bytes(data[2 : 2 + octets]) if octets else data[1] if len(data) > 1 else 0
    return data[: 2 + octets + size]
