"""
PASSporTs that are in a store already, and the product's server with some of them in its memory.

A store forgets within a minute, and no provider publishes a million in that time to one core; so a node that holds as
many is made by putting rows into its store before it serves. They are as long as real ones, and live an hour.
"""

import asyncio
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


async def stock(raw: RawStore, number: int) -> None:
    """Put *number* entries, and as many marks, into a store."""
    now = time.time_ns() // 1_000_000
    expires = now + LIFE_MILLISECONDS
    for first in range(0, number, AT_ONCE):
        await asyncio.gather(*(_put(raw, expires, now) for _ in range(min(AT_ONCE, number - first))))


async def _put(raw: RawStore, expires: int, now: int) -> None:
    entry = Entry(os.urandom(32), os.urandom(16), expires, os.urandom(BLOB_BYTES))
    if not await raw.put(entry, Mark(os.urandom(16), expires), now=now):
        raise RuntimeError("random bytes came twice")


def raw_of(store: SealedStore) -> Any:
    """Return what lies below the seal."""
    return store._raw


def main() -> None:
    """Run ``cps-server serve`` with a store in memory that is stocked, and has room for as much again."""
    number = int(os.environ[STOCK])
    memory = MemoryStore(max_entries=2 * number + 200_000, max_marks=2 * number + 2_000_000)
    asyncio.run(stock(memory, number))

    def open_store(_: str, **__: object) -> SealedStore:
        return SealedStore(memory, os.urandom(32))

    serving.open_store = open_store
    sys.argv[1:] = ["serve"]
    cli.main()


if __name__ == "__main__":
    main()
