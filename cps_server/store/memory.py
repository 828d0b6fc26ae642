"""Entries in this process's memory: gone with it, not shared with other workers, bounded."""

import heapq
from collections.abc import Sequence
from typing import Final

from cps_server.store.base import RECLAIMED_ROWS, Entry, Mark
from stir.errors import StoreError

ENTRIES: Final = 200_000
"""Most entries kept, expired ones included: 15 s of 13,000 publishes a second, some 400 MB."""

MARKS: Final = 2_000_000
"""Most used nonces kept: 120 s of 16,000 requests a second, some 400 MB."""

_CHECK: Final = Mark(b"check", 0)


class MemoryStore:
    """A :class:`~cps_server.store.base.RawStore` of dictionaries, with heaps that know what expires next."""

    def __init__(self, *, max_entries: int = ENTRIES, max_marks: int = MARKS) -> None:
        self._max_entries = max_entries
        self._max_marks = max_marks
        self._entries: dict[bytes, dict[bytes, Entry]] = {}
        self._marks: dict[bytes, int] = {}
        # One element for every entry and mark; an entry that was replaced by a longer-lived one is put back when
        # its element comes up.
        self._entry_ends: list[tuple[int, bytes, bytes]] = []
        self._mark_ends: list[tuple[int, bytes]] = []
        self._closed = False

    async def put(self, entry: Entry, mark: Mark, *, now: int) -> bool:
        """Keep *entry* and *mark*, or neither."""
        if self._is_used(mark, now):
            return False
        self._require_room(now)
        self._keep_mark(mark)
        self._keep_entry(entry)
        return True

    async def get(self, key: bytes, mark: Mark, *, now: int, limit: int) -> Sequence[Entry] | None:
        """Return the live entries under *key*, newest first, and keep *mark*."""
        if self._is_used(mark, now):
            return None
        self._require_room(now, entries=False)
        self._keep_mark(mark)
        found: list[Entry] = []
        for entry in reversed(self._entries.get(key, {}).values()):
            if len(found) == limit:
                break
            if entry.expires > now:
                found.append(entry)
        return found

    async def check(self) -> None:
        """Keep a mark and look at it, when there is room for one and for an entry."""
        self._require_room(_CHECK.expires)
        self._keep_mark(_CHECK)
        if _CHECK.id not in self._marks:
            raise StoreError("the store does not keep what is written")

    async def reclaim(self, now: int) -> int:
        """Drop expired entries and marks."""
        self._require_open()
        return self._drop_entries(now) + self._drop_marks(now)

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._entries.clear()
        self._marks.clear()
        self._entry_ends.clear()
        self._mark_ends.clear()

    def _is_used(self, mark: Mark, now: int) -> bool:
        return self._marks.get(mark.id, now) > now

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    def _require_room(self, now: int, *, entries: bool = True) -> None:
        self._require_open()
        if len(self._mark_ends) >= self._max_marks and not self._drop_marks(now):
            raise StoreError(f"the store is full: {self._max_marks} used tokens")
        if entries and len(self._entry_ends) >= self._max_entries and not self._drop_entries(now):
            raise StoreError(f"the store is full: {self._max_entries} publications")

    def _keep_mark(self, mark: Mark) -> None:
        if mark.id not in self._marks:
            heapq.heappush(self._mark_ends, (mark.expires, mark.id))
        self._marks[mark.id] = mark.expires

    def _keep_entry(self, entry: Entry) -> None:
        under_key = self._entries.setdefault(entry.key, {})
        former = under_key.get(entry.id)
        if former is None:
            heapq.heappush(self._entry_ends, (entry.expires, entry.key, entry.id))
        elif former.expires > entry.expires:
            return
        else:
            del under_key[entry.id]  # so that it comes last, which is newest
        under_key[entry.id] = entry

    def _drop_entries(self, now: int) -> int:
        dropped = 0
        for _ in range(RECLAIMED_ROWS):
            if not self._entry_ends or self._entry_ends[0][0] > now:
                break
            _, key, entry_id = self._entry_ends[0]
            under_key = self._entries[key]
            expires = under_key[entry_id].expires
            if expires > now:
                heapq.heapreplace(self._entry_ends, (expires, key, entry_id))
                continue
            heapq.heappop(self._entry_ends)
            del under_key[entry_id]
            if not under_key:
                del self._entries[key]
            dropped += 1
        return dropped

    def _drop_marks(self, now: int) -> int:
        dropped = 0
        for _ in range(RECLAIMED_ROWS):
            if not self._mark_ends or self._mark_ends[0][0] > now:
                break
            _, mark_id = self._mark_ends[0]
            expires = self._marks[mark_id]
            if expires > now:
                heapq.heapreplace(self._mark_ends, (expires, mark_id))
                continue
            heapq.heappop(self._mark_ends)
            del self._marks[mark_id]
            dropped += 1
        return dropped
