"""How far back a call's diversions are vouched for (RFC 8946, section 4.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stir import limits
from stir.tn import Party


@dataclass(frozen=True, slots=True)
class Link:
    """One diversion: whoever called *div* was sent on to *dest*."""

    dest: tuple[Party, ...]
    div: Party


@dataclass(frozen=True, slots=True)
class Reach:
    """The numbers from which a call came to the called one, each with the fewest diversions that it took."""

    diversions: Mapping[Party, int]

    def has(self, dest: Sequence[Party]) -> bool:
        """Return whether a call to one of *dest* came to the called number."""
        return not self.diversions.keys().isdisjoint(dest)

    def uses(self, link: Link) -> bool:
        """Return whether *link* is on a way to the called number that is not too long."""
        return any(self.diversions.get(party, limits.DIVERSIONS) < limits.DIVERSIONS for party in link.dest)


def reach(called: Party, links: Sequence[Link]) -> Reach:
    """
    Follow *links* back from *called*, the nearest first.

    The fewest diversions to a number never take the same link twice, so loops end by themselves; what would
    take more than :data:`stir.limits.DIVERSIONS` is out of reach.
    """
    found = {called: 0}
    nearest = [called]
    for taken in range(1, limits.DIVERSIONS + 1) if links else ():
        before = {link.div for link in links if any(party in nearest for party in link.dest)}
        nearest = [party for party in before if party not in found]
        if not nearest:
            break
        found |= dict.fromkeys(nearest, taken)
    return Reach(found)
