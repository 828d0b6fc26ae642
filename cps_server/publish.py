"""The use case of publishing (ATIS-1000096 and ATIS-1000105)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from cps_server import limits
from cps_server.auth import Authoriser, Request
from cps_server.federation.announcement import Announcement
from cps_server.gate import Gate
from cps_server.screening import Screening
from cps_server.store.base import PassportStore, Publication
from cps_server.tally import Tally
from stir.aio.clock import Clock


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a publish."""

    spc: str
    """Who published."""
    passports: int
    """How many were kept."""
    peer: str | None = None
    """Which CPS sent it on, on a republish."""

    def as_dict(self) -> dict[str, object]:
        """Return the body that ATIS-1000096 gives."""
        return {"status": HTTPStatus.CREATED.value, "message": HTTPStatus.CREATED.phrase}


class Publisher:
    """Takes PASSporTs in."""

    def __init__(
        self,
        store: PassportStore,
        authoriser: Authoriser,
        screening: Screening,
        *,
        gate: Gate,
        retention: timedelta,
        clock: Clock,
        announce: Callable[[Announcement], None],
    ) -> None:
        self._store = store
        self._authoriser = authoriser
        self._gate = gate
        self._screening = screening
        self._retention = retention
        self._clock = clock
        self._announce = announce
        self.published = Tally()
        """Publishes kept, by generation and publisher."""

    async def publish(self, request: Request, passports: Sequence[str]) -> Receipt:
        """
        Keep *passports* for the call that *request* names.

        Args:
            request: As :meth:`Authoriser.read` left it.
            passports: One to ten compact JWS.

        Raises:
            MalformedError: A PASSporT failed its check, or exp is not acceptable.
            TokenError: The token does not allow this.
            StoreError: They could not be kept.
            NoTrustError: Nothing is trusted here yet, so nothing can be checked.
        """
        token, now = request.token, self._clock.now()
        # (1) The token is for this body, and asks for what is possible.
        token.check_digest(passports)
        expires_at = min(token.deletion_time(now) or now + self._retention, now + limits.RETENTION)
        # (2) The token is genuine, which a certificate is fetched for only now, and its holder may publish this.
        async with self._gate.admitted(request) as passage:
            # (3) The PASSporTs are about this call, and genuine.
            await self._screening.screen(passports, request.target)
            # (4) They are kept together with the jti, or not at all.
            publication = Publication((token.text,), tuple(passports), token.iss, expires_at)
            await self._store.publish(
                request.key, publication, nonce=self._authoriser.nonce(request), now=self._clock.now()
            )
            passage.passports = len(passports)
        # (5) The peers are told, behind our answer; an SPC's PASSporTs are for this CPS alone (ATIS-1000105).
        if request.target.generation == 1:
            self._announce(Announcement(request.target, publication.passports, token.text, token.iss, expires_at))
        self.published.add(str(request.target.generation), spc=token.iss)
        return Receipt(token.iss, len(passports))
