"""
Rates by the generic cell rate algorithm (GCRA), in whole nanoseconds, so that no rounding lets anybody through.

A key has a theoretical arrival time (TAT): the instant at which all that was let through is paid for. A request
conforms while the TAT is less than the burst ahead of now. All state is one number a key, in bounded memory. Time
comes in from outside and never goes back. Each process counts for itself.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Final

from stir.errors import TokenError

_SECOND: Final = 1_000_000_000
_SECOND_OVER: Final = _SECOND - 1


class TooManyRequestsError(TokenError):
    """The caller has to wait."""

    code = "too-many-requests"

    def __init__(self, detail: str, *, nanoseconds: int) -> None:
        super().__init__(detail)
        self.retry_after = (nanoseconds + _SECOND_OVER) // _SECOND
        """Whole seconds after which one more is let through, rounded up."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests a second on average, and how many at once."""

    per_second: float
    burst: int

    @property
    def interval(self) -> int:
        """Nanoseconds that one request costs, rounded up."""
        return ceil(_SECOND / self.per_second)

    def wait(self, tat: int, now: int, *, pending: int = 0) -> int:
        """Return for how many nanoseconds the next request does not conform; 0: it does now."""
        ahead = max(tat - now, 0) + pending * self.interval
        return max(ahead - (self.burst - 1) * self.interval, 0)

    def after(self, tat: int, now: int) -> int:
        """Return the TAT once one more request is counted."""
        return max(tat, now) + self.interval


@dataclass(slots=True)
class _Account:
    tat: int
    pending: int = 0


class _Accounts:
    """The accounts of the keys heard of last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, key: Hashable, now: int) -> _Account:
        """Return the account of *key*, a new one if it was never heard of or is forgotten."""
        account = self._kept.get(key)
        if account is None:
            account = self._kept[key] = _Account(now)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return account


class Limiter:
    """Counts every request of a key; made for those whose key is proved."""

    def __init__(self, size: int) -> None:
        self._accounts = _Accounts(size)

    def __len__(self) -> int:
        return len(self._accounts)

    def take(self, key: Hashable, rate: Rate, now: int) -> None:
        """
        Count one request of *key* at *now* nanoseconds.

        Raises:
            TooManyRequestsError: It came too early, and is not counted.
        """
        account = self._accounts.of(key, now)
        if wait := rate.wait(account.tat, now):
            raise TooManyRequestsError("this provider sends more requests than it may", nanoseconds=wait)
        account.tat = rate.after(account.tat, now)


@dataclass(slots=True)
class Visit:
    """A request that was let in on trust; whoever answers it says at the end whether it has to be paid for."""

    refused: bool = False


class Budget:
    """
    Counts only the requests of a key that were refused, and lets nobody in whose budget is spent.

    A request that is still being looked at counts as refused, so that many at once get no further than one by one:
    at no time were more refused than the burst and what the rate has paid for since.
    """

    def __init__(self, rate: Rate, size: int) -> None:
        self._rate = rate
        self._accounts = _Accounts(size)

    def __len__(self) -> int:
        return len(self._accounts)

    @contextmanager
    def visit(self, key: Hashable, now: int) -> Iterator[Visit]:
        """
        Let a request of *key* in at *now* nanoseconds.

        Raises:
            TooManyRequestsError: Too many of its requests were refused, or are being looked at.
        """
        account = self._accounts.of(key, now)
        if wait := self._rate.wait(account.tat, now, pending=account.pending):
            raise TooManyRequestsError("too many requests from this address were refused", nanoseconds=wait)
        account.pending += 1
        visit = Visit(refused=True)  # whoever vanishes in between has to pay, too
        try:
            yield visit
        finally:
            account.pending -= 1
            if visit.refused:
                account.tat = self._rate.after(account.tat, now)
