"""
The bearer token of a request to a CPS: minted by the client, checked by the server.

First generation: ATIS-1000096, with ``iss`` and ``sub``; second generation:
ATIS-1000105, with ``iss`` and ``spc``, and ``exp`` as the time of deletion.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from stir import jws, limits, strictjson
from stir.errors import (
    ClaimError,
    ForbiddenError,
    HeaderError,
    MalformedError,
    StaleError,
    UnauthenticatedError,
)
from stir.passport import read_dest, read_header, read_orig, read_time
from stir.policy import Freshness
from stir.tn import Party
from stir.tnauthlist import TNAuthList

SPC: Final = re.compile(r"[A-Za-z0-9]{3,15}")
"""A service provider code; compared without regard to case."""
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_DIGEST: Final = re.compile(r"sha256-([A-Za-z0-9+/]{43}=)")


class Action(StrEnum):
    """What the token's holder wants to do."""

    PUBLISH = "publish"
    RETRIEVE = "retrieve"
    REPUBLISH = "republish"


_ACTIONS: Final = {action.value: action for action in Action} | {"re-publish": Action.REPUBLISH}


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: the parts of its path."""

    dest: Party
    orig: Party
    spc: str | None = None
    """In upper case; None for the first generation."""

    @property
    def generation(self) -> int:
        """1 or 2."""
        return 1 if self.spc is None else 2


@dataclass(frozen=True, slots=True)
class RequestToken:
    """A request token, typed, with nothing checked against the request yet."""

    compact: jws.Compact
    text: str
    x5u: str
    action: Action
    audience: tuple[str, ...]
    iat: int
    exp: int | None
    iss: str
    sub: str | None
    spc: str | None
    jti: str
    orig: Party
    dest: tuple[Party, ...]
    digest: bytes | None
    """SHA-256 of the canonical ``passports`` array, on a publish."""

    @property
    def generation(self) -> int:
        """2 with an ``spc`` claim, else 1."""
        return 1 if self.spc is None else 2

    @classmethod
    def parse(cls, text: str) -> "RequestToken":
        """
        Parse the token that stood behind ``Bearer``.

        Raises:
            UnauthenticatedError: It is too long, no ES256 JWS, or a claim is missing or of the wrong type.
        """
        if len(text) > limits.TOKEN_BYTES:
            raise UnauthenticatedError(f"the token is {len(text)} bytes long, the limit is {limits.TOKEN_BYTES}")
        try:
            compact = jws.split(text)
            x5u = (_known_x5u if len(compact.header) <= limits.HEADER_BYTES else _x5u)(compact.header)
            payload = strictjson.loads(compact.payload, max_bytes=limits.TOKEN_BYTES)
            return cls(
                compact=compact,
                text=text,
                x5u=x5u,
                action=_action(payload),
                audience=_audience(payload),
                iat=read_time(payload, "iat"),
                exp=read_time(payload, "exp") if "exp" in payload else None,
                iss=_spc(payload, "iss"),
                sub=_spc(payload, "sub") if "sub" in payload or "spc" not in payload else None,
                spc=_spc(payload, "spc") if "spc" in payload else None,
                jti=_jti(payload),
                orig=read_orig(payload),
                dest=read_dest(payload),
                digest=_digest(payload),
            )
        except MalformedError as error:
            raise UnauthenticatedError(f"token: {error.detail}") from error

    def check_audience(self, hostname: str) -> None:
        """
        Check that the token was made for the CPS called *hostname*.

        Raises:
            UnauthenticatedError: It was made for another one.
        """
        if hostname.lower() not in self.audience:
            raise UnauthenticatedError(f"token: aud is not {hostname}")

    def check_time(self, freshness: Freshness, at: datetime) -> None:
        """
        Check iat, and exp where it limits the token's own life, at the instant *at*.

        The second generation's publish is the exception: its exp is the
        PASSporTs' time of deletion, see :meth:`deletion_time`.

        Raises:
            UnauthenticatedError: The token is stale or expired.
        """
        try:
            freshness.check(self.iat, at)
        except StaleError as error:
            raise UnauthenticatedError(f"token: {error.detail}") from error
        is_deletion_time = self.generation == 2 and self.action is Action.PUBLISH  # noqa: PLR2004 - the generation
        if self.exp is not None and not is_deletion_time and at.timestamp() >= self.exp:
            raise UnauthenticatedError("token: exp has passed")

    def check_target(self, action: Action, target: Target) -> None:
        """
        Check that the token is for *action* on *target*.

        Raises:
            ForbiddenError: It is for something else.
        """
        if self.action is not action:
            raise ForbiddenError(f"token: action is {self.action}, this request needs {action}")
        if self.generation != target.generation:
            raise ForbiddenError(f"token: of generation {self.generation} on a path of generation {target.generation}")
        if self.spc != target.spc:
            raise ForbiddenError("token: spc is not the one of the path")
        if self.spc is not None and action is Action.PUBLISH and self.iss != self.spc:
            raise ForbiddenError("token: iss publishes under the spc of another provider")
        if (self.dest, self.orig) != ((target.dest,), target.orig):
            raise ForbiddenError("token: orig and dest are not those of the path")

    def check_digest(self, passports: Sequence[str]) -> None:
        """
        Check that the token was made for a body with these *passports*.

        Raises:
            UnauthenticatedError: It was made for another body.
        """
        if self.digest is None or not compare_digest(self.digest, _sha256(passports)):
            raise UnauthenticatedError("token: passports is not the digest of this body's passports")

    def check_scope(self, tn_auth_list: TNAuthList) -> None:
        """
        Check that every SPC by which the holder calls itself is in its certificate's *tn_auth_list*.

        That is iss; in the first generation sub too; spc on a publish. The spc of
        a retrieve names the provider asked for and the sub of a republish the
        first publisher: those hold other certificates.

        Raises:
            ForbiddenError: One of them is not.
        """
        own: dict[str, str | None] = {"iss": self.iss}
        if self.generation == 1 and self.action is not Action.REPUBLISH:
            own["sub"] = self.sub
        if self.action is Action.PUBLISH:
            own["spc"] = self.spc
        for claim, spc in own.items():
            if spc is not None and not tn_auth_list.has_spc(spc):
                raise ForbiddenError(f"token: {claim} is not in the certificate's TNAuthList")

    def check_signature(self, key: PublicKeyTypes) -> None:
        """
        Check that the holder of *key* made the token.

        Raises:
            SignatureError: They did not.
        """
        jws.verify(key, self.compact.signing_input, self.compact.signature)

    def deletion_time(self, at: datetime) -> datetime | None:
        """
        Return until when a second-generation publish wants its PASSporTs kept; None leaves it to the CPS.

        Raises:
            ClaimError: exp has passed at the instant *at*, or is more than 60 seconds after iat.
        """
        if self.exp is None or self.generation == 1:
            return None
        if at.timestamp() >= self.exp:
            raise ClaimError("token: exp has passed")
        if self.exp - self.iat > limits.TOKEN_LIFETIME.total_seconds():
            raise ClaimError(f"token: exp is more than {limits.TOKEN_LIFETIME.seconds} s after iat")
        return datetime.fromtimestamp(self.exp, UTC)


def mint(
    key: EllipticCurvePrivateKey,
    *,
    x5u: str,
    iss: str,
    action: Action,
    target: Target,
    audience: str,
    at: datetime,
    sub: str | None = None,
    passports: Sequence[str] | None = None,
    lifetime: timedelta | None = None,
) -> str:
    """
    Return a request token, good for one request.

    Args:
        key: The private key of the certificate at *x5u*.
        iss: The SPC of the provider that asks.
        target: What is asked for; with an SPC the token is of the second generation.
        audience: Host name of the CPS.
        sub: In the first generation, who makes the request, if not *iss* itself.
        passports: What is published; None for a retrieve.
        lifetime: How long a second-generation publish wants its PASSporTs kept.
    """
    iat = int(at.timestamp())
    claims: dict[str, object] = {
        "action": action.value,
        "aud": audience,
        "dest": target.dest.as_dest_claim(),
        "iat": iat,
        "iss": iss,
        "jti": str(uuid4()),
        "orig": target.orig.as_claim(),
    }
    if target.spc is None:
        claims["sub"] = sub or iss
    else:
        claims["spc"] = target.spc
        if lifetime is not None:
            claims["exp"] = iat + int(lifetime.total_seconds())
    if passports is not None:
        claims["passports"] = digest_of(passports)
    header = {"alg": jws.ALGORITHM, "x5u": x5u}
    return jws.sign(key, strictjson.canonical(header), strictjson.canonical(claims))


def digest_of(passports: Sequence[str]) -> str:
    """Return the ``passports`` claim: base64 of the SHA-256 of the array in the form of RFC 8785."""
    return f"sha256-{b64encode(_sha256(passports)).decode('ascii')}"


def _sha256(passports: Sequence[str]) -> bytes:
    # RFC 8785 differs in the order of members and the spelling of numbers; an array of strings has neither.
    return sha256(orjson.dumps(list(passports))).digest()


def _x5u(data: bytes) -> str:
    """Return the certificate URL in a header, which is for ES256."""
    header = read_header(data)
    if header.get("alg") != jws.ALGORITHM:
        raise HeaderError(f"header: alg is not {jws.ALGORITHM}")
    return _required(header, "x5u")


_known_x5u: Final = lru_cache(maxsize=limits.HEADERS)(_x5u)
"""The same for a header that is known: a provider's are all alike while its certificate is."""


