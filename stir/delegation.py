"""
Delegation: a CA with a TNAuthList hands on parts of it, and never more (RFC 9060, section 5; ATIS-1000092).

An STI-CA's certificates have no TNAuthList: it may certify whatever the policy administrator lets it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import pairwise
from typing import Final, TypeAlias

from stir.certificate import Certificate, Chain
from stir.errors import ScopeError
from stir.tnauthlist import Entry, NumberRange, ServiceProviderCode, TNAuthList

_BASE: Final = 10
_Span: TypeAlias = tuple[int, int, int]
"""Length in digits, first and last number: numbers of different lengths are never neighbours."""


class Encompassed(Enum):
    """Whether a TNAuthList lies within another."""

    PROVEN = auto()
    """All of it does."""
    NOT_PROVABLE = auto()
    """Some numbers stand against a code: only the provider's own number data could tell."""
    NO = auto()
    """Some of it does not."""


def encompassed(child: TNAuthList, parent: TNAuthList) -> Encompassed:
    """Tell whether all of *child* lies within *parent*, over the borders of the parent's entries too."""
    held = _Held(parent)
    missing = [entry for entry in child.entries if not held.has(entry)]
    if not missing:
        return Encompassed.PROVEN
    if not held.codes or any(isinstance(entry, ServiceProviderCode) for entry in missing):
        return Encompassed.NO
    return Encompassed.NOT_PROVABLE


def require_delegation(path: Sequence[Certificate], chain: Chain) -> bool:
    """
    Check that on *path*, leaf first, nobody hands on more than they have; tell whether that is proven.

    Args:
        path: A path that is good in every other respect.
        chain: What it was found in; holds the lists that certificates only refer to.

    Raises:
        ScopeError: A certificate speaks for more than its issuer, or for anything at all.
        TNAuthListError: A TNAuthList is unreadable.
    """
    proven = True
    for below, above in pairwise(path):
        if not above.is_delegated:
            continue
        parent, child = chain.authority(above), chain.authority(below)
        if parent is None or child is None:
            raise ScopeError("a certificate below a CA with a TNAuthList has none of its own, or its list is elsewhere")
        found = encompassed(child, parent)
        if found is Encompassed.NO:
            raise ScopeError(f"the certificate {below.fingerprint[:16]} speaks for more than its issuer's TNAuthList")
        proven &= found is Encompassed.PROVEN
    return proven


class _Held:
    """A TNAuthList, made ready for many questions."""

    def __init__(self, authorized: TNAuthList) -> None:
        self.codes = frozenset(code.casefold() for code in authorized.spcs)
        numbers = (*authorized.ranges, *(NumberRange(number, 1) for number in authorized.numbers))
        self._odd = frozenset(one.start for one in numbers if not one.start.isdecimal())
        self._spans = _merged(_span(one) for one in numbers if one.start.isdecimal())

    def has(self, entry: Entry) -> bool:
        if isinstance(entry, ServiceProviderCode):
            return entry.value.casefold() in self.codes
        wanted = entry if isinstance(entry, NumberRange) else NumberRange(entry.value, 1)
        if not wanted.start.isdecimal():
            return wanted.start in self._odd
        digits, first, last = _span(wanted)
        place = bisect_right(self._spans, (digits, first, _BASE**digits)) - 1
        return place >= 0 and self._spans[place][0] == digits and last <= self._spans[place][2]


def _span(numbers: NumberRange) -> _Span:
    """Return the numbers from first to last; none has more digits than the start."""
    digits, first = len(numbers.start), int(numbers.start)
    return digits, first, min(first + numbers.count, _BASE**digits) - 1


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Return the same numbers in order, without overlaps or neighbours."""
    found: list[_Span] = []
    for digits, first, last in sorted(spans):
        if found and found[-1][0] == digits and first <= found[-1][2] + 1:
            found[-1] = digits, found[-1][1], max(last, found[-1][2])
        else:
            found.append((digits, first, last))
    return found
