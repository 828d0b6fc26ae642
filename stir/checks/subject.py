"""What the checks are about: one PASSporT, as it came and as it came out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stir.certificate import Chain
from stir.decode import Decoded
from stir.diversion import Link
from stir.extensions import Rcd
from stir.identity import Parameters
from stir.path import Path
from stir.strictjson import canonical
from stir.trust import Scope, Trust
from stir.verdict import PassportResult
from stir.verify import Call, Verifier


@dataclass(frozen=True)
class Context:
    """What a verdict was made with."""

    call: Call
    at: datetime
    verifier: Verifier = field(default_factory=Verifier)
    trust: Trust | None = None
    chains: Mapping[str, Chain] = field(default_factory=dict)
    """By x5u: the chains that were at hand."""


@dataclass(frozen=True)
class Subject:
    """One PASSporT of a call, as it came and as it came out."""

    value: str
    parameters: Parameters | None
    seen: Decoded
    result: PassportResult
    links: Sequence[Link]
    """The diversions of the call that count at this PASSporT's last step."""
    context: Context

    @property
    def chain(self) -> Chain | None:
        """The chain at its x5u, if it was at hand."""
        return self.context.chains.get(self.result.x5u or "")

    @property
    def scope(self) -> Scope:
        """What its signer's certificate had to be."""
        return Scope.DELEGATE if self.result.ppt in {None, Rcd.ppt} else Scope.SPC

    @property
    def paths(self) -> list[Path]:
        """The certification paths that held, best first."""
        if self.result.signatory is not None:
            return [self.result.signatory.path]
        if self.chain is None or self.context.trust is None:
            return []
        return [path for path in self.context.trust.anchors.paths(self.chain) if path.holds(self.context.at)]

    def member(self, name: str) -> str:
        """Return a member of the token's header as text."""
        return text((self.seen.header or {}).get(name))


@dataclass(frozen=True, slots=True)
class Look:
    """What a check looked at."""

    compared: str
    """Values, and with what they were compared."""
    holds: bool | None = None
    """Whether it is as it must be, as far as that is told without deciding it again."""
    notes: tuple[str, ...] = ()
    """More about it, a line each."""
    needed: bool = True
    """Whether the check is made for such a PASSporT at all."""


Check = Callable[[Subject], Look]


def instant(seconds: int) -> str:
    """Return seconds since 1970 as a date and time."""
    return f"{datetime.fromtimestamp(seconds, UTC):%FT%TZ}"


def text(value: object) -> str:
    """Return a JSON value as people read it, cut where it is long."""
    if value is None:
        return "missing"
    text = value if isinstance(value, str) else canonical(value).decode("utf-8", "replace")
    return text if len(text) <= 120 else f"{text[:117]}..."  # noqa: PLR2004 - a line's worth
