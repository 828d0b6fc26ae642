"""
What is unusual about a certificate, measured by the profile of STI certificates (ATIS-1000080, section 6.4.1).

A finding is a remark, not a verdict: production certificates have many, and verifiers tolerate most. How grave
each is, by which clause, and what to do is in :mod:`stir.lintrules`; who may sign is decided by
:mod:`stir.trust` alone.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.asn1 import TLV, decode_der, encode_der
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurve, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import ObjectIdentifier

from stir import asn1, constraints, tnauthlist
from stir.certificate import Certificate
from stir.errors import CertificateFormatError, ConstraintFormatError, TNAuthListError
from stir.findings import Finding
from stir.lintrules import CP_V1_4, RULES

CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
CERTIFICATE_POLICIES: Final = "2.5.29.32"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"

_COUNTRY: Final = "2.5.4.6"
_ORGANIZATION: Final = "2.5.4.10"
_COMMON_NAME: Final = "2.5.4.3"
_ECDSA_SHA256: Final = "1.2.840.10045.4.3.2"
_ECDSA_SHA384: Final = "1.2.840.10045.4.3.3"
_POLICIES: Final = "2.16.840.1.114569.1.1."
_OLD_POLICIES: Final = frozenset({f"{_POLICIES}1", f"{_POLICIES}2"})
_KNOWN: Final = constraints.OIDS | frozenset(
    {
        asn1.AUTHORITY_INFORMATION,  # these two have findings of their own
        EXTENDED_KEY_USAGE,
        asn1.AUTHORITY_KEY_IDENTIFIER,
        asn1.BASIC_CONSTRAINTS,
        CERTIFICATE_POLICIES,
        CRL_DISTRIBUTION_POINTS,
        asn1.KEY_USAGE,
        asn1.SUBJECT_KEY_IDENTIFIER,
        tnauthlist.OID,
    }
)
_LEAF_USAGE: Final = frozenset({"digitalSignature"})
_CA_USAGE: Final = frozenset({"keyCertSign", "cRLSign", "digitalSignature"})
_SERIAL_BITS: Final = 64
_SPC_CHARACTERS: Final = 4
_SPC: Final = re.compile(r"[A-Za-z0-9]+")
_VERSION: Final = 3
_CRL_ISSUER: Final = b"\xa2"
_URL: Final = re.compile(rb"\x86.https?://", re.DOTALL)
"""A uniformResourceIdentifier of less than 128 bytes inside a DistributionPoint."""
_NAMED_CODE: Final = re.compile(r"(?:.* )?SHAKEN ([0-9]{3}[0-9A-Za-z])")

Remark: TypeAlias = tuple[str, str]
"""Code and detail of a finding."""


@dataclass(frozen=True, slots=True)
class CertificateFinding(Finding):
    """Something unusual about a certificate or its repository; an ``error`` is one to the profile's lints."""

    refused: bool = False
    """Whether verifiers refuse for it."""

    def as_dict(self) -> dict[str, object]:
        """Return the finding as JSON has it."""
        return {**Finding.as_dict(self), "refused": self.refused}


def finding(code: str, detail: str, *, tolerated: bool = False) -> CertificateFinding:
    """Return a finding with what the catalogue says about it; a *tolerated* one is no error."""
    rule = RULES[code]
    severity = "warning" if tolerated else rule.severity
    return CertificateFinding(code, severity, detail, rule.clause, rule.advice, rule.refused and not tolerated)


def lint(certificate: Certificate) -> tuple[CertificateFinding, ...]:
    """Return what is unusual about *certificate*, as a CA's root, another CA's, or a signer's."""
    root = certificate.is_ca and certificate.is_self_issued
    remarks = [*_basics(certificate), *_subject(certificate, root=root), *_usage(certificate)]
    remarks += _identifiers(certificate, root=root)
    remarks += _misplaced(certificate) if root else [*_crl_distribution(certificate), *_policies(certificate)]
    remarks += [*_authority(certificate), *_constraints(certificate), *_others(certificate)]
    return tuple(finding(code, detail, tolerated=_is_tolerated(code, certificate)) for code, detail in remarks)


