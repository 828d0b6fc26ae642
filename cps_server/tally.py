"""Counts of what providers did, for metrics: each provider by its own name, as long as they are few."""

from collections import Counter
from typing import Final

from cps_server import limits

OTHERS: Final = "other"
"""The name under which all providers count that came after the first ones; it is no SPC, those are upper case."""


class Tally:
    """
    Counts by provider and whatever else tells the counts apart.

    Only providers that were authenticated are counted, and at most *most* by name, so that nobody can make
    the number of counts grow.
    """

    def __init__(self, most: int = limits.COUNTED_PROVIDERS) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        """How often, by what :meth:`add` was given, with the provider last."""
        self._most = most
        self._named: set[str] = set()

    def add(self, *what: str, spc: str) -> None:
        """Count one more of *what* for the provider *spc*."""
        name = spc.upper()
        if name not in self._named and len(self._named) >= self._most:
            name = OTHERS
        else:
            self._named.add(name)
        self.counts[(*what, name)] += 1
