"""From INVITE to answer: which way the call goes, what the call logic makes of it, and how that is told in SIP."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import structlog

from cps_client.gateway.calls import BusyError, Calls, FailedError, LateError
from cps_client.gateway.sip import limits
from cps_client.gateway.sip.answer import Answer, contact, with_headers
from cps_client.gateway.sip.counts import Counts
from cps_client.gateway.sip.message import Request
from cps_client.gateway.sip.settings import Direction, Listen, Results, SipSettings
from cps_client.origination import Outbound
from cps_client.routes import Routes
from cps_client.termination import Inbound, Terminated
from stir.errors import StirError
from stir.verdict import Verstat

FACE: Final = "sip"
"""What this face is called in metrics."""

REDIRECT: Final = 302
_UNAVAILABLE: Final = 503
_OURS: Final = (BusyError, LateError, FailedError)
"""Why there is no outcome although nothing outside is to blame."""

log = structlog.get_logger()


class Invites:
    """
    Answers INVITEs; whatever happens there is an answer, soon after the budget at the latest.

    Args:
        settings: What the operator decided.
        calls: The call logic, as all faces have it.
        routes: Tell which numbers are those of emergency services.
        counts: Where it is counted that a call was sent on without a result.
    """

    def __init__(self, settings: SipSettings, calls: Calls, routes: Routes, counts: Counts) -> None:
        self._settings = settings
        self._contact = settings.contact or ""  # without a listener there is none
        self._calls = calls
        self._routes = routes
        self._counts = counts

    async def answer(self, request: Request, listen: Listen) -> Answer:
        """Return the answer to the INVITE *request* that came in at *listen*."""
        out = listen.direction is Direction.OUT or (listen.direction is Direction.AUTO and bool(request.identities))
        try:
            return await (self._out(request, listen) if out else self._in(request, listen))
        except StirError as error:  # a trunk that no route knows
            log.error("sip_call_not_handled", trunk=listen.trunk, code=error.code, detail=error.detail)
            return self.without_result(request, error.code)

    def without_result(self, request: Request, reason: str) -> Answer:
        """Send the call on as it is, and count why."""
        self._counts.fail_open[reason,] += 1
        return self._redirect(request, [])

    async def _out(self, request: Request, listen: Listen) -> Answer:
        message = request.message
        call = Outbound(
            orig=request.caller.party,
            dest=request.uri.party,
            identities=request.identities,
            trunk=listen.trunk,
            call_id=request.call_id,
            priority=message.all("resource-priority"),
            sph=message.first("priority"),
        )
        done = await self._calls.originate(call, FACE)
        if isinstance(done.error, _OURS):
            return self._unanswered(request, listen, type(done.error))
        # The proxy has what it sent; what was signed here is news to it.
        return self._redirect(request, [("Identity", value) for value in done.added])

    async def _in(self, request: Request, listen: Listen) -> Answer:
        message = request.message
        call = Inbound(
            orig=request.caller.party,
            dest=request.uri.party,
            identities=request.identities,
            trunk=listen.trunk,
            call_id=request.call_id,
            time=_instant(message.first("date")),
            resource_priority=message.all("resource-priority"),
            priority=message.first("priority"),
        )
        done = await self._calls.terminate(call, FACE)
        error = done.verdict.decisive.error
        if error is not None and issubclass(error, _OURS):
            return self._unanswered(request, listen, error)
        status = self._status(done)
        if status != REDIRECT and self._is_emergency(request, listen):
            status = REDIRECT
        if status != REDIRECT:
            return Answer(status, tuple(("Reason", reason) for reason in done.reasons))
        return self._redirect(request, list(_told(done)))

    def _unanswered(self, request: Request, listen: Listen, error: type[StirError]) -> Answer:
        """Send on, or as the settings say refuse, a call that this sidecar itself could not look at."""
        status = self._settings.overload_answer
        if error is not BusyError or status == REDIRECT or self._is_emergency(request, listen):
            return self.without_result(request, error.code)
        return Answer(status, (("Retry-After", str(limits.RETRY_AFTER)),) if status == _UNAVAILABLE else ())

    def _is_emergency(self, request: Request, listen: Listen) -> bool:
        """Return whether the call must go on, whatever is known of it."""
        plan = self._routes.require(listen.trunk).plan
        called = plan.normalise(request.uri.party).party
        return called is not None and plan.is_emergency(called)

    def _status(self, done: Terminated) -> int:
        by_verstat = {
            Verstat.PASSED: REDIRECT,
            Verstat.FAILED: self._settings.failed_answer,
            Verstat.NONE: self._settings.unverified_answer,
        }
        return by_verstat[done.verdict.verstat]

    def _redirect(self, request: Request, fields: list[tuple[str, str]]) -> Answer:
        uri = contact(self._contact, request.uri)
        results = self._settings.results
        inside = with_headers(uri, fields) if results is not Results.FIELDS else uri
        return Answer(REDIRECT, (("Contact", f"<{inside}>"), *(fields if results is not Results.CONTACT else ())))


def _told(done: Terminated) -> Iterator[tuple[str, str]]:
    """Yield the header fields for the next INVITE."""
    yield from done.headers.items()
    yield from (("Reason", reason) for reason in done.reasons)
    yield from (("Identity", value) for value in done.identities)


def _instant(date: str | None) -> datetime | None:
    """Return the instant of a Date header field; one that cannot be read is none."""
    if date is not None:
        with suppress(ValueError):
            found = parsedate_to_datetime(date)
            return found if found.tzinfo is not None else None
    return None
