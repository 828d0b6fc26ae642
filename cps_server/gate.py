"""
The gate before every use case: a genuine token, rules that allow it, a rate that is kept, and a record of it all.

Nothing here looks at the store, and one answer stands for every reason why a partner may not: who is turned away
learns nothing about what is stored, nor about the rules.
"""

from collections.abc import Callable
from time import monotonic_ns
from typing import Final, Self

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


class Passage:
    """The way of one request through the gate: whoever it lets through says what came of it, and it is recorded."""

    def __init__(self, gate: "Gate", request: Request) -> None:
        self.passports = 0
        self._gate = gate
        self._request = request

    async def __aenter__(self) -> Self:
        """Let the request through, or record why not; see :meth:`Gate.admitted`."""
        self._signatory = await self._gate.authoriser.confirm(self._request)
        try:
            self._gate.require_allowed(self._request, self._signatory)
        except StirError as error:
            self._record(error)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Record how it ended."""
        self._record(error)

    def _record(self, error: BaseException | None) -> None:
        audit = self._gate.audit
        if not audit.records:
            return
        request = self._request
        result = error.code if isinstance(error, StirError) else "done" if error is None else "unfinished"
        fields: dict[str, object] = {
            "action": request.token.action.value,
            "generation": request.target.generation,
            "spc": request.token.iss,
            "target_spc": request.target.spc,
            "certificate": self._signatory.certificate.fingerprint,
            "result": result,
            "reason": error.denial.value if isinstance(error, PartnerDeniedError) else None,
            "passports": self.passports,
            "request_id": request.id,
            "peer": request.peer,
        }
        audit.record(request.target, fields)


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
        self.authoriser = authoriser
        self.audit = audit
        self._partners = partners
        self._rates = rates
        self.denied = Tally()
        """Requests that the partner rules turned away, by reason and provider."""

    def admitted(self, request: Request) -> Passage:
        """
        Let *request* through to what is done inside, and record how it ended.

        Raises:
            UnauthenticatedError: Its token is not genuine. That is not recorded: nobody knows who it was.
            ForbiddenError: The certificate or the partner rules do not allow it.
            TooManyRequestsError: The provider asks too fast.
            NoTrustError: Nobody is trusted yet.
        """
        return Passage(self, request)

    async def confirm_original(self, request: Request) -> None:
        """
        Check the token of the publisher whose publish a peer sends on.

        Raises:
            UnauthenticatedError: It is not genuine.
            ForbiddenError: The certificate does not allow it, or one of the deny lists names the publisher.
            NoTrustError: Nobody is trusted yet.
        """
        signatory = await self.authoriser.confirm(request)
        denial = self._partners.rules.denial(_asked(request, signatory, Action.REPUBLISH))
        if denial is not None:
            self._deny(request, denial)

    def require_allowed(self, request: Request, signatory: Signatory) -> None:
        """
        Check that the rules allow *request*, which is *signatory*'s, and count it.

        Raises:
            PartnerDeniedError: They do not.
            TooManyRequestsError: The provider asks too fast.
        """
        rules = self._partners.rules
        denial = rules.denial(_asked(request, signatory, request.token.action))
        if denial is not None:
            self._deny(request, denial)
        if request.token.action is not Action.REPUBLISH:
            self._rates.take(request.token.iss, rules)

    def _deny(self, request: Request, denial: Denial) -> None:
        self.denied.add(denial.value, spc=request.token.iss)
        log.info("partner_denied", spc=request.token.iss, reason=denial.value, action=request.token.action.value)
        raise PartnerDeniedError(denial)


def _asked(request: Request, signatory: Signatory, action: Action) -> Asked:
    return Asked(action, request.token.iss, signatory.certificate.fingerprint, request.target)
