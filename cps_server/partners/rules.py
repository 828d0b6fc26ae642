"""
Which provider may do what here: one immutable snapshot of ``partners.toml``, and the decision.

In closed mode only those listed may do anything. In open mode everyone with a valid STI certificate may do
everything, and an entry takes away only what it names. The decision sees who asks for what and nothing else: no
store, no clock, so that its answer and its duration tell nothing about what is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from stir.token import Action, Target

ANY: Final = "*"
"""In ``retrieve_from``: every provider's."""


class Mode(StrEnum):
    """Who is let in without being listed."""

    OPEN = "open"
    """Everyone with a valid STI certificate."""
    CLOSED = "closed"
    """Nobody."""


class Denial(StrEnum):
    """Why somebody may not; for the log and the audit log, never for the one who asks."""

    DENIED_SPC = "denied-spc"
    DENIED_CERTIFICATE = "denied-certificate"
    UNLISTED = "unlisted"
    DISABLED = "disabled"
    OTHER_CERTIFICATE = "other-certificate"
    NO_PUBLISH = "no-publish"
    NO_RETRIEVE = "no-retrieve"
    FOREIGN_NUMBER = "foreign-number"
    FOREIGN_SPC = "foreign-spc"


@dataclass(frozen=True, slots=True)
class Partner:
    """One provider; SPCs in upper case, fingerprints as 64 lower-case hexadecimal digits."""

    spc: str
    name: str = ""
    enabled: bool = True
    publish: bool = True
    retrieve: bool = True
    retrieve_from: frozenset[str] | None = None
    """Generation 2: whose spc it may ask for. None: its own in closed mode, anybody's in open mode."""
    numbers: tuple[str, ...] | None = None
    """How calling numbers start that it may publish; None: any."""
    certificates: frozenset[str] | None = None
    """The certificates that it may sign its tokens with; None: any that names its SPC."""
    rate: float | None = None
    """Requests a second; None: the default of the CPS."""
    burst: int | None = None

    def may_ask_for(self, spc: str, mode: Mode) -> bool:
        """Tell whether it may retrieve what *spc* published, in the second generation."""
        if self.retrieve_from is None:
            return mode is Mode.OPEN or spc == self.spc
        return ANY in self.retrieve_from or spc in self.retrieve_from

    def may_call_from(self, target: Target) -> bool:
        """Tell whether it may publish calls from the calling number of *target*."""
        return self.numbers is None or (target.orig.kind == "tn" and target.orig.value.startswith(self.numbers))


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants to do what: all that the rules look at."""

    action: Action
    spc: str
    """Of the one who asks, as proved by its certificate; in upper case."""
    certificate: str
    """Fingerprint of that certificate."""
    target: Target


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force; without arguments those of a CPS that has no ``partners.toml``."""

    mode: Mode = Mode.OPEN
    partners: Mapping[str, Partner] = field(default_factory=dict)
    """By SPC, in upper case, in the order of the file."""
    denied_spcs: frozenset[str] = frozenset()
    denied_certificates: frozenset[str] = frozenset()

    def partner(self, spc: str) -> Partner | None:
        """Return the entry of the provider *spc*, if it has one."""
        return self.partners.get(spc.upper())

    def denial(self, asked: Asked) -> Denial | None:
        """
        Return why this may not be done, or None when it may.

        What another CPS republishes is let in by the list of peers, not by this one; only the deny lists hold for it.
        """
        if asked.spc in self.denied_spcs:
            return Denial.DENIED_SPC
        if asked.certificate in self.denied_certificates:
            return Denial.DENIED_CERTIFICATE
        if asked.action is Action.REPUBLISH:
            return None
        partner = self.partners.get(asked.spc)
        if partner is None:
            return Denial.UNLISTED if self.mode is Mode.CLOSED else None
        return self._refusal(partner, asked)

    def _refusal(self, partner: Partner, asked: Asked) -> Denial | None:
        if not partner.enabled:
            return Denial.DISABLED
        if partner.certificates is not None and asked.certificate not in partner.certificates:
            return Denial.OTHER_CERTIFICATE
        if asked.action is Action.PUBLISH:
            if not partner.publish:
                return Denial.NO_PUBLISH
            return None if partner.may_call_from(asked.target) else Denial.FOREIGN_NUMBER
        if not partner.retrieve:
            return Denial.NO_RETRIEVE
        spc = asked.target.spc
        return None if spc is None or partner.may_ask_for(spc, self.mode) else Denial.FOREIGN_SPC
