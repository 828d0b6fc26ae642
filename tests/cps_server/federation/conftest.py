"""Three CPSs of a mesh in this process, over real HTTP, in one pretend STI world."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import pytest
from aiohttp.test_utils import unused_port

from cps_server import keys
from cps_server.federation.peers import Mesh, Peer
from cps_server.federation.republish import PeerLink
from stir.aio.credential import Credential
from stir.sign import Signer
from stir.testing import ServiceProvider, World
from tests.cps_server.conftest import Cps, run_cps


@dataclass
class Meshed:
    """CPSs that know each other; the first one is where providers publish."""

    world: World
    nodes: list[Cps]
    operators: list[ServiceProvider]

    @property
    def first(self) -> Cps:
        """The CPS that is published to."""
        return self.nodes[0]

    @property
    def others(self) -> list[Cps]:
        """The CPSs that are republished to."""
        return self.nodes[1:]

    @property
    def links(self) -> tuple[PeerLink, ...]:
        """The first one's ways to the others."""
        return self.first.app[keys.republisher].links

    def republish_token(self, original: str, passports: list[str], **knobs) -> str:
        """Return a token of the first CPS for republishing to the second."""
        knobs = {"aud": "cps-1.example", "claims": {"sub": "709J"}} | knobs
        return self.first.token("republish", by=self.operators[0], passports=passports, **knobs)


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds, for a few seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - it is the product that is watched
            await asyncio.sleep(0.005)


@pytest.fixture
async def mesh() -> AsyncIterator[Meshed]:
    """Run three CPSs that republish to each other."""
    world = World()
    ports = [unused_port() for _ in range(3)]
    operators = [world.service_provider(f"CPS{n}") for n in range(3)]
    peers = [Peer(f"http://127.0.0.1:{ports[n]}", f"CPS{n}", f"cps-{n}.example") for n in range(3)]
    async with AsyncExitStack() as stack:
        nodes = []
        for n, operator in enumerate(operators):
            credential = Credential(Signer(operator.private_key, operator.x5u), operator.spc, "CPS_MESH__")
            others = tuple(peer for peer in peers if peer is not peers[n])
            running = run_cps(world=world, mesh=Mesh(others, credential), port=ports[n], hostname=f"cps-{n}.example")
            nodes.append(await anext(await stack.enter_async_context(aclosing(running))))
        yield Meshed(world, nodes, operators)
