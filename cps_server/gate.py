"""
The gate before every use case: a genuine token, rules that allow it, a rate that is kept, and a record of it all.

Nothing here looks at the store, and one answer stands for every reason why a partner may not: who is turned away
learns nothing about what is stored, nor about the rules.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic_ns
from typing import Final

import structlog

from cps_server import limits
from cps_server.audit import AuditLog
from cps_server.auth import Authoriser, Request
from cps_server.partners import Asked, Denial, Partners, Rules
from cps_server.ratelimit import Limiter, Rate
from cps_server.tally import Tally
from stir.errors import ForbiddenError, StirError
from stir.token import Action
from stir.trust import Signatory

DENIED: Final = "this CPS does not allow this provider to do this"
"""What everybody is told whom the partner rules turn away."""

log = structlog.get_logger()


class PartnerDeniedError(ForbiddenError):
    """The partner rules do not allow it."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(DENIED)
        self.denial = denial


@dataclass(slots=True)
class Passage:
    """What came of a request that was let through, for the record."""

    passports: int = 0


class Rates:
    """How fast each provider may ask."""

    def __init__(self, default: Rate | None, now: Callable[[], int] = monotonic_ns) -> None:
        self._default = default
        self._now = now
        self._limiter = Limiter(limits.RATED_SPCS)

    def take(self, spc: str, rules: Rules) -> None:
        """
        Count one request of the provider *spc*.

        Raises:
            TooManyRequestsError: It asks faster than it may.
        """
        rate = self._of(spc, rules)
        if rate is not None:
            self._limiter.take(spc, rate, self._now())

    def _of(self, spc: str, rules: Rules) -> Rate | None:
        partner = rules.partner(spc)
        if partner is None or (partner.rate is None and partner.burst is None):
            return self._default
        per_second = partner.rate or (self._default.per_second if self._default else None)
        if per_second is None:
            return None
        return Rate(per_second, partner.burst or max(1, round(2 * per_second)))


class Gate:
    """
    Lets requests through to their use case.

    Args:
        authoriser: Tells who asks.
        partners: Who may do what.
        rates: And how fast.
        audit: Where it is written down.
    """

    def __init__(self, authoriser: Authoriser, partners: Partners, rates: Rates, audit: AuditLog) -> None:
        self._authoriser = authoriser
        self._partners = partners
        self._rates = rates
        self._audit = audit
        self.denied = Tally()
        """Requests that the partner rules turned away, by reason and provider."""

    @asynccontextmanager
    async def admitted(self, request: Request) -> AsyncIterator[Passage]:
        """
        Let *request* through to what is done inside, and record how it ended.

        Raises:
            UnauthenticatedError: Its token is not genuine. That is not recorded: nobody knows who it was.
            ForbiddenError: The certificate or the partner rules do not allow it.
            TooManyRequestsError: The provider asks too fast.
            NoTrustError: Nobody is trusted yet.
        """
        signatory = await self._authoriser.confirm(request)
        passage, result, reason = Passage(), "unfinished", None
        try:
            rules = self._partners.rules
            self._require_allowed(rules, request, signatory)
            if request.token.action is not Action.REPUBLISH:
                self._rates.take(request.token.iss, rules)
            yield passage
            result = "done"
        except StirError as error:
            result, reason = error.code, error.denial.value if isinstance(error, PartnerDeniedError) else None
            raise
        finally:
            self._record(request, signatory, passage, result, reason)

    async def confirm_original(self, request: Request) -> None:
        """
        Check the token of the publisher whose publish a peer sends on.

        Raises:
            UnauthenticatedError: It is not genuine.
            ForbiddenError: The certificate does not allow it, or one of the deny lists names the publisher.
            NoTrustError: Nobody is trusted yet.
        """
        signatory = await self._authoriser.confirm(request)
        denial = self._partners.rules.denial(_asked(request, signatory, Action.REPUBLISH))
        if denial is not None:
            self._deny(request, denial)

    def _require_allowed(self, rules: Rules, request: Request, signatory: Signatory) -> None:
        denial = rules.denial(_asked(request, signatory, request.token.action))
        if denial is not None:
            self._deny(request, denial)

    def _deny(self, request: Request, denial: Denial) -> None:
        self.denied.add(denial.value, spc=request.token.iss)
        log.info("partner_denied", spc=request.token.iss, reason=denial.value, action=request.token.action.value)
        raise PartnerDeniedError(denial)

    def _record(
        self, request: Request, signatory: Signatory, passage: Passage, result: str, reason: str | None
    ) -> None:
        fields: dict[str, object] = {
            "action": request.token.action.value,
            "generation": request.target.generation,
            "spc": request.token.iss,
            "target_spc": request.target.spc,
            "certificate": signatory.certificate.fingerprint,
            "result": result,
            "reason": reason,
            "passports": passage.passports,
            "request_id": request.id,
            "peer": request.peer,
        }
        self._audit.record(request.target, fields)


def _asked(request: Request, signatory: Signatory, action: Action) -> Asked:
    return Asked(action, request.token.iss, signatory.certificate.fingerprint, request.target)
