"""A call goes out into TDM: what it carries is published, and what it lacks is signed first."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

from cps_client import limits
from cps_client.answer import sift
from cps_client.attestation import Decision, Situation, decide
from cps_client.client import CpsClient
from cps_client.errors import InstantError, UsageError
from cps_client.numberplan import Normalised
from cps_client.origid import origid_of, private_namespace
from cps_client.outcome import Receipt
from cps_client.routes import Route, Routes
from stir.errors import AttestationError, ClaimError, NumberError, StaleError, StirError, UnavailableError
from stir.extensions import ATTESTATIONS
from stir.extensions.rph import PSAP_CALLBACK
from stir.identity import Identity
from stir.passport import Claims
from stir.policy import Freshness
from stir.tn import Party


@dataclass(frozen=True, slots=True)
class Outbound:
    """A call that is about to leave, as the gateway tells it; numbers as signalled, before any normalisation."""

    orig: str
    dest: str
    """The called number after any retargeting."""
    identities: tuple[str, ...] = ()
    """Identity header values in the call's order."""
    trunk: str | None = None
    """The trunk group it leaves by; None: the route without a name."""
    call_id: str | None = None
    """For the call's record alone."""
    ppt: str | None = None
    """The type of PASSporT asked for by a signing request: shaken, div or rph; None: whatever the policy says."""
    attest: str | None = None
    origid: str | None = None
    iat: datetime | None = None
    """Aware instant that a signing request asks for; None: now."""
    diverted_from: str | None = None
    """The number that was called before this network sent the call on: a div PASSporT is added."""
    hi: str | None = None
    """Index of the History-Info entry, for div."""
    priority: tuple[str, ...] = ()
    """Values of Resource-Priority, for rph."""
    sph: str | None = None
    """Value of Priority in an emergency call-back, for rph."""
    publish: bool | None = None
    """Whether it is published; None: where its route leads into TDM."""


@dataclass(frozen=True, slots=True)
class Originated:
    """How it came out. The call goes on either way."""

    identities: tuple[str, ...]
    """All Identity header values of the call, those that were added behind those that came."""
    added: tuple[str, ...] = ()
    """Those that were signed here."""
    rule: str = "carried"
    """The rule by which something was signed or not: one word for records and metrics."""
    receipt: Receipt | None = None
    """How the publish came out; None where none was wanted."""
    error: StirError | None = None
    """Why something could not be signed or published."""
    behind: bool = False
    """Whether the publish goes on behind this answer: an emergency call does not wait for it."""

    @property
    def published(self) -> bool:
        """Whether a CPS has the call's PASSporTs."""
        return self.receipt is not None and self.receipt.published

    @property
    def failure(self) -> StirError | None:
        """Why nothing was signed or published; None if all that was wanted was done, or is being done."""
        return self.error or (self.receipt.error if self.receipt is not None else None)

    @property
    def reason(self) -> str | None:
        """Why nothing is published yet, as a sentence."""
        if self.behind:
            return "an emergency call waits for nothing: its publish goes on behind this answer"
        return self.failure.detail if self.failure is not None else None


class Originates(Protocol):
    """Handles calls that go out."""

    async def originate(self, call: Outbound, *, budget: float | None = None) -> Originated:
        """
        Sign what policy says and publish, within *budget* seconds (by default the settings').

        Nothing that a network, a CPS or a caller's number does is raised: it comes out as a value. What is raised is
        a wrong request: UsageError (an unknown trunk, say) and AttestationError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a call, written in full by the plan of its route."""

    orig: Normalised
    dest: Normalised
    diverted_from: Normalised | None = None

    @classmethod
    def of(cls, call: Outbound, route: Route) -> Self:
        """Return those of *call*."""
        write = route.plan.normalise
        return cls(write(call.orig), write(call.dest), write(call.diverted_from) if call.diverted_from else None)

    @property
    def retargeted(self) -> Party | None:
        """Who was called before, if that is known and was somebody else."""
        before = self.diverted_from.party if self.diverted_from else None
        return before if before != self.dest.party else None

    @property
    def error(self) -> NumberError | None:
        """Why one of them is none."""
        told = (one.error for one in (self.orig, self.dest, self.diverted_from) if one is not None)
        return next(filter(None, told), None)


