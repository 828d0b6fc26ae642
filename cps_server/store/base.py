"""
What a store of PASSporTs is, in two layers.

Use cases see :class:`PassportStore`: calls, publications, instants. Below it, :class:`RawStore` keeps opaque bytes
until a millisecond, and is what memory, SQLite and other databases implement. :mod:`cps_server.store.sealed` makes
the one from the other, so that no database ever sees a telephone number, a token or a PASSporT.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

ENTRIES_PER_KEY: Final = 32
"""Most live publications handed out for one call; the newest ones. Rarely more than 2 are in flight."""

RECLAIMED_ROWS: Final = 500
"""Most expired rows of each kind dropped by one call of ``reclaim``, so that no publish waits long behind it."""


@dataclass(frozen=True, slots=True)
class CallKey:
    """
    Where the PASSporTs of a call lie.

    Without *spc* the key belongs to the first generation (ATIS-1000096), with it to the second (ATIS-1000105); the
    two key spaces are apart. SPCs are compared without regard to case. Numbers are canonical already.
    """

    dest: str = field(repr=False)
    orig: str = field(repr=False)
    spc: str | None = None

    def __post_init__(self) -> None:
        if self.spc is not None:
            object.__setattr__(self, "spc", self.spc.upper())


@dataclass(frozen=True, slots=True)
class Publication:
    """One publish: its tokens, the PASSporTs in their order, the first token's ``iss``, and the end of its life."""

    tokens: tuple[str, ...] = field(repr=False)
    """The publish token, and behind it the republish token when another CPS sent it."""
    passports: tuple[str, ...] = field(repr=False)
    publisher: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Nonce:
    """A request token's ``jti``, good once per ``iss`` until *expires_at*; both compared without regard to case."""

    issuer: str
    jti: str = field(repr=False)
    expires_at: datetime


class PassportStore(Protocol):
    """
    Keeps PASSporTs for seconds, by call. Several publishes may coexist for one call; reading does not consume.

    Every method answers within a bounded time and raises StoreError when the store cannot do its work; it heals by
    itself once the database does. Instants are aware and come from the caller; they count to the millisecond, a
    publication's end rounded down and a nonce's up.
    """

    async def publish(self, key: CallKey, publication: Publication, *, nonce: Nonce, now: datetime) -> None:
        """
        Keep *publication* under *key* and mark *nonce* as used, both or neither.

        The same PASSporTs by the same publisher under the same key are one entry: the repetition takes the place of
        the former one (token, expiry, order), unless the former lives longer, which then stays as it is.

        Raises:
            ReplayedTokenError: The nonce was used before and has not expired; nothing is kept.
            StoreError: The store is full or did not answer; it may or may not have kept the publication.
        """
        ...

    async def retrieve(self, key: CallKey, *, nonce: Nonce, now: datetime) -> Sequence[Publication]:
        """
        Return what lives under *key* at *now*, newest first, at most ``ENTRIES_PER_KEY``; mark *nonce* as used.

        A publication lives while ``now < expires_at``, whether or not it was reclaimed. The nonce is used up even
        when nothing is found.

        Raises:
            ReplayedTokenError: The nonce was used before and has not expired.
            StoreError: The store is full or did not answer.
        """
        ...

    async def check(self) -> None:
        """
        Try a write and a read for real.

        Raises:
            StoreError: A publish or a retrieve would fail now.
        """
        ...

    async def reclaim(self, now: datetime) -> int:
        """
        Drop what expired by *now*, rows and space, and return the number of rows dropped.

        Work per call is bounded: call again at once while the answer is not 0, but let other requests in between.

        Raises:
            StoreError: The store did not answer.
        """
        ...

    async def close(self) -> None:
        """Release everything; whatever is called afterwards raises StoreError, except ``close`` itself."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A sealed publication: opaque bytes that live until the millisecond *expires* (Unix time)."""

    key: bytes
    id: bytes
    expires: int
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """A used nonce, as an opaque id that must not come again before the millisecond *expires* (Unix time)."""

    id: bytes
    expires: int


class RawStore(Protocol):
    """
    Keeps opaque entries and marks until their millisecond.

    The contract of :class:`PassportStore` about time bounds, errors, healing and expiry on read holds here, too. A
    mark belongs to exactly one key, so that a partitioned database may keep both in one place.
    """

    async def put(self, entry: Entry, mark: Mark, *, now: int) -> bool:
        """
        Keep *entry* and *mark* in one atomic step; return False, with nothing kept, if the mark is there and alive.

        An entry with the same key and id is replaced and becomes the newest, unless it expires later than *entry*.

        Raises:
            StoreError: The store is full or did not answer.
        """
        ...

    async def get(self, key: bytes, mark: Mark, *, now: int, limit: int) -> Sequence[Entry] | None:
        """
        Keep *mark* and return the entries with ``expires > now``, newest first; None if the mark is there and alive.

        Raises:
            StoreError: The store is full or did not answer.
        """
        ...

    async def check(self) -> None:
        """
        Try a write and a read for real.

        Raises:
            StoreError: A put or a get would fail now.
        """
        ...

    async def reclaim(self, now: int) -> int:
        """
        Drop at most ``RECLAIMED_ROWS`` entries and as many marks that expired by *now*; return how many it were.

        Raises:
            StoreError: The store did not answer.
        """
        ...

    async def close(self) -> None:
        """Release everything."""
        ...
