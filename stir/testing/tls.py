"""A throw-away TLS CA, for repositories and services on loopback."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from stir.testing.certificates import KEY_USAGES, key_pem, name

LIFETIME: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(hours=1)


@dataclass(frozen=True)
class TlsCertificate:
    """A server's certificate chain and key, in PEM."""

    chain_pem: bytes
    key_pem: bytes

    def write(self, directory: Path, stem: str = "tls") -> tuple[Path, Path]:
        """Write both into *directory*, the key readable by its owner only; return the paths of chain and key."""
        chain, key = directory / f"{stem}.pem", directory / f"{stem}.key"
        chain.write_bytes(self.chain_pem)
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem)
        return chain, key

    def server_context(self) -> SSLContext:
        """Return a context for a server with this certificate."""
        context = SSLContext(PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as directory:
            context.load_cert_chain(*self.write(Path(directory)))
        return context


class TlsAuthority:
    """Issues TLS certificates for host names and addresses; nobody but this world trusts it."""

    def __init__(self, *, at: datetime | None = None) -> None:
        self._at = at or datetime.now(UTC)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = name("Throw-away TLS CA", organization="Example Laboratory")
        self._certificate = self._make_root()

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate, for a client's CA file."""
        return self._certificate.public_bytes(Encoding.PEM)

    def client_context(self) -> SSLContext:
        """Return a context for a client that trusts this CA alone."""
        return create_default_context(cadata=self.ca_pem.decode())

    def certificate(self, *hosts: str) -> TlsCertificate:
        """Return a server certificate for *hosts*: DNS names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self._builder(name(hosts[0][:64], organization="Example Laboratory"), key)
            .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return TlsCertificate(made.public_bytes(Encoding.PEM) + self.ca_pem, key_pem(key))

    def _make_root(self) -> x509.Certificate:
        return (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        public = key.public_key()
        return (
            x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number())
            .not_valid_before(self._at - _BACKDATED)
            .not_valid_after(self._at + LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(*(usage in names for usage in KEY_USAGES))
