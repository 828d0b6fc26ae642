"""A call goes out into TDM: what it carries is published, and what it lacks is signed first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cps_client.outcome import Receipt
from stir.errors import StirError


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
    """Why nothing could be signed or published."""

    @property
    def published(self) -> bool:
        """Whether a CPS has the call's PASSporTs."""
        return self.receipt is not None and self.receipt.published


class Originates(Protocol):
    """Handles calls that go out."""

    async def originate(self, call: Outbound, *, budget: float | None = None) -> Originated:
        """
        Sign what policy says and publish, within *budget* seconds (by default the settings').

        Nothing that a network, a CPS or a caller's number does is raised: it comes out as a value. What is raised is
        a wrong request: UsageError (an unknown trunk, say) and AttestationError.
        """
        ...
