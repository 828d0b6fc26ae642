"""Which server has a key: always the one there is, or the one that the cluster says."""

import asyncio
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from redis import exceptions
from redis.crc import key_slot

from cps_server.store.redis_link import Command, Link
from cps_server.store.redis_url import Address, Target
from stir.errors import StoreError

REDIRECTS: Final = 8
"""Most hops after a key that moves; a cluster that sends a request round in circles is broken."""

MOVING_SECONDS: Final = 0.02
"""Pause before a key that is just being moved is asked for again, in seconds."""

REFRESH_SECONDS: Final = 0.1
"""Shortest time between two looks at the cluster's layout, in seconds."""

_PROBES: Final = 10_000
_NOBODY: Final = "no server of the store's cluster answers"

_log = structlog.get_logger(__name__)


class Servers(Protocol):
    """Brings a command to the server that has its key."""

    shared: bool
    """Whether all keys may be used together in one step; else only those of one slot."""

    async def ask(self, key: bytes, command: Command) -> Any:
        """
        Return the answer to *command*, whose keys all belong to *key*.

        Raises:
            ResponseError: The server refused.
            StoreError: It did not answer.
        """
        ...

    async def probes(self) -> Sequence[bytes]:
        """
        Return keys for a trial, one for each server that takes writes.

        Raises:
            StoreError: No server could say.
        """
        ...

    async def close(self) -> None:
        """Release everything."""
        ...


class Single(Servers):
    """One server."""

    shared = True

    def __init__(self, target: Target) -> None:
        self._link = Link(target.connection(target.addresses[0]))

    async def ask(self, key: bytes, command: Command) -> Any:
        """Ask it."""
        del key
        return await self._link.ask(command)

    async def probes(self) -> Sequence[bytes]:
        """Any key will do."""
        return (b"cps:{check}",)

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()


@dataclass(frozen=True, slots=True)
class Layout:
    """Who has which slots, and who else belongs to the cluster."""

    ends: tuple[int, ...] = ()
    """The last slot of each range, ascending."""
    masters: tuple[Address, ...] = ()
    """Who has the range, in the same order."""
    known: frozenset[Address] = frozenset()

    @classmethod
    def read(cls, answer: Any, asked: Address) -> "Layout":
        """
        Read the answer to CLUSTER SLOTS; a server that does not know its own name is the one that was *asked*.

        Raises:
            StoreError: It is something else.
        """
        try:
            ranges = sorted((int(last), [_named(node, asked) for node in nodes]) for _, last, *nodes in answer)
            return cls(
                tuple(last for last, _ in ranges),
                tuple(nodes[0] for _, nodes in ranges),
                frozenset(node for _, nodes in ranges for node in nodes),
            )
        except (TypeError, ValueError, IndexError) as error:
            raise StoreError("the store's cluster does not say how it is laid out") from error

    def master(self, slot: int) -> Address | None:
        """Return who has *slot*, or would if it belongs to nobody and the next does."""
        position = bisect_left(self.ends, slot)
        return self.masters[position] if position < len(self.masters) else None


def _named(node: Sequence[Any], asked: Address) -> Address:
    host = node[0].decode() if node[0] else asked.host
    return Address(host, int(node[1]))


class Cluster(Servers):
    """Several servers that share the keys by slots, of which some may be down and others take over."""

    shared = False

    def __init__(self, target: Target) -> None:
        self._target = target
        self._links: dict[Address, Link] = {}
        self._layout = Layout()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self._closed = False

    async def ask(self, key: bytes, command: Command) -> Any:
        """Ask who has *key*, and follow it when it moves."""
        slot = key_slot(key)
        address, asking, hops = await self._master(slot), False, 0
        while hops < REDIRECTS:
            commands = (("ASKING",), command) if asking else (command,)
            try:
                return await self._link(address).ask(*commands)
            except exceptions.MovedError as error:
                self._look()
                address, asking = Address(error.host or address.host, error.port), False
            except exceptions.AskError as error:
                address, asking = Address(error.host or address.host, error.port), True
            except exceptions.TryAgainError:
                # Some of the slot's keys are here and some there: a matter of milliseconds, and the caller's patience.
                await asyncio.sleep(MOVING_SECONDS)
                address, asking, hops = await self._master(slot), False, -1
            except (StoreError, exceptions.ClusterDownError, exceptions.ReadOnlyError):
                self._look()
                raise
            hops += 1
        raise StoreError("the store's cluster sends a request from one server to the next")

    async def probes(self) -> Sequence[bytes]:
        """Find a key for every master by trying names."""
        await self._master(0)
        wanted = set(self._layout.masters)
        found: dict[Address, bytes] = {}
        for number in range(_PROBES):
            if len(found) == len(wanted):
                break
            name = b"cps:{check-%d}" % number
            master = self._layout.master(key_slot(name))
            if master is not None:
                found.setdefault(master, name)
        return tuple(found.values())

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        if self._looking is not None:
            await self._looking
        links, self._links = self._links, {}
        await asyncio.gather(*(link.close() for link in links.values()))

    async def _master(self, slot: int) -> Address:
        """Return who has *slot*, and wait for the layout if there is none yet."""
        address = self._layout.master(slot)
        if address is None:
            self._look()
            if self._looking is not None:
                await asyncio.shield(self._looking)
            address = self._layout.master(slot)
        if address is None:
            raise StoreError(_NOBODY)
        return address

    def _link(self, address: Address) -> Link:
        if self._closed:
            raise StoreError("the store is closed")
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = Link(self._target.connection(address))
        return link

    def _look(self) -> None:
        """Begin to read the layout anew, unless that is being done or was done a moment ago."""
        now = asyncio.get_running_loop().time()
        idle = self._looking is None or self._looking.done()
        if idle and not self._closed and now - self._looked_at >= REFRESH_SECONDS:
            self._looked_at = now
            self._looking = asyncio.create_task(self._read_layout(), name="store layout")

    async def _read_layout(self) -> None:
        """Ask one after the other, those that answered last time first, until one says how the cluster is laid out."""
        addresses = list({*self._layout.known, *self._target.addresses})
        random.shuffle(addresses)
        addresses.sort(key=lambda address: address in self._links and self._links[address].failing)
        for address in addresses:
            try:
                layout = Layout.read(await self._link(address).ask(("CLUSTER", "SLOTS")), address)
            except (StoreError, exceptions.RedisError) as error:
                _log.debug("store_layout_unknown", server=f"{address.host}:{address.port}", reason=type(error).__name__)
                continue
            if layout.masters:
                await self._adopt(layout)
                return
        _log.error("store_cluster_unreachable", servers=len(addresses))

    async def _adopt(self, layout: Layout) -> None:
        former, self._layout = self._layout, layout
        if (former.ends, former.masters) != (layout.ends, layout.masters):
            _log.info("store_layout_changed", masters=len(set(layout.masters)), servers=len(layout.known))
        gone = set(self._links) - layout.known - set(self._target.addresses)
        for address in gone:
            await self._links.pop(address).close()
