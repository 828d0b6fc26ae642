"""
The one door to JOSE: compact JWS with ES256 (RFC 7515, RFC 7518 section 3.4), and nothing else.

joserfc's own ``deserialize_compact`` takes any JSON with duplicate names and
knows other algorithms; here the three parts are taken apart strictly, and
joserfc's ES256 does the checking.
"""

from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from stir import limits
from stir.errors import AlgorithmError, NotFullFormError, SignatureError

ALGORITHM: Final = "ES256"
CURVE: Final = "secp256r1"
"""P-256, by its name in pyca."""
SIGNATURE_BYTES: Final = 64
"""r and s, 32 bytes each (RFC 7518, section 3.4)."""

_ES256: Final = JWSRegistry(algorithms=[ALGORITHM]).get_alg(ALGORITHM)
_TO_BASE64: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
"""What is no base64url becomes what is no base64."""
_TO_BASE64URL: Final = bytes.maketrans(b"+/", b"-_")
_LAST_CHARACTERS: Final = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
"""By length modulo 4: the last characters that leave no stray bits behind."""
_PADDING: Final = (b"", b"", b"==", b"=")


@dataclass(frozen=True, slots=True)
class Compact:
    """A compact JWS taken apart; nothing in it is checked yet."""

    header: bytes
    payload: bytes
    signing_input: bytes
    signature: bytes


def split(token: str) -> Compact:
    """
    Take a compact JWS apart.

    Raises:
        NotFullFormError: *token* is not three parts of unpadded base64url.
    """
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    if not (header and payload and signature):
        raise NotFullFormError(_what_is_wrong(token))
    try:
        return Compact(decode(header), decode(payload), signed.encode("ascii"), decode(signature))
    except ValueError as error:
        raise NotFullFormError(_what_is_wrong(token)) from error


def verify(key: PublicKeyTypes, signing_input: bytes, signature: bytes) -> None:
    """
    Check that *signature* is *key*'s over *signing_input*.

    Raises:
        SignatureError: It is not, or it is not the 64 bytes of r and s.
    """
    if len(signature) != SIGNATURE_BYTES:
        form = "an ASN.1 structure" if signature[:1] == b"\x30" else f"{len(signature)} bytes"
        raise SignatureError(f"the signature is {form} instead of the {SIGNATURE_BYTES} bytes of r and s")
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != CURVE:
        raise SignatureError(f"the key is not on the curve of {ALGORITHM}, P-256")
    if not _ES256.verify(signing_input, signature, _jwk(_ByIdentity(key))):
        raise SignatureError("the signature was not made by this key over these bytes")


def sign(key: EllipticCurvePrivateKey, header: bytes, payload: bytes) -> str:
    """
    Return the compact JWS of *payload*, signed as RFC 6979 has it (RFC 8225, section 7 wants that of signers).

    Raises:
        AlgorithmError: *key* is on another curve.
    """
    if key.curve.name != CURVE:
        raise AlgorithmError(f"the signing key is not on the curve of {ALGORITHM}, P-256")
    signing_input = f"{encode(header)}.{encode(payload)}"
    der = key.sign(signing_input.encode("ascii"), ECDSA(SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return f"{signing_input}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def encode(data: bytes) -> str:
    """Return *data* in unpadded base64url."""
    return b2a_base64(data, newline=False).translate(_TO_BASE64URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """
    Return the bytes of unpadded base64url *text*.

    Raises:
        NotFullFormError: The length is impossible or bits are left over.
        ValueError: A character is not of that alphabet.
    """
    remainder = len(text) % 4
    if remainder and (remainder == 1 or text[-1] not in _LAST_CHARACTERS[remainder]):
        raise NotFullFormError("a part is not base64url: stray bits at its end")
    return a2b_base64(text.encode("ascii").translate(_TO_BASE64) + _PADDING[remainder], strict_mode=True)


class _ByIdentity:
    """A key as the key of a cache: pyca's have no hash. The cache holds it, so that its identity stays its own."""

    __slots__ = ("key",)

    def __init__(self, key: EllipticCurvePublicKey) -> None:
        self.key = key

    def __hash__(self) -> int:
        return id(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.key is other.key


@lru_cache(maxsize=limits.KEYS)
def _jwk(held: _ByIdentity) -> ECKey:
    """Return the key as joserfc wants it, which takes longer than a hash and is the same each time."""
    return ECKey.import_key(held.key)


def _what_is_wrong(token: str) -> str:
    parts = token.split(".")
    if parts[:2] == ["", ""]:
        return "compact form: the header and payload are left out"
    if "=" in token:
        return "a part has base64 padding"
    return f"expected three non-empty parts of base64url, got {len(parts)} parts"
