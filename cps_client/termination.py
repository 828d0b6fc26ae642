"""A call comes in out of TDM: its PASSporTs are retrieved and verified, and the verdict is put into header fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

from cps_client.client import CpsClient
from cps_client.deadline import asking_ends, deadline
from cps_client.numberplan import Normalised, NumberPlan
from cps_client.outcome import Retrieval, not_known
from cps_client.placement import source_of
from cps_client.relevance import relevant
from cps_client.routes import Route, Routes
from stir import limits
from stir.errors import StirError
from stir.identity import Identity
from stir.passport import Passport
from stir.policy import Freshness
from stir.profiles import ATIS, NO_CALLER, PROFILES, Profile, under
from stir.reason import Ppi, reasons
from stir.sip import Projection
from stir.tn import Party
from stir.verdict import NO_PASSPORT, PassportResult, Source, Verdict
from stir.verify import Call

_NOBODY: Final = re.compile(
    r"sips?:(?:(?:anonymous|private|restricted|unavailable|unknown)@.*|(?:[^@]*@)?[^@]*\.invalid(?::[0-9]+)?)",
    re.IGNORECASE,
)
"""URIs that stand where no calling number is told (RFC 3323, section 4.1.1.3; 3GPP TS 24.229)."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A call that has just come in, as the gateway tells it; numbers as signalled, before any normalisation."""

    orig: str | None
    """The calling number; None or empty: absent or anonymous, so nothing can be retrieved."""
    dest: str
    identities: tuple[str, ...] = ()
    """Identity header values that came in band; with any, nothing is retrieved."""
    trunk: str | None = None
    """The trunk group it came by; None: the route without a name."""
    call_id: str | None = None
    """For the call's record alone."""
    time: datetime | None = None
    """Aware instant of the Date header field or of the set-up message's arrival; None: now."""
    resource_priority: tuple[str, ...] = ()
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Terminated:
    """What goes on with it: the verdict, and what is put into the new INVITE."""

    verdict: Verdict
    identities: tuple[str, ...] = ()
    """Identity header values, as retrieved or as they came, in order."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header fields that tell the verdict: P-Asserted-Identity, Attestation-Info, Origination-Id."""
    reasons: tuple[str, ...] = ()
    """Values of the Reason header field (RFC 9410)."""
    retrieval: Retrieval | None = None
    """How the retrieve came out; None where none was made."""

    @property
    def detail(self) -> str | None:
        """Why the calling number is not verified, as a sentence; None if it is."""
        return self.verdict.decisive.detail


class Terminates(Protocol):
    """Handles calls that come in."""

    async def terminate(self, call: Inbound, *, budget: float | None = None) -> Terminated:
        """
        Retrieve unless Identity headers came, verify, and say what goes on, within *budget* seconds.

        Whatever CPSs, repositories and numbers do, the answer is a verdict. What is raised is a wrong request:
        UsageError (an unknown trunk, say).
        """
        ...


class Terminator:
    """
    Retrieves, verifies, and puts verdicts into header fields.

    Args:
        client: Asks CPSs and judges; opened with verification.
        routes: Where calls come from.
        projection: How verdicts are written.
        profile: Which codes they have.
        ppi: How a Reason names the PASSporT that failed; None: not at all.
    """

    def __init__(
        self,
        client: CpsClient,
        routes: Routes,
        *,
        projection: Projection | None = None,
        profile: Profile = ATIS,
        ppi: Ppi | None = Ppi.COMPACT,
    ) -> None:
        self._client = client
        self._routes = routes
        self._projection = projection or Projection()
        self._profile = profile
        self._ppi = ppi
        self._freshness = Freshness(timedelta(seconds=client.settings.freshness))

    @classmethod
    def of(cls, client: CpsClient, routes: Routes | None = None) -> Self:
        """Return one as the settings of *client* want it."""
        settings = client.settings
        return cls(
            client,
            routes or Routes.of(settings),
            projection=settings.headers.projection,
            profile=PROFILES[settings.headers.profile],
            ppi=settings.headers.form_of_ppi,
        )

    async def terminate(self, call: Inbound, *, budget: float | None = None) -> Terminated:
        """
        Retrieve unless Identity headers came, verify, and say what goes on; see :class:`Terminates`.

        Raises:
            UsageError: There is no such trunk group.
        """
        route = self._routes.require(call.trunk)
        seconds = self._client.settings.retrieve_budget if budget is None else budget
        until = deadline(seconds)
        orig, dest = _caller(route.plan, call.orig), route.plan.normalise(call.dest)
        if orig.party is None or dest.party is None:
            verdict = _unnamed(orig, dest, Source.IN_BAND if call.identities else source_of(route))
            return self._told(verdict, orig.party, call.identities)
        parties = Call(orig.party, dest.party, call.time, call.resource_priority, call.priority)
        if call.identities or not route.out_of_band:
            verdict = await self._client.judged(call.identities, parties, Source.IN_BAND, until=until)
            return self._told(verdict, orig.party, call.identities)
        return await self._retrieved(parties, route, until)

    async def _retrieved(self, call: Call, route: Route, until: float) -> Terminated:
        source = source_of(route)
        try:
            retrieval = await self._client.placed(call, route=route, until=asking_ends(until))
        except StirError as error:  # a credential that is missing, say: no reason to stop a call
            retrieval = Retrieval(error=error)
        if retrieval.error is not None:
            return self._told(not_known(retrieval.error, source), call.orig, (), retrieval)
        passports = [Passport.parse(token) for token in retrieval.passports]
        own = relevant(passports, call, freshness=self._freshness, at=self._client.clock.now())[: limits.IDENTITIES]
        # What is about another call stays behind; only where there is nothing else does the verdict say so.
        judged = [one.token for one in own] or retrieval.passports[: limits.IDENTITIES]
        verdict = await self._client.judged(judged, call, source, until=until)
        return self._told(verdict, call.orig, tuple(str(Identity.of(one)) for one in own), retrieval)

    def _told(
        self, verdict: Verdict, orig: Party | None, identities: tuple[str, ...], retrieval: Retrieval | None = None
    ) -> Terminated:
        verdict = under(self._profile, verdict)
        told = tuple(str(reason) for reason in reasons(verdict, ppi=self._ppi))
        return Terminated(verdict, identities, self._projection.headers(verdict, orig), told, retrieval)


def _caller(plan: NumberPlan, text: str | None) -> Normalised:
    """Return who calls; nobody where the number is withheld or not known."""
    said = plan.normalise(text) if text else Normalised(None, ())
    is_nobody = said.party is not None and said.party.kind == "uri" and _NOBODY.fullmatch(said.party.value)
    return Normalised(None, said.steps) if is_nobody else said


def _unnamed(orig: Normalised, dest: Normalised, source: Source) -> Verdict:
    """Return the verdict on a call of which a PASSporT could not be compared with anything."""
    if orig.party is None:
        why = orig.error.detail if orig.error else "it is withheld or not known"
        return Verdict(PassportResult(None, NO_CALLER, f"the call has no calling number: {why}"), source, ())
    why = dest.error.detail if dest.error else "it is not given"
    return Verdict(PassportResult(None, NO_PASSPORT, f"the call has no called number: {why}"), source, ())
