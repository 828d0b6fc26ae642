"""What is asked: servers on this machine's loopback interface, each on the core that it is given."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import HOST
from cps_client.lab.process import CpsProcess
from cps_server.store import open_store
from stir.testing import ServiceProvider
from tests.load.mesh import Stub
from tests.load.service import cores
from tests.load.service.client import connected
from tests.load.service.prepared import Kind, Maker
from tests.load.service.stocked import STOCK, raw_of, stock
from tests.support.valkey import running_server

ROOT: Final = Path(__file__).resolve().parents[3]
RETENTION: Final = 60
"""How long publishes can be retrieved, in seconds; the shots of a pair of rows take less, even on a busy machine."""

WARM_UP: Final = 96
"""Requests that are not measured: they fetch certificates and fill the caches."""

FORGIVEN: Final = 0.01
"""Share of these that may fail: of thousands of certificates, fetched at once, some come too late."""

CONNECTIONS: Final = 16
"""Requests under way in a closed loop, each on a connection of its own, as from the proxy in front."""

FORGOTTEN_SECONDS: Final = 2.5
"""How long after its publish a PASSporT that lives a second has been dropped: the server looks once a second."""

STILL_SECONDS: Final = 1.0
"""How long peers must have taken nothing until it is believed that nothing more comes."""


class WarmUpError(Exception):
    """A server does not even answer the first requests as it must."""


async def _at_once(_: int) -> None:
    """Wait for nothing."""


@dataclass
class Asked:
    """One server that is asked."""

    name: str
    port: int
    processes: tuple[int, ...]
    maker: Maker
    database: Path
    """The file of SQLite, where that is its store."""
    store: tuple[int, ...] = ()
    """The processes of the database that is its alone."""
    settled: Callable[[int], Awaitable[None]] = field(default=_at_once, repr=False)
    """Waits until what so many publishes leave behind is done, too."""
    undelivered: int = 0
    """Publishes that peers did not take in time; a machine that is too slow for so many peers has some."""


class Rig:
    """Starts servers; :func:`rigged` makes one, and everything ends with it."""

    def __init__(self, lab: Lab, stack: AsyncExitStack) -> None:
        self.lab = lab
        self.provider = lab.world.service_provider("709J")
        self.servers: dict[str, Asked] = {}
        self._stack = stack

    async def floor(self, name: str) -> Asked:
        """Start the bare server."""
        return await self._start(name, ("-m", "tests.load.service.floor"), {}, warm=False)

    async def cps(
        self,
        name: str,
        store: str = "memory",
        *,
        providers: Sequence[ServiceProvider] = (),
        stored: int = 0,
        **settings: str,
    ) -> Asked:
        """
        Start a CPS, and ask it until it is warm.

        Args:
            name: What it is called from here on.
            store: Where it keeps PASSporTs: ``memory``, ``sqlite`` or ``valkey``.
            providers: Who asks; by default one provider.
            stored: How many PASSporTs are in its store from the start.
            settings: Its settings, without ``CPS_``.
        """
        environment = {f"CPS_{key}": value for key, value in {**self.lab.verification, **settings}.items()}
        command, database = ("-m", "cps_server", "serve"), ()
        if store == "memory":
            environment |= {"CPS_STORE__URL": "memory://", STOCK: str(stored)}
            command = ("-m", "tests.load.service.stocked") if stored else command
        else:
            secret = self.lab.directory / "shared.secret"
            url = f"sqlite:///{self._database()}"
            if store == "valkey":
                url, database = self._valkey()
            environment |= {"CPS_STORE__URL": url, "CPS_STORE__SECRET_FILE": str(secret)}
            await _stock(url, secret, stored)
        return await self._start(name, command, environment, providers=providers, database=database)

    async def forgetful(self, name: str, store: str) -> Asked:
        """Start a CPS that forgets PASSporTs after a second; what dropping them costs belongs to the publishes."""
        server = await self.cps(name, store, STORE__RETENTION="1")
        server.settled = lambda _: asyncio.sleep(FORGOTTEN_SECONDS)
        return server

    async def meshed(self, name: str, peers: int) -> Asked:
        """Start a CPS that sends every publish on to so many *peers*, which take everything."""
        stubs = [await self._stack.enter_async_context(Stub()) for _ in range(peers)]
        key = self.lab.directory / "mesh.key"
        key.touch(mode=0o600)
        key.write_bytes(self.provider.leaf.key_pem)
        server = await self.cps(
            name,
            MESH__PEERS=json.dumps([{"url": stub.url, "spc": f"9{n:03d}"} for n, stub in enumerate(stubs)]),
            MESH__SPC=self.provider.spc,
            MESH__X5U=self.provider.x5u,
            MESH__PRIVATE_KEY=str(key),
        )
        seen = 0

        async def settled(publishes: int) -> None:
            nonlocal seen
            wanted, seen = seen + publishes * peers, await _still(lambda: sum(stub.taken for stub in stubs), seen)
            server.undelivered += max(0, wanted - seen)

        await settled(WARM_UP)
        server.settled = settled
        return server

    async def _start(
        self,
        name: str,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        providers: Sequence[ServiceProvider] = (),
        database: tuple[int, ...] = (),
        warm: bool = True,
    ) -> Asked:
        fixed = {
            "PYTHONPATH": str(ROOT),
            "CPS_HOSTNAME": HOST,
            "CPS_LIMITS__SPC_RATE": "0",
            "CPS_STORE__RETENTION": str(RETENTION),
        }
        file = self._database()
        process = CpsProcess(
            self.lab.directory, file.stem, fixed | dict(environment), command=(sys.executable, "-P", *command)
        )
        alone = environment.get("CPS_WORKERS", "1") == "1"
        with cores.on([cores.SERVER] if alone else cores.ALL):
            await self._stack.enter_async_context(process)
        assert process.group is not None
        maker = Maker(providers or [self.provider])
        server = Asked(name, process.port, cores.members(process.group), maker, file, database)
        if warm:
            await warm_up(server, max(WARM_UP, len(providers)))
        self.servers[name] = server
        return server

    def _database(self) -> Path:
        """Return the file of the server that is started next, if it needs one."""
        return self.lab.directory / f"bench-{len(self.servers)}.db"

    def _valkey(self) -> tuple[str, tuple[int, ...]]:
        """Start a database; return its URL and its processes."""
        with cores.on([cores.LOAD]):
            server = self._stack.enter_context(running_server())
        assert server.process is not None
        return f"valkey://{server.address}/0", (server.process.pid,)


async def _stock(url: str, secret: Path, number: int) -> None:
    store = open_store(url, secret_file=secret)
    try:
        await stock(raw_of(store), number)
    finally:
        await store.close()


async def _still(count: Callable[[], int], seen: int) -> int:
    """Return *count* once it no longer grows."""
    last = time.monotonic()
    while time.monotonic() - last < STILL_SECONDS:
        await asyncio.sleep(STILL_SECONDS / 50)
        if (now := count()) != seen:
            seen, last = now, time.monotonic()
    return seen


async def warm_up(server: Asked, count: int) -> None:
    """
    Publish so often, some at a time, and retrieve what was published.

    Raises:
        WarmUpError: Answers were other ones than they must be.
    """
    kind, wrong = Kind(), 0
    async with connected(server.port, CONNECTIONS) as load:
        for _ in range(0, count, CONNECTIONS):
            published = server.maker.publishes(kind, CONNECTIONS)
            put = await load.closed([each.data for each in published], HTTPStatus.CREATED)
            got = await load.closed(server.maker.retrieves(kind, published), HTTPStatus.OK)
            wrong += 2 * CONNECTIONS - put.accepted - got.accepted
            if wrong > count * FORGIVEN:
                raise WarmUpError(f"{server.name}: publishes {dict(put.statuses)}, retrieves {dict(got.statuses)}")


@asynccontextmanager
async def rigged() -> AsyncIterator[Rig]:
    """Yield a rig; this process runs on the load's core meanwhile."""
    with tempfile.TemporaryDirectory(prefix="cps-bench-") as folder, cores.on([cores.LOAD]):
        async with Lab.open(Path(folder)) as lab, AsyncExitStack() as stack:
            yield Rig(lab, stack)
