"""
PASSporTs that are in a store already, and the product's server with some of them in its memory.

A store forgets within a minute, and no provider publishes a million in that time to one core; so a node that holds as
many is made by putting rows into its store before it serves. They are as long as real ones, and live an hour.
"""

import asyncio
import gc
import os
import sys
import time
from typing import Any, Final

from cps_server import cli, serving
from cps_server.store import SealedStore
from cps_server.store.base import Entry, Mark, RawStore
from cps_server.store.memory import MemoryStore

STOCK: Final = "BENCH_STOCK"
"""The environment variable that says how many PASSporTs the server's memory holds from the start."""

BLOB_BYTES: Final = 1_250
"""Length of a sealed publication of one PASSporT."""

LIFE_MILLISECONDS: Final = 3_600_000
AT_ONCE: Final = 500
FILLING_BYTES: Final = 1 << 16
"""Random bytes of which entries are parts; making new ones for each takes longer than storing them."""


async def stock(raw: RawStore, number: int, *, at_once: int = AT_ONCE) -> None:
    """Put *number* entries, and as many marks, into a store; a store that never waits takes one at a time, faster."""
    now = time.time_ns() // 1_000_000
    filling = os.urandom(FILLING_BYTES + BLOB_BYTES)
    for first in range(0, number, at_once):
        puts = (_put(raw, filling, now) for _ in range(min(at_once, number - first)))
        if at_once == 1:
            await next(puts)
        else:
            await asyncio.gather(*puts)


async def _put(raw: RawStore, filling: bytes, now: int) -> None:
    unique, expires = os.urandom(64), now + LIFE_MILLISECONDS
    start = int.from_bytes(unique[:2])
    entry = Entry(unique[:32], unique[32:48], expires, filling[start : start + BLOB_BYTES])
    if not await raw.put(entry, Mark(unique[48:], expires), now=now):
        raise RuntimeError("random bytes came twice")


def raw_of(store: SealedStore) -> Any:
    """Return what lies below the seal."""
    return store._raw


def main() -> None:
    """Run ``cps-server serve`` with a store in memory that is stocked, and has room for as much again."""
    number = int(os.environ[STOCK])
    memory = MemoryStore(max_entries=2 * number + 200_000, max_marks=2 * number + 2_000_000)
    gc.disable()  # nothing is garbage yet
    asyncio.run(stock(memory, number, at_once=1))
    gc.enable()

    def open_store(_: str, **__: object) -> SealedStore:
        return SealedStore(memory, os.urandom(32))

    serving.open_store = open_store
    sys.argv[1:] = ["serve"]
    cli.main()


if __name__ == "__main__":
    main()