def _is_tolerated(code: str, certificate: Certificate) -> bool:
    """Tell whether the rule does not bind this certificate: it is too old, or a CA's of the newer policy."""
    if certificate.not_before < RULES[code].since:
        return True
    if not certificate.is_ca:
        return False
    newer = certificate.not_before >= CP_V1_4
    return (code == "KEY_NOT_P256" and newer and _is_on(certificate, SECP384R1)) or (
        code == "SIGALG_NOT_ECDSA_SHA256" and newer and certificate.signature_algorithm == _ECDSA_SHA384
    )


def _basics(certificate: Certificate) -> Iterator[Remark]:
    if certificate.version != _VERSION:
        yield "X509_VERSION", f"the certificate is of version {certificate.version}, not 3"
    if certificate.serial <= 0:
        yield "SERIAL_NOT_POSITIVE", "the serial number is not positive"
    elif certificate.serial.bit_length() < _SERIAL_BITS:
        bits = certificate.serial.bit_length()
        yield "SERIAL_UNDER_64_BITS", f"the serial number has {bits} bits, not 64 of chance"
    if not _is_on(certificate, SECP256R1):
        yield "KEY_NOT_P256", "the key is not on the curve P-256"
    algorithm = certificate.signature_algorithm
    if algorithm != _ECDSA_SHA256:
        yield "SIGALG_NOT_ECDSA_SHA256", f"it is signed with {algorithm}, not ecdsa-with-SHA256"


def _subject(certificate: Certificate, *, root: bool) -> Iterator[Remark]:
    """Look at the subject, but for a leaf's common name, which :func:`_code` holds against the code."""
    held = certificate.subject.attributes
    countries, organizations, names = (
        [text for kind, text in held if kind == wanted] for wanted in (_COUNTRY, _ORGANIZATION, _COMMON_NAME)
    )
    if len(countries) != 1 or not re.fullmatch("[A-Z]{2}", countries[0]):
        yield "SUBJECT_COUNTRY", "the subject does not have one country of two letters"
    if len(organizations) != 1:
        yield "SUBJECT_ORGANIZATION", f"the subject has {len(organizations)} organizations, not one"
    if len(names) != 1:
        yield "SUBJECT_COMMON_NAME", f"the subject has {len(names)} common names, not one"
    if certificate.is_ca and "SHAKEN" not in "".join(names).upper():
        yield "CA_CN_WITHOUT_SHAKEN", "the CA's common name is without SHAKEN"
    if root and "ROOT" not in "".join(names).upper():
        yield "ROOT_CN_WITHOUT_ROOT", "the root's common name is without ROOT"


def _usage(certificate: Certificate) -> Iterator[Remark]:
    if asn1.BASIC_CONSTRAINTS not in certificate.extensions:
        yield "NO_BASIC_CONSTRAINTS", "BasicConstraints is missing"
    elif asn1.BASIC_CONSTRAINTS not in certificate.critical:
        yield "BASIC_CONSTRAINTS_NOT_CRITICAL", "BasicConstraints is not critical"
    usage = certificate.key_usage
    if usage is None:
        yield "NO_KEY_USAGE", "KeyUsage is missing"
        return
    if asn1.KEY_USAGE not in certificate.critical:
        yield "KEY_USAGE_NOT_CRITICAL", "KeyUsage is not critical"
    if not _is_canonical_bits(certificate.extensions[asn1.KEY_USAGE].value):
        yield "KEY_USAGE_NOT_DER", "KeyUsage counts its unused bits wrongly"
    if certificate.is_ca and "keyCertSign" not in usage:
        yield "CA_WITHOUT_KEY_CERT_SIGN", "it is a CA's, and its KeyUsage lacks keyCertSign"
    if not certificate.is_ca and "digitalSignature" not in usage:
        yield "KEY_USAGE_NO_SIGNATURE", "KeyUsage lacks digitalSignature"
    if extra := usage - (_CA_USAGE if certificate.is_ca else _LEAF_USAGE):
        yield "KEY_USAGE_EXTRA", f"KeyUsage also has {', '.join(sorted(extra))}"


