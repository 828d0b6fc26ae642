"""The origid of a trunk group: stable, so that a call can be traced back, and nothing to anybody else (RFC 8588)."""

import hmac
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from cps_client.routes import Route

_SECRET_BYTES = 32


def origid_of(route: Route, namespace: UUID) -> str:
    """Return the configured origid of *route*, or one made from its name in the private *namespace*."""
    return route.policy.origid or str(uuid5(namespace, route.name or ""))


def private_namespace(key: EllipticCurvePrivateKey) -> UUID:
    """Return a namespace that nobody can know without *key*; names of trunks are easily guessed."""
    secret = key.private_numbers().private_value.to_bytes(_SECRET_BYTES)
    return UUID(bytes=hmac.digest(secret, b"origid", "sha256")[:16])
