"""
Who may sign what at which level: the decision table of a gateway, as data.

The levels are those of ATIS-1000074, section 5.2.3. The first row that applies decides, and its name is recorded with
the call, so that each signature can be traced back to the rule that gave it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cps_client.numberlist import NumberList
from stir.tn import Party


class Callers(StrEnum):
    """Whose calls a trunk group carries."""

    SUBSCRIBERS = "subscribers"
    """Own subscribers', who are known and authenticated."""
    CARRIER = "carrier"
    """Another carrier's, whose subscribers are not known here."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How calls of a route are signed that have no PASSporT."""

    signs: bool = True
    """Whether to sign is this provider's duty there."""
    callers: Callers | None = None
    """Whose calls these are; None: nothing is known, and the configured level stands."""
    numbers: NumberList = field(default_factory=NumberList)
    """The subscribers' own numbers."""
    attest: str = "C"
    """The configured level."""
    origid: str | None = None
    """The configured origid; None: one that is made from the route's name."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision depends on."""

    policy: Policy
    orig: Party | None
    """Who calls; None: not known, or no number."""
    dest: Party | None
    """Who is called; None: neither number nor URI."""
    carried: bool = False
    """Whether the call has PASSporTs."""
    ppt: str = "shaken"
    """What is to be signed if anything is: shaken, div or rph."""
    asked: str | None = None
    """The level that a signing request names."""

    @property
    def is_on_list(self) -> bool:
        """Whether the calling number is one of the subscribers' own."""
        return self.orig is not None and self.orig in self.policy.numbers


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    rule: str
    applies: Callable[[Situation], bool]
    level: Callable[[Situation], str | None]
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What came out."""

    rule: str
    attest: str | None
    """A, B or C; None: no shaken PASSporT is signed."""
    text: str


def _nothing(_: Situation) -> None:
    return None


TABLE: Final = (
    Row(
        "carried",
        lambda call: call.carried and call.ppt == "shaken",
        _nothing,
        "the call has PASSporTs, which go on: nothing is signed again",
    ),
    Row(
        "no-caller",
        lambda call: call.orig is None or (call.orig.kind != "tn" and call.ppt == "shaken"),
        _nothing,
        "there is no calling number in full: not signed, the call goes on",
    ),
    Row("no-called", lambda call: call.dest is None, _nothing, "there is no called number in full: not signed"),
    Row("not-signing", lambda call: not call.policy.signs, _nothing, "signing is not this provider's duty here"),
    Row("div", lambda call: call.ppt == "div", _nothing, "the request is for a div PASSporT, which has no level"),
    Row("rph", lambda call: call.ppt == "rph", _nothing, "the request is for an rph PASSporT, which has no level"),
    Row("requested", lambda call: call.asked is not None, lambda call: call.asked, "the request names the level"),
    Row(
        "number-on-list",
        lambda call: call.policy.callers is Callers.SUBSCRIBERS and call.is_on_list,
        lambda _: "A",
        "an own subscriber with a number on the list",
    ),
    Row(
        "other-number",
        lambda call: call.policy.callers is Callers.SUBSCRIBERS,
        lambda _: "B",
        "an own subscriber with another number",
    ),
    Row("carrier", lambda call: call.policy.callers is Callers.CARRIER, lambda _: "C", "from another carrier"),
    Row("configured", lambda _: True, lambda call: call.policy.attest, "nothing is known of the caller: as configured"),
)
"""Attestation at a TDM gateway; a call is never kept back."""


def decide(situation: Situation) -> Decision:
    """Return what the first row says that applies to *situation*."""
    row = next(row for row in TABLE if row.applies(situation))
    return Decision(row.rule, row.level(situation), row.text)