def _identifiers(certificate: Certificate, *, root: bool) -> Iterator[Remark]:
    own, above = certificate.subject_key_id, certificate.authority_key_id
    if asn1.SUBJECT_KEY_IDENTIFIER not in certificate.extensions:
        yield "NO_SKI", "SubjectKeyIdentifier is missing"
    elif own != _sha1_of_key(certificate):
        yield "SKI_NOT_SHA1", "SubjectKeyIdentifier is not the SHA-1 of the key"
    if asn1.AUTHORITY_KEY_IDENTIFIER not in certificate.extensions:
        if not root:
            yield "NO_AKI", "AuthorityKeyIdentifier is missing"
    elif root and above != own:
        yield "ROOT_AKI_NOT_SKI", "the root's AuthorityKeyIdentifier is not its SubjectKeyIdentifier"


def _misplaced(certificate: Certificate) -> Iterator[Remark]:
    if CRL_DISTRIBUTION_POINTS in certificate.extensions:
        yield "CRLDP_IN_ROOT", "the root has CRLDistributionPoints"
    if CERTIFICATE_POLICIES in certificate.extensions:
        yield "CERT_POLICY_IN_ROOT", "the root has CertificatePolicies"


def _crl_distribution(certificate: Certificate) -> Iterator[Remark]:
    extension = certificate.extensions.get(CRL_DISTRIBUTION_POINTS)
    if extension is None:
        yield "NO_CRLDP", "CRLDistributionPoints is missing"
        return
    try:
        points = [asn1.elements(encode_der(point)) for point in asn1.elements(extension.value)]
    except ValueError:
        yield "CRLDP_MALFORMED", "CRLDistributionPoints is not DER of RFC 5280"
        return
    if len(points) != 1:
        yield "CRLDP_MULTIPLE", f"CRLDistributionPoints has {len(points)} points, not one"
    if not all(any(_URL.search(bytes(part.data)) for part in point) for point in points):
        yield "CRLDP_NO_URL", "CRLDistributionPoints names no http or https URL"
    if not all(any(part.tag_bytes == _CRL_ISSUER for part in point) for point in points):
        yield "CRLDP_NO_CRL_ISSUER", "CRLDistributionPoints does not name the CRL's issuer"


def _policies(certificate: Certificate) -> Iterator[Remark]:
    extension = certificate.extensions.get(CERTIFICATE_POLICIES)
    if extension is None:
        yield "NO_CERT_POLICY", "CertificatePolicies is missing"
        return
    try:
        policies = [_identified(policy) for policy in asn1.elements(extension.value)]
    except ValueError:
        yield "CERT_POLICY_MALFORMED", "CertificatePolicies is not DER of RFC 5280"
        return
    if len(policies) != 1:
        yield "CERT_POLICY_MULTIPLE", f"CertificatePolicies has {len(policies)} policies, not one"
    if not all(policy.startswith(_POLICIES) for policy in policies):
        yield "CERT_POLICY_OTHER", "the certificate policy is not one of the US SHAKEN CP"
    if _OLD_POLICIES & set(policies):
        yield "CERT_POLICY_OLD_VERSION", "the certificate policy is an old version of the SHAKEN CP"
    if extension.critical:
        yield "CERT_POLICY_CRITICAL", "CertificatePolicies is critical"


def _authority(certificate: Certificate) -> Iterator[Remark]:
    """Look at the TNAuthList, and at the common name against it."""
    if certificate.tn_auth_list_urls:
        yield "TNAUTHLIST_BY_REFERENCE", f"the TNAuthList is said to be at {certificate.tn_auth_list_urls[0]}"
    if certificate.is_ca:
        if tnauthlist.OID in certificate.extensions:
            yield "TNAUTHLIST_IN_CA", "a CA's certificate has a TNAuthList"
        return
    if tnauthlist.OID in certificate.critical:
        yield "TNAUTHLIST_CRITICAL", "the TNAuthList is critical"
    try:
        authorized = certificate.tn_auth_list
    except TNAuthListError as error:
        yield "TNAUTHLIST_MALFORMED", error.detail
        return
    if authorized is None:
        yield "NO_TNAUTHLIST", "TNAuthList is missing"
    elif not authorized.entries:
        yield "TNAUTHLIST_EMPTY", "TNAuthList is empty"
    elif not authorized.spcs:
        yield "TNAUTHLIST_NO_SPC", "TNAuthList has no service provider code"
    else:
        if len(authorized.entries) > 1:
            yield "TNAUTHLIST_MULTIPLE", "TNAuthList has more than one entry"
        yield from _code(authorized.spcs[0], certificate.subject.common_name or "")


