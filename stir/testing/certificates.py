"""Certificates of the test world: one template, a knob for each defect."""

import base64
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from stir.certificate import Certificate
from stir.testing import der

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
Curve = Literal["P-256", "P-384", "P-521", "secp256k1", "RSA-2048"]

POLICY: Final = "2.16.840.1.114569.1.1.4"
"""Policy OID of the SHAKEN certificate policy, version 1.4."""

TN_AUTH_LIST: Final = "1.3.6.1.5.5.7.1.26"
KEY_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)

_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
}
_HASHES: Final[Mapping[str, Hash]] = {"secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
_ECDSA_OIDS: Final = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4"}


def new_key(curve: Curve = "P-256") -> PrivateKey:
    """Return a fresh private key."""
    if curve == "RSA-2048":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(_CURVES[curve]())


def key_pem(key: PrivateKey) -> bytes:
    """Return *key* as an unencrypted PKCS #8 PEM file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signature_hash(key: PrivateKey) -> Hash:
    """Return the hash that a CA with this key signs with."""
    return hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else _HASHES.get(key.curve.name, hashes.SHA256())


def sign_der(key: PrivateKey, data: bytes) -> tuple[bytes, bytes]:
    """Return the AlgorithmIdentifier and the signature of *data* by a CA with this key."""
    digest = signature_hash(key)
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
        return algorithm, key.sign(data, padding.PKCS1v15(), digest)
    return der.sequence(der.oid(_ECDSA_OIDS[digest.name])), key.sign(data, ec.ECDSA(digest))


@dataclass(frozen=True)
class Credential:
    """A certificate with its private key."""

    der: bytes
    private_key: PrivateKey = field(repr=False)
    subject: x509.Name
    issuer: x509.Name
    serial: int

    @cached_property
    def pem(self) -> bytes:
        """The certificate as a PEM block."""
        return pem_block(self.der)

    @property
    def key_pem(self) -> bytes:
        """The private key as an unencrypted PKCS #8 PEM file."""
        return key_pem(self.private_key)

    @cached_property
    def certificate(self) -> Certificate:
        """The certificate as the product reads it."""
        return Certificate.from_der(self.der)


def pem_block(data: bytes, label: str = "CERTIFICATE") -> bytes:
    """Return *data* as a PEM block."""
    lines = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


@dataclass(frozen=True)
class Template:
    """What a certificate says; each field is a knob, and the defaults are those of a SHAKEN leaf."""

    common_name: str
    not_before: datetime
    not_after: datetime
    organization: str = "Example Telephone"
    country: str = "US"
    key: PrivateKey | None = field(default=None, repr=False)
    key_curve: Curve = "P-256"
    serial: int | None = None
    is_ca: bool | None = False
    """None leaves BasicConstraints out."""
    path_length: int | None = None
    key_usage: tuple[str, ...] | None = ("digital_signature",)
    """Names as in :data:`KEY_USAGES`; None leaves the extension out."""
    tn_auth_list: bytes | None = None
    """DER of the extension's value; see :mod:`stir.testing.tnauthlist`."""
    tn_auth_list_critical: bool = False
    policy: str | None = POLICY
    crl_url: str | None = None
    crl_issuer: x509.Name | None = None
    key_identifiers: bool = True
    extensions: tuple[tuple[str, bytes, bool], ...] = ()
    """More extensions: OID, DER of the value, critical."""
    null_parameters: bool = False
    """Write NULL behind ecdsa-with-SHA*, as eight production certificates do."""

    @property
    def subject(self) -> x509.Name:
        """The subject's distinguished name."""
        return name(self.common_name, organization=self.organization, country=self.country)


def name(common_name: str, *, organization: str, country: str = "US") -> x509.Name:
    """Return a distinguished name as STI-CAs write it."""
    parts = {NameOID.COUNTRY_NAME: country, NameOID.ORGANIZATION_NAME: organization, NameOID.COMMON_NAME: common_name}
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items()])


def issue(template: Template, issuer: Credential | None = None) -> Credential:
    """Make the certificate that *template* describes; without an *issuer* it signs itself."""
    key = template.key or new_key(template.key_curve)
    signer = issuer.private_key if issuer else key
    parent = issuer.subject if issuer else template.subject
    serial = template.serial or x509.random_serial_number()
    builder = x509.CertificateBuilder(
        parent, template.subject, key.public_key(), serial, template.not_before, template.not_after
    )
    for value, critical in _extensions(template, key, signer):
        builder = builder.add_extension(value, critical)
    made = builder.sign(signer, signature_hash(signer)).public_bytes(Encoding.DER)
    if template.null_parameters:
        made = _with_null_parameters(made, signer)
    return Credential(made, key, template.subject, parent, serial)


def _extensions(template: Template, key: PrivateKey, signer: PrivateKey) -> list[tuple[x509.ExtensionType, bool]]:
    made: list[tuple[x509.ExtensionType | None, bool]] = [
        (_basic_constraints(template), True),
        (_key_usage(template), True),
        (_policies(template), False),
        (_distribution_points(template), False),
    ]
    if template.key_identifiers:
        made.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        made.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    if template.tn_auth_list is not None:
        made.append((_raw(TN_AUTH_LIST, template.tn_auth_list), template.tn_auth_list_critical))
    made += [(_raw(oid, value), critical) for oid, value, critical in template.extensions]
    return [(value, critical) for value, critical in made if value is not None]


def _raw(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), value)


def _basic_constraints(template: Template) -> x509.BasicConstraints | None:
    if template.is_ca is None:
        return None
    return x509.BasicConstraints(template.is_ca, template.path_length)


def _key_usage(template: Template) -> x509.KeyUsage | None:
    if template.key_usage is None:
        return None
    return x509.KeyUsage(*(usage in template.key_usage for usage in KEY_USAGES))


def _policies(template: Template) -> x509.CertificatePolicies | None:
    if template.policy is None:
        return None
    return x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier(template.policy), None)])


def _distribution_points(template: Template) -> x509.CRLDistributionPoints | None:
    if template.crl_url is None:
        return None
    where = [x509.UniformResourceIdentifier(template.crl_url)]
    issuer = [x509.DirectoryName(template.crl_issuer)] if template.crl_issuer else None
    return x509.CRLDistributionPoints([x509.DistributionPoint(where, None, None, issuer)])


def _with_null_parameters(certificate: bytes, signer: PrivateKey) -> bytes:
    """Sign *certificate* again, with NULL in both of its AlgorithmIdentifiers."""
    to_be_signed, algorithm, _ = der.children(certificate)
    with_null = der.sequence(*der.children(algorithm), der.NULL)
    inside = b"".join(der.children(to_be_signed)).replace(algorithm, with_null, 1)
    _, signature = sign_der(signer, der.sequence(inside))
    return der.sequence(der.sequence(inside), with_null, der.bits(signature))