def _required(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise ClaimError(f"{name} is {'missing' if value is None else 'not a string'}")
    return value


def _action(payload: dict[str, object]) -> Action:
    action = _ACTIONS.get(_required(payload, "action"))
    if action is None:
        raise ClaimError("action is none of publish, retrieve and republish")
    return action


def _audience(payload: dict[str, object]) -> tuple[str, ...]:
    aud = payload.get("aud")
    names = aud if isinstance(aud, list) else [aud]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ClaimError("aud is not a host name, nor an array of them")
    return tuple(str(name).lower() for name in names)


def _spc(payload: dict[str, object], name: str) -> str:
    value = _required(payload, name)
    if not SPC.fullmatch(value):
        raise ClaimError(f"{name} is not a service provider code")
    return value.upper()


def _jti(payload: dict[str, object]) -> str:
    jti = _required(payload, "jti")
    if not _UUID.fullmatch(jti):
        raise ClaimError("jti is not a UUID")
    return jti.lower()


def _digest(payload: dict[str, object]) -> bytes | None:
    if "passports" not in payload:
        return None
    match = _DIGEST.fullmatch(_required(payload, "passports"))
    if match is None:
        raise ClaimError("passports is not sha256- and the base64 of 32 bytes")
    return b64decode(match[1])