def _code(spc: str, common_name: str) -> Iterator[Remark]:
    if spc != spc.upper():
        yield "SPC_LOWER_CASE", "the service provider code has a lower-case letter"
    if not _SPC.fullmatch(spc):
        yield "SPC_CHARACTERS", "the service provider code has other characters than letters and digits"
    if len(spc) != _SPC_CHARACTERS:
        yield "SPC_LENGTH", f"the service provider code has {len(spc)} characters, not 4"
    if "SHAKEN" not in common_name.upper():
        yield "CN_WITHOUT_SHAKEN", "the common name is without SHAKEN"
    elif not f" {common_name}".casefold().endswith(f" SHAKEN {spc}".casefold()):
        yield "CN_NOT_SHAKEN_SPC", "the common name does not end in SHAKEN and the code"
        named = _NAMED_CODE.fullmatch(common_name)
        if named is not None:
            yield "CN_NAMES_OTHER_CODE", f"the common name names the code {named[1]}"


def _constraints(certificate: Certificate) -> Iterator[Remark]:
    held = constraints.OIDS & certificate.extensions.keys()
    if held and certificate.is_ca:
        yield "CONSTRAINTS_IN_CA", "a CA's certificate has claim constraints"
    elif held & certificate.critical:
        yield "CONSTRAINTS_CRITICAL", "the claim constraints are critical"
    try:
        _ = certificate.claim_constraints
    except ConstraintFormatError as error:
        yield "CONSTRAINTS_MALFORMED", error.detail


def _others(certificate: Certificate) -> Iterator[Remark]:
    if asn1.AUTHORITY_INFORMATION in certificate.extensions and not certificate.tn_auth_list_urls:
        yield "AIA_PRESENT", "AuthorityInformationAccess has no place in an STI certificate"
    if EXTENDED_KEY_USAGE in certificate.extensions:
        yield "EKU_PRESENT", "ExtendedKeyUsage has no place in an STI certificate"
    if unknown := sorted(certificate.extensions.keys() - _KNOWN):
        yield "UNKNOWN_EXTENSION", f"extensions outside the profile: {', '.join(unknown)}"
        if critical := sorted(certificate.critical & set(unknown)):
            yield "UNKNOWN_CRITICAL_EXTENSION", f"critical extensions that verifiers do not know: {', '.join(critical)}"


def _is_on(certificate: Certificate, curve: type[EllipticCurve]) -> bool:
    try:
        key = certificate.public_key
    except CertificateFormatError:
        return False
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, curve)


def _sha1_of_key(certificate: Certificate) -> bytes | None:
    with suppress(CertificateFormatError):
        key = certificate.public_key
        if isinstance(key, EllipticCurvePublicKey | RSAPublicKey):
            return x509.SubjectKeyIdentifier.from_public_key(key).digest
    return certificate.subject_key_id  # that the key is none of an STI certificate's is told elsewhere


def _is_canonical_bits(value: bytes) -> bool:
    """Tell whether a BIT STRING of named bits ends in a one, as DER wants it (X.690, section 11.2.2)."""
    data = bytes(decode_der(TLV, value).data)
    unused, bits = data[0], data[1:]
    if not bits:
        return unused == 0
    return bits[-1] & (1 << unused) != 0 and bits[-1] & ((1 << unused) - 1) == 0


def _identified(element: TLV) -> str:
    """Return the object identifier at the head of a PolicyInformation."""
    head = next(iter(asn1.elements(encode_der(element))), None)
    if head is None:
        raise ValueError("an empty SEQUENCE identifies nothing")
    return decode_der(ObjectIdentifier, encode_der(head)).dotted_string
