"""A store of which somebody wants to know how long it takes and how often it fails."""

from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Protocol

from cps_server.store.base import CallKey, Nonce, PassportStore, Publication
from stir.errors import StoreError


class Stopwatch(Protocol):
    """Is told about every operation of a store."""

    def __call__(self, operation: str, seconds: float, *, failed: bool) -> None:
        """Take note of an *operation* that took *seconds*."""
        ...


class TimedStore:
    """A :class:`~cps_server.store.base.PassportStore` that passes everything on to *store*, and tells *stopwatch*."""

    def __init__(self, store: PassportStore, stopwatch: Stopwatch) -> None:
        self._store = store
        self._stopwatch = stopwatch

    async def publish(self, key: CallKey, publication: Publication, *, nonce: Nonce, now: datetime) -> None:
        """Keep *publication* under *key*."""
        with self._timed("publish"):
            await self._store.publish(key, publication, nonce=nonce, now=now)

    async def retrieve(self, key: CallKey, *, nonce: Nonce, now: datetime) -> Sequence[Publication]:
        """Return what lives under *key*."""
        with self._timed("retrieve"):
            return await self._store.retrieve(key, nonce=nonce, now=now)

    async def check(self) -> None:
        """Try a write and a read for real."""
        with self._timed("check"):
            await self._store.check()

    async def reclaim(self, now: datetime) -> int:
        """Drop what expired by *now*."""
        with self._timed("reclaim"):
            return await self._store.reclaim(now)

    async def close(self) -> None:
        """Release everything."""
        await self._store.close()

    def _timed(self, operation: str) -> "_Timing":
        return _Timing(self._stopwatch, operation)


class _Timing:
    """One operation under way."""

    __slots__ = ("_operation", "_started", "_stopwatch")

    def __init__(self, stopwatch: Stopwatch, operation: str) -> None:
        self._stopwatch = stopwatch
        self._operation = operation

    def __enter__(self) -> None:
        """Start the watch."""
        self._started = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Stop it."""
        self._stopwatch(self._operation, perf_counter() - self._started, failed=isinstance(error, StoreError))
