"""
Certificate chains by URL, fetched as rarely as the rules allow and never twice at once.

For every URL the cache holds at most three things: the last good chain, a short memory of the last failure,
and the one fetch under way. What a caller gets follows from these alone, see :meth:`CertificateCache.chain`.
"""

import asyncio
import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final

from stir import limits
from stir.aio.clock import Clock
from stir.aio.fetch import Fetcher, Response
from stir.aio.httpcache import fresh_until
from stir.certificate import Chain, load_chain
from stir.errors import CertificateFormatError, FetchError, StirError, UrlError

_ACCEPT: Final = {"Accept": "application/pem-certificate-chain, application/x-pem-file;q=0.9, */*;q=0.5"}
_ANEW: Final = {"Cache-Control": "no-cache"}


@dataclass(slots=True)
class Counters:
    """What the cache did since it was made."""

    hits: int = 0
    """Answered at once with a fresh chain."""
    misses: int = 0
    """Everything else that was asked for."""
    fetches: int = 0
    """Fetches begun."""
    failures: int = 0
    """Fetches that failed or brought no chain."""
    refused: int = 0
    """URLs that are never fetched."""
    served_stale: int = 0
    """Answered with a chain past its freshness, because a new one could not be had in time."""
    refetches: int = 0
    """Asked anew because a signature failed, and not too soon after the last fetch."""


@dataclass(frozen=True, slots=True)
class _Entry:
    chain: Chain
    body: bytes = field(repr=False)
    fetched_at: datetime
    fresh_until: datetime
    conditions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Failure:
    error: StirError
    until: datetime


