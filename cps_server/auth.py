"""
Who asks, and may they: the checks of a request token in their order (cheap before costly).

The order is the one of the CPS interface: form, address, time, purpose, then
the body, and only then the certificate, its scope and the signature. Nothing
is fetched for a request that is refused anyway. The jti is recorded by the
store, together with what the request does, after everything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cps_server.store.base import CallKey, Nonce
from stir.aio.clock import Clock
from stir.aio.verification import VerificationService
from stir.certificate import Chain
from stir.errors import (
    CertificateError,
    CertificateFormatError,
    FetchError,
    SignatureError,
    UnauthenticatedError,
    UrlError,
)
from stir.policy import Freshness
from stir.token import Action, RequestToken, Target
from stir.trust import Signatory, Trust


@dataclass(frozen=True, slots=True)
class Request:
    """An authenticated request: who wants to do what."""

    token: RequestToken
    target: Target
    peer: str = field(default="", repr=False)
    """Address of the client, for the record."""
    id: str = ""
    """By which the request is found in the log."""

    @property
    def key(self) -> CallKey:
        """Where the store keeps what this request is about."""
        return CallKey(self.target.dest.value, self.target.orig.value, self.target.spc)


class Authoriser:
    """Checks request tokens for one CPS."""

    def __init__(self, verification: VerificationService, *, hostname: str, freshness: timedelta, clock: Clock) -> None:
        self._verification = verification
        self._hostname = hostname
        self._freshness = Freshness(freshness)
        self._clock = clock

    def read(
        self, authorization: list[str], actions: Sequence[Action], target: Target, *, peer: str = "", name: str = ""
    ) -> Request:
        """
        Check a request token as far as it goes without the body and the certificate.

        Args:
            authorization: All values of the Authorization header field.
            actions: What the request's method does; the usual one first.
            target: What the request's path names.
            peer: Address of the client, for the record.
            name: By which the request is found in the log.

        Raises:
            UnauthenticatedError: There is no token, or it is malformed, stale or for another CPS.
            ForbiddenError: It is for another action or call.
        """
        # (1) to (3) One bearer token, ES256, with all claims, and a certificate URL that may be fetched.
        token = self._parse(_bearer(authorization))
        # (4) It is for us, and now.
        token.check_audience(self._hostname)
        token.check_time(self._freshness, self._clock.now())
        # (5), (6) It is for this action on this call.
        token.check_target(token.action if token.action in actions else actions[0], target)
        return Request(token, target, peer, name)

    def read_original(self, text: str, target: Target) -> Request:
        """
        Check the publish token that a peer sends along, as far as it goes without the certificate.

        Its ``aud`` is the peer, so that is not compared (ATIS-1000096).

        Raises:
            UnauthenticatedError: It is malformed or stale.
            ForbiddenError: It is no publish, or for another call.
        """
        token = self._parse(text)
        token.check_time(self._freshness, self._clock.now())
        token.check_target(Action.PUBLISH, target)
        return Request(token, target)

    def _parse(self, text: str) -> RequestToken:
        token = RequestToken.parse(text)
        try:
            self._verification.verifier.x5u.check(token.x5u)
        except UrlError as error:
            raise UnauthenticatedError(f"token: x5u: {error.detail}") from error
        return token

    async def confirm(self, request: Request) -> Signatory:
        """
        Check a request token's certificate, scope and signature, and return who asks.

        Raises:
            UnauthenticatedError: The certificate cannot be had, does not make its holder a signer, or did not sign.
            ForbiddenError: The certificate does not speak for the providers that the token names.
            NoTrustError: We trust nobody yet.
        """
        token, at = request.token, self._clock.now()
        try:
            return await self._verification.with_chain(token.x5u, lambda chain, trust: _signer(token, chain, trust, at))
        except (FetchError, CertificateFormatError, CertificateError) as error:
            raise UnauthenticatedError(f"token: certificate: {error.detail}") from error
        except SignatureError as error:
            raise UnauthenticatedError(f"token: {error.detail}") from error

    def nonce(self, request: Request) -> Nonce:
        """Return what the store has to remember so that this token is good only once."""
        token = request.token
        until = datetime.fromtimestamp(token.iat, self._clock.now().tzinfo) + self._freshness.window
        return Nonce(token.iss, token.jti, until + timedelta(seconds=1))


def _bearer(authorization: list[str]) -> str:
    if len(authorization) != 1:
        raise UnauthenticatedError("one Authorization header with a bearer token is needed")
    scheme, _, token = authorization[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("the Authorization header is not of the form Bearer <token>")
    return token.strip()


def _signer(token: RequestToken, chain: Chain, trust: Trust, at: datetime) -> Signatory:
    # (8) The chain leads to a trusted root now, nobody on it is revoked, and the leaf is an STI certificate.
    signatory = trust.signer(chain, at=at)
    # (9) Every SPC the token speaks for is in its TNAuthList.
    token.check_scope(signatory.authorized)
    # (10) Only now spend an ECDSA verification.
    token.check_signature(signatory.certificate.public_key)
    return signatory
