"""What growth costs: more PASSporTs in the store, more signers, more peers; and the memory that PASSporTs take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.load.service import cores
from tests.load.service.costs import Case
from tests.load.service.rig import Rig

STORES: Final = ("memory", "SQLite", "Valkey")
PER: Final = 100_000
"""What memory is told for: so many live PASSporTs."""

OUTBOX: Final = 200
"""Publishes in a shot to a server with peers: few enough that its outboxes never overflow, so that all are sent on."""


@dataclass(frozen=True)
class Memory:
    """What live PASSporTs take in one store, in MB for 100,000 of them."""

    store: str
    stocked: int
    """How many there were."""
    server_mb: float
    """In the CPS process."""
    store_mb: float
    """In the database's process, or its file."""


@dataclass(frozen=True)
class Sizes:
    """How far growth is followed."""

    stored: Sequence[int] = (1_000, 100_000, 1_000_000)
    signers: Sequence[int] = (10, 1_000, 10_000)
    peers: Sequence[int] = (0, 1, 50)


async def stored(rig: Rig, sizes: Sequence[int]) -> list[Case]:
    """Start a server of each store with each number of PASSporTs in it; return what is asked of them."""
    cases = []
    for store in STORES:
        for size in sizes:
            what = f"{store}, {size:,} live"
            await rig.cps(what, store.lower(), stored=size)
            cases.append(Case(what, what))
    return cases


async def signers(rig: Rig, sizes: Sequence[int]) -> list[Case]:
    """Start a server that each number of providers asks, in turns; return what is asked of them."""
    cases = []
    for size in sizes:
        what = f"{size:,} signers"
        providers = [rig.lab.world.service_provider(f"{number:05d}") for number in range(size)]
        await rig.cps(what, providers=providers)
        cases.append(Case(what, what))
    return cases


async def peers(rig: Rig, sizes: Sequence[int]) -> list[Case]:
    """Start a server that sends on to each number of peers; return what is asked of them."""
    cases = []
    for size in sizes:
        what = f"{size} peers" if size != 1 else "1 peer"
        await rig.meshed(what, size)
        cases.append(Case(what, what, retrieves=False))
    return cases


async def memory(rig: Rig, size: int, stores: Sequence[str] = STORES) -> list[Memory]:
    """Return what *size* live PASSporTs take in each of *stores*, beside a server of the same kind with none."""
    found = []
    for store in stores:
        taken = []
        for number in (0, size):
            server = await rig.cps(f"{store}, stocked with {number:,}", store.lower(), stored=number)
            file = server.database.stat().st_size if server.database.exists() else 0
            taken.append((cores.resident_bytes(server.processes), cores.resident_bytes(server.store) + file))
        (server_empty, store_empty), (server_full, store_full) = taken
        scale = PER / size / 1e6
        found.append(
            Memory(
                store,
                size,
                round((server_full - server_empty) * scale, 1),
                round((store_full - store_empty) * scale, 1),
            )
        )
    return found
