"""
Compact JWS, made without the product's own code.

A second implementation on purpose: a bug that signer and verifier share cannot hide behind it.
"""

import base64
import json
from collections.abc import Mapping
from typing import Final, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from stir.testing.certificates import PrivateKey, new_key

ABSENT: Final = object()
"""An override with this value removes the member."""

SignatureKind = Literal["raw", "der", "other-key", "tampered", "zero", "short", "long", "padded", "empty"]
"""How a signature is made; all but ``raw`` are defects."""


def canonical(value: object) -> bytes:
    """Return the deterministic serialization of *value* (RFC 8225, section 9)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def encode(data: bytes) -> str:
    """Return *data* in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def overridden(members: Mapping[str, object], overrides: Mapping[str, object] | None) -> dict[str, object]:
    """Return *members* with *overrides* put over them."""
    merged = {**members, **(overrides or {})}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def compact(header: object, payload: object, key: PrivateKey, *, signature: SignatureKind = "raw") -> str:
    """Return the JWS of *payload* in compact form, signed with ES256; bytes are taken as they are."""
    parts = [part if isinstance(part, bytes) else canonical(part) for part in (header, payload)]
    signed = ".".join(encode(part) for part in parts)
    return f"{signed}.{_signature(signed.encode(), key, signature)}"


def _signature(data: bytes, key: PrivateKey, kind: SignatureKind) -> str:
    signer = new_key() if kind == "other-key" else key
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        return encode(bytes(64))
    made = signer.sign(data, ec.ECDSA(hashes.SHA256()))
    size = (signer.curve.key_size + 7) // 8
    raw = b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(made))
    if kind == "padded":
        return base64.urlsafe_b64encode(raw).decode()
    defects = {
        "der": made,
        "tampered": raw[:-1] + bytes([raw[-1] ^ 1]),
        "zero": bytes(len(raw)),
        "short": raw[:-1],
        "long": raw + b"\x00",
        "empty": b"",
    }
    return encode(defects.get(kind, raw))
