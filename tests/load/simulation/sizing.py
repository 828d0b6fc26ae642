"""From microseconds to machines, bytes and money: plain arithmetic, no simulation."""

import math
from dataclasses import dataclass
from typing import Final

from tests.load.simulation.calls import Costs
from tests.load.simulation.parameters import Parameters
from tests.load.simulation.traffic import mean_share

HOURS: Final = 730
"""In a month."""

_GIGA: Final = 1e9


@dataclass(frozen=True)
class Size:
    """What one service for all, or a whole mesh, is made of."""

    calls: float
    """A second, in the busy hour."""
    busy_cores: float
    """Cores of nodes that work, on average, in the busy hour."""
    cores: int
    """Cores of nodes that are there, all members together."""
    masters: int
    """Valkey masters, all members together; each has a replica."""
    memory: float
    """Bytes in all masters."""
    outside: float
    """Bits a second between gateways and CPSs."""
    between: float
    """Bits a second between the members of a mesh."""
    inside: float
    """Bits a second between nodes and Valkey, replicas included."""
    dollars: float
    """A month."""


def cluster(parameters: Parameters, calls: float) -> Size:
    """Return what one shared cluster needs for so many *calls* a second."""
    return _size(parameters, calls, 1, 1, Costs(parameters).cluster_call)


def mesh(parameters: Parameters, calls: float, members: int) -> Size:
    """Return what *members* of a mesh need, which together have so many *calls* a second."""
    return _size(parameters, calls, members, members, Costs(parameters).mesh_call(members))


def planned(parameters: Parameters, busy: float) -> int:
    """Return how many cores are to be there so that *busy* ones do not fill them, with all zones and with one less."""
    zones = int(parameters["zones"])
    always = busy / parameters["target"]
    without_one = busy / parameters["loss_target"] * zones / (zones - 1)
    return zones * max(1, math.ceil(max(always, without_one) / zones))


def masters(parameters: Parameters, calls: float) -> int:
    """Return how many Valkey masters keep so many *calls* a second; never less than zones."""
    needed = calls * Costs(parameters).shard_call / parameters["shard_target"]
    return max(int(parameters["zones"]), math.ceil(needed))


def memory(parameters: Parameters, calls: float) -> float:
    """Return the bytes of Valkey's memory for so many *calls* a second (Little's law)."""
    entries = parameters["entry_bytes"] * (parameters["life"] + parameters["spare_seconds"])
    return calls * (entries + 2 * parameters["mark_bytes"] * parameters["mark_seconds"])


def links(members: int) -> int:
    """Return how many outboxes there are, one for each member and peer."""
    return members * (members - 1)


def republishes(calls: float, members: int) -> float:
    """Return the requests a second between *members* which together have so many *calls*."""
    return calls * (members - 1)


def _size(parameters: Parameters, calls: float, members: int, copies: int, seconds: float) -> Size:
    busy, bits = calls * seconds, 8 * parameters["wire"]
    cores = members * planned(parameters, busy / members)
    # Every member of a mesh keeps every call; only the retrieves are shared out.
    kept = members * masters(parameters, calls)
    held = copies * memory(parameters, calls)
    outside = calls * bits * (parameters["publish_bytes"] + parameters["retrieve_bytes"])
    between = republishes(calls, members) * bits * parameters["republish_bytes"]
    inside = copies * calls * bits * (parameters["store_bytes"] + parameters["entry_bytes"])
    # Traffic is paid for by the byte, so by the day's average; of what goes inside, two in three cross zones.
    month = HOURS * 3600 * mean_share() / 8 / _GIGA
    crossing = 1 - 1 / parameters["zones"]
    dollars = HOURS * parameters["core_hour"] * (cores + 2 * kept)
    dollars += HOURS * parameters["memory_hour"] * 2 * held / _GIGA
    dollars += month * (
        parameters["far_gigabyte"] * (outside + between) + parameters["zone_gigabyte"] * crossing * inside
    )
    return Size(calls, busy, cores, kept, held, outside, between, inside, dollars)
