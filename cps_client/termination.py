"""A call comes in out of TDM: its PASSporTs are retrieved and verified, and the verdict is put into header fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cps_client.outcome import Retrieval
from stir.verdict import Verdict


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
