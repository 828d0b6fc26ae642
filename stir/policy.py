"""What the verifier's owner may decide."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from stir import limits
from stir.errors import StaleError
from stir.extensions import ATTESTATIONS, Div, DivO, Rcd, Rph, Shaken

BASE: Final = "base"
"""Stands for PASSporTs without ppt, which say no more than who calls whom (RFC 8225)."""

TYPES: Final = frozenset(kind.ppt for kind in (Shaken, Div, DivO, Rph, Rcd))
"""The types that are judged unless the owner wants otherwise."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far ``iat`` may lie from now, either way (RFC 8224, section 6.2)."""

    window: timedelta = limits.FRESHNESS

    def check(self, iat: int, at: datetime) -> None:
        """
        Check that *iat* is fresh at the instant *at*.

        Raises:
            StaleError: It is too old or too far ahead.
        """
        age = at.timestamp() - iat
        if abs(age) > self.window.total_seconds():
            which = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s in the future"
            raise StaleError(f"iat is {which}, the limit is {self.window.total_seconds():.0f} s")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is judged, and what is accepted; the defaults are those of ATIS-1000074."""

    freshness: Freshness = field(default_factory=Freshness)
    types: AbstractSet[str] = TYPES
    """Types that are judged, :data:`BASE` among them if wanted; others are passed over."""
    compact: bool = False
    """Whether the compact form is accepted, which only base PASSporTs can have (RFC 8224, section 4)."""
    attestations: AbstractSet[str] = frozenset(ATTESTATIONS)
    """Levels that a shaken PASSporT may have to pass."""

    def judges(self, ppt: str | None) -> bool:
        """Return whether PASSporTs of type *ppt* are judged."""
        return BASE in self.types if ppt is None else ppt != BASE and ppt in self.types
