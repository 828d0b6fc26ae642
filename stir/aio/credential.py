"""Who we are towards others: our SPC, our key, and where its certificate is."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from stir import limits
from stir.certificate import Certificate
from stir.errors import StirError
from stir.sign import Signer

_CURVE = "secp256r1"


class CredentialError(StirError):
    """Key, certificate and SPC are not all there, or do not belong together."""

    code = "bad-credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's key and what it is published under."""

    signer: Signer = field(repr=False)
    spc: str
    prefix: str
    """How the names of the settings start that all this came from; complaints name them."""

    @property
    def x5u(self) -> str:
        """Where the certificate chain is published."""
        return self.signer.x5u

    @classmethod
    def load(cls, prefix: str, *, spc: str | None, x5u: str | None, private_key: Path | None) -> "Credential":
        """
        Read the key, and check that nothing is missing.

        Raises:
            CredentialError: Something is missing, or the key cannot be used; the detail names the setting.
        """
        if spc is None:
            raise _missing(prefix, "SPC", "the own service provider code")
        return cls(load_signer(prefix, x5u=x5u, private_key=private_key), spc, prefix)

    def require_match(self, leaf: Certificate) -> None:
        """
        Check that *leaf*, found at x5u, is the certificate of this key and SPC.

        Raises:
            CredentialError: It is not; the detail names the setting.
            CertificateFormatError: Its key or TNAuthList cannot be read.
        """
        own = self.signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if leaf.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != own:
            raise CredentialError(f"{self.prefix}PRIVATE_KEY is not the key of the certificate at {self.prefix}X5U")
        if leaf.tn_auth_list is None or not leaf.tn_auth_list.has_spc(self.spc):
            raise CredentialError(f"{self.prefix}SPC is not in the TNAuthList of the certificate at {self.prefix}X5U")


def load_signer(prefix: str, *, x5u: str | None, private_key: Path | None) -> Signer:
    """
    Return what it takes to sign a PASSporT; no SPC, for it stands in the certificate.

    Raises:
        CredentialError: Something is missing, or the key cannot be used; the detail names the setting.
    """
    if x5u is None:
        raise _missing(prefix, "X5U", "the URL of the own certificate chain")
    if private_key is None:
        raise _missing(prefix, "PRIVATE_KEY", "the PEM file of the own private key")
    return Signer(load_key(prefix, private_key), x5u)


def load_key(prefix: str, path: Path) -> EllipticCurvePrivateKey:
    """
    Read a private key for ES256.

    Raises:
        CredentialError: The file cannot be read, or holds no unencrypted P-256 key in PEM.
    """
    try:
        with path.open("rb") as file:
            pem = file.read(limits.KEY_BYTES)
        key = load_pem_private_key(pem, password=None)
    except OSError as error:
        raise CredentialError(f"{prefix}PRIVATE_KEY: {path} cannot be read: {error.strerror}") from error
    except TypeError as error:  # how the library says that a password is missing
        raise CredentialError(f"{prefix}PRIVATE_KEY: {path} is encrypted; give the plain key, mode 0600") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialError(f"{prefix}PRIVATE_KEY: {path} holds no private key in PEM") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != _CURVE:
        raise CredentialError(f"{prefix}PRIVATE_KEY: {path} is not a P-256 key, which ES256 needs")
    return key


def _missing(prefix: str, name: str, what: str) -> CredentialError:
    return CredentialError(f"{prefix}{name} is not set: {what}")
