"""The use case of receiving what a peer republishes (ATIS-1000096)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cps_server.auth import Authoriser, Request
from cps_server.federation.peers import Mesh
from cps_server.gate import Gate
from cps_server.publish import Receipt
from cps_server.screening import Screening
from cps_server.store.base import PassportStore, Publication
from stir.aio.clock import Clock
from stir.errors import ClaimError, ForbiddenError


class Receiver:
    """Takes in what a peer accepted; it is never sent on, so no loop can be."""

    def __init__(
        self,
        mesh: Mesh,
        store: PassportStore,
        authoriser: Authoriser,
        screening: Screening,
        *,
        gate: Gate,
        retention: timedelta,
        clock: Clock,
    ) -> None:
        self._mesh = mesh
        self._store = store
        self._authoriser = authoriser
        self._gate = gate
        self._screening = screening
        self._retention = retention
        self._clock = clock

    def require_peer(self, request: Request) -> None:
        """
        Check that a peer sends *request*, before anything costly.

        Raises:
            ForbiddenError: It is no peer, or the path has an SPC: only the first generation has a mesh.
        """
        if request.target.generation != 1:
            raise ForbiddenError("token: nothing is republished under an SPC")
        self._mesh.require_peer(request.token.iss)

    async def receive(self, request: Request, passports: Sequence[str], original: str) -> Receipt:
        """
        Keep *passports* for the call that *request* names, as if their publisher had come here first.

        Args:
            request: The peer's, as :meth:`Authoriser.read` left it.
            passports: One to ten compact JWS.
            original: The token by which the publisher published at the peer.

        Raises:
            MalformedError: A PASSporT failed its check, or the first publish is past its life already.
            TokenError: One of the two tokens does not allow this, or the sender is no peer.
            StoreError: They could not be kept.
            NoTrustError: Nothing is trusted here yet.
        """
        token = request.token
        # (1) A peer sends this body.
        self.require_peer(request)
        token.check_digest(passports)
        # (2) The publisher asked the peer for the same thing; that it asked the right CPS was the peer's to check.
        first = self._authoriser.read_original(original, request.target)
        first.token.check_digest(passports)
        if token.sub not in {first.token.iss, first.token.sub}:
            raise ForbiddenError("token: sub is not the provider that published")
        expires_at = self._end_of_life(first)
        # (3) Both tokens are genuine.
        async with self._gate.admitted(request) as passage:
            await self._gate.confirm_original(first)
            # (4) The PASSporTs are about this call, and genuine.
            await self._screening.screen(passports, request.target)
            # (5) They are kept together with the peer's jti, or not at all.
            publication = Publication((first.token.text, token.text), tuple(passports), first.token.iss, expires_at)
            await self._store.publish(
                request.key, publication, nonce=self._authoriser.nonce(request), now=self._clock.now()
            )
            passage.passports = len(passports)
        return Receipt(first.token.iss, len(passports), peer=token.iss)

    def _end_of_life(self, first: Request) -> datetime:
        """Return when the first publish would have died here."""
        now = self._clock.now()
        expires_at = min(datetime.fromtimestamp(first.token.iat, UTC), now) + self._retention
        if expires_at <= now:
            raise ClaimError("token: the first publish is past its life here")
        return expires_at