class Originator:
    """
    Signs by the decision table of :mod:`cps_client.attestation` and publishes by route.

    Use it as an asynchronous context manager, inside that of *client*: at the end it waits for what is still being
    published of emergency calls.

    Args:
        client: Signs and asks CPSs.
        routes: Where calls go.
        namespace: Of origids; by default it is made from the private key.
    """

    def __init__(self, client: CpsClient, routes: Routes, *, namespace: UUID | None = None) -> None:
        self._client = client
        self._routes = routes
        self._namespace = namespace
        self._freshness = Freshness(timedelta(seconds=client.settings.freshness))
        self._behind: set[asyncio.Task[Receipt]] = set()

    @classmethod
    def of(cls, client: CpsClient, routes: Routes | None = None) -> Self:
        """Return one as the settings of *client* want it."""
        settings = client.settings
        return cls(client, routes or Routes.of(settings), namespace=settings.origid_namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.gather(*self._behind)

    async def originate(self, call: Outbound, *, budget: float | None = None) -> Originated:
        """
        Sign what policy says and publish; see :class:`Originates`.

        Raises:
            UsageError: There is no such trunk group, or what is asked to be signed cannot be; InstantError is one.
            AttestationError: The attest is none of A, B and C, or the origid no UUID.
        """
        route = self._routes.require(call.trunk)
        seconds = self._client.settings.publish_budget if budget is None else budget
        until = asyncio.get_running_loop().time() + seconds
        self._require_sound(call)
        numbers = Numbers.of(call, route)
        signed = self._signed(call, numbers, route)
        orig, dest = numbers.orig.text, numbers.dest.text
        wanted = route.out_of_band if call.publish is None else call.publish
        if not wanted or not signed.identities or orig is None or dest is None:
            return signed
        publish = self._publish(signed, orig, dest, route, until)
        if numbers.dest.party is not None and route.plan.is_emergency(numbers.dest.party):
            return self._published_behind(signed, publish)
        return replace(signed, receipt=await publish)

    def origid(self, route: Route) -> str:
        """
        Return the origid of the calls of *route*: stable, and nothing to those who do not know the namespace.

        Raises:
            CredentialError: It is to be made from the private key, and there is none.
        """
        if self._namespace is None:
            self._namespace = private_namespace(self._client.signer.key)
        return origid_of(route, self._namespace)

    def _require_sound(self, call: Outbound) -> None:
        """Refuse what a signing request cannot ask for, whatever policy says."""
        if call.ppt not in {None, "shaken", "div", "rph"}:
            raise UsageError("ppt is none of shaken, div and rph", field="ppt")
        if call.ppt == "div" and not call.diverted_from:
            raise UsageError("a div PASSporT is asked for, and it is not said who was called before", field="div")
        if call.ppt == "rph" and not call.priority:
            raise UsageError("an rph PASSporT is asked for without a value of Resource-Priority", field="rph")
        if call.sph not in {None, PSAP_CALLBACK}:
            raise UsageError(f"sph is not {PSAP_CALLBACK}", field="sph")
        if call.attest is not None and call.attest not in ATTESTATIONS:
            raise AttestationError("attest is none of A, B and C")
        if call.origid is not None and not _is_uuid(call.origid):
            raise AttestationError("origid is no UUID")
        try:
            self._freshness.check(int(self._at(call).timestamp()), self._client.clock.now())
        except StaleError as error:
            raise InstantError(error.detail) from error

    def _at(self, call: Outbound) -> datetime:
        return call.iat or self._client.clock.now()

    def _signed(self, call: Outbound, numbers: Numbers, route: Route) -> Originated:
        """Return the call with what was signed; why nothing was comes out as a value."""
        claims = [Claims.of(passport) for passport in sift(call.identities, most=limits.PUBLISHED).passports]
        caller = numbers.orig.party
        decision = decide(
            Situation(route.policy, caller, numbers.dest.party, bool(claims), call.ppt or "shaken", call.attest)
        )
        try:
            added = tuple(map(str, self._added(call, numbers, route, decision, claims)))
        except ClaimError as error:  # the values of rph or the hi of div
            raise UsageError(error.detail, field="rph" if call.ppt == "rph" else "div") from error
        except StirError as error:  # a key that is missing: the call goes on without
            return Originated(call.identities, rule=decision.rule, error=error)
        return Originated(call.identities + added, added, decision.rule, error=numbers.error)

    def _added(
        self, call: Outbound, numbers: Numbers, route: Route, decision: Decision, carried: list[Claims]
    ) -> Iterator[Identity]:
        """Yield what is signed, in its order behind what came."""
        orig, dest, before = numbers.orig.party, numbers.dest.party, numbers.retargeted
        if orig is None or dest is None or not route.policy.signs:
            return
        at = self._at(call)
        if decision.attest is not None:
            # A call that was sent on was signed, or is now, for the number that the caller chose; div leads on.
            first = before if before is not None and call.ppt is None else dest
            origid = call.origid or self.origid(route)
            yield self._client.signer.shaken(orig, [first], attest=decision.attest, origid=origid, at=at)
        if before is not None and (call.ppt == "div" or (call.ppt is None and not _leads_to(dest, carried))):
            yield self._client.signer.div(orig, [dest], div=before, hi=call.hi, at=at)
        if call.ppt == "rph":
            yield self._client.signer.rph(orig, [dest], auth=call.priority, sph=call.sph, at=at)

    async def _publish(self, signed: Originated, orig: str, dest: str, route: Route, until: float) -> Receipt:
        room = limits.PUBLISHED - len(signed.added)
        came = signed.identities[: len(signed.identities) - len(signed.added)]
        identities = came[:room] + signed.added
        budget = until - asyncio.get_running_loop().time()
        try:
            receipt = await self._client.publish(
                orig=orig, dest=dest, identities=identities, route=route, budget=budget
            )
        except StirError as error:  # a setting that is missing: the call goes on
            return Receipt(identities, error=error)
        return replace(receipt, dropped=receipt.dropped + len(came[room:]))

    def _published_behind(self, signed: Originated, publish: Coroutine[None, None, Receipt]) -> Originated:
        """Publish without a wait: nothing delays an emergency call."""
        if len(self._behind) >= limits.EMERGENCIES:
            publish.close()
            return replace(signed, error=UnavailableError("too many emergency calls are being published"))
        task = asyncio.create_task(publish)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        return replace(signed, behind=True)


def _leads_to(dest: Party, carried: list[Claims]) -> bool:
    return any(dest in claims.dest for claims in carried)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