class CertificateCache:
    """
    Certificate chains by URL.

    While a chain lives here the very same object is returned, also when its bytes were fetched anew without
    a change, so that what is worked out for a chain can be kept with the object.

    Args:
        fetcher: Reads URLs, within bounds and policy of its own.
        clock: Tells the time.
        parse: Makes a chain of the bytes; raises CertificateFormatError.
        entries: Most chains kept, the least recently used goes first; as many failures are remembered.
        max_bytes: Most bytes of chains kept, as fetched.
        stale_wait: Seconds a caller waits for a new copy while an old one is at hand.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        clock: Clock,
        parse: Callable[[bytes], Chain] = load_chain,
        entries: int = limits.CACHE_ENTRIES,
        max_bytes: int = limits.CACHE_BYTES,
        stale_wait: float = limits.CACHE_STALE_WAIT,
    ) -> None:
        self.counters = Counters()
        self._fetcher = fetcher
        self._clock = clock
        self._parse = parse
        self._stale_wait = stale_wait
        self._max_entries = entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._flights: dict[str, asyncio.Task[_Entry | _Failure]] = {}

    async def chain(self, url: str) -> Chain:
        """
        Return the chain at *url*.

        Callers at the same time share one fetch; one that is cancelled leaves it to the others.

        Raises:
            UrlError: The URL is never fetched.
            FetchError: It could not be read, now or in the last 30 seconds, and no valid copy is at hand.
            CertificateFormatError: What it serves is no certificate chain; likewise.
        """
        # (1) A fresh chain is the answer.
        now = self._clock.now()
        entry = self._entries.get(url)
        if entry is not None and now < entry.fresh_until:
            self._entries.move_to_end(url)
            self.counters.hits += 1
            return entry.chain
        self.counters.misses += 1

        # (2) Fetch. While an old valid chain is at hand nobody waits long for a new one, or every outage of a
        #     repository would cost calls their deadline.
        old = entry if entry is not None and now < entry.chain.leaf.not_after else None
        ask = entry.conditions if entry is not None else {}
        outcome = await self._outcome(url, entry, ask, now, seconds=self._stale_wait if old else None)

        # (3) The new chain, or the last good one while its leaf is valid, or what went wrong.
        if isinstance(outcome, _Entry):
            return outcome.chain
        if old is not None:
            self.counters.served_stale += 1
            return old.chain
        raise copy.copy(outcome.error)  # a copy: callers share the failure, not each other's tracebacks

    async def refetch(self, url: str, stale: Chain) -> Chain:
        """
        Return the chain that is now at *url*, after a signature failed under *stale*.

        Fetches at most once in 30 seconds per URL, so that forged PASSporTs cannot make us hammer a repository;
        in between, and when the fetch fails, the answer is the chain at hand.
        """
        now = self._clock.now()
        entry = self._entries.get(url)
        if entry is not None and entry.chain is not stale:
            return entry.chain
        if entry is not None and now < entry.fetched_at + limits.CACHE_RETRY:
            return stale
        self.counters.refetches += 1
        outcome = await self._outcome(url, None, _ANEW, now)
        return outcome.chain if isinstance(outcome, _Entry) else stale

    async def close(self) -> None:
        """Give up the fetches under way; who waits for one gets a FetchError."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _outcome(
        self, url: str, held: _Entry | None, ask: Mapping[str, str], now: datetime, *, seconds: float | None = None
    ) -> _Entry | _Failure:
        """Return the recent failure, else what the fetch under way brings, else what a new one brings."""
        failure = self._failures.get(url)
        if failure is not None and now < failure.until:
            return failure
        flight = self._flights.get(url)
        if flight is None:
            flight = self._flights[url] = asyncio.create_task(self._load(url, held, ask), name="certificate fetch")
            flight.add_done_callback(lambda _: self._flights.pop(url))
        # wait() cancels nothing: neither this caller's end nor its impatience takes the fetch from the others.
        await asyncio.wait({flight}, timeout=seconds)
        if not flight.done() or flight.cancelled():
            return _Failure(FetchError("the certificate is still being fetched", reason="timeout"), now)
        return flight.result()

    async def _load(self, url: str, held: _Entry | None, ask: Mapping[str, str]) -> _Entry | _Failure:
        """Fetch *url* with header fields *ask*, and keep what comes of it; 304 says that it is *held* still."""
        at = self._clock.now()
        self.counters.fetches += 1
        try:
            response = await self._fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES, headers={**_ACCEPT, **ask})
            entry = self._entry(url, response, held, at)
        except UrlError as error:
            self.counters.refused += 1
            return _Failure(error, at)  # nothing to remember: the next one costs no packet either
        except (FetchError, CertificateFormatError) as error:
            self.counters.failures += 1
            return self._remember(url, error)
        self._failures.pop(url, None)
        self._keep(url, entry)
        return entry

    def _entry(self, url: str, response: Response, held: _Entry | None, at: datetime) -> _Entry:
        """Make the entry for *response*, around the chain at hand if that is what it brings again."""
        if response.status == HTTPStatus.NOT_MODIFIED and held is not None:
            chain, body, conditions = held.chain, held.body, held.conditions
        else:
            known = self._entries.get(url)
            body, conditions = response.body, _conditions(response.headers)
            chain = known.chain if known is not None and known.body == body else self._parse(body)
        until = fresh_until(response.headers, at=at, not_after=_not_after(chain, at))
        return _Entry(chain, body, self._clock.now(), until, conditions)

    def _keep(self, url: str, entry: _Entry) -> None:
        self._drop(url)
        self._entries[url] = entry
        self._bytes += len(entry.body)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, url: str) -> None:
        entry = self._entries.pop(url, None)
        self._bytes -= len(entry.body) if entry is not None else 0

    def _remember(self, url: str, error: FetchError | CertificateFormatError) -> _Failure:
        """Keep *error* for a while, unless the fetch only found no place: that was not its server's fault."""
        failure = _Failure(error, self._clock.now() + limits.CACHE_RETRY)
        if not isinstance(error, FetchError) or error.reason != "busy":
            self._failures[url] = failure
            self._failures.move_to_end(url)
            while len(self._failures) > self._max_entries:
                self._failures.popitem(last=False)
        return failure


def _not_after(chain: Chain, at: datetime) -> datetime:
    """
    Return when the chain as served stops being of use.

    That is when the first of its certificates expires, since the repository then has a new chain. One that
    had expired before does not count (real chain files drag some along), but the leaf's always does.
    """
    leaf = chain.leaf.not_after
    return min([leaf, *(each.not_after for each in chain.others if each.not_after > at)])


def _conditions(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the request header fields that ask only for a newer version than this response."""
    validators = {"If-None-Match": headers.get("ETag"), "If-Modified-Since": headers.get("Last-Modified")}
    return {name: value for name, value in validators.items() if value is not None}
