"""A CPS in this process, in a pretend STI world: real HTTP, no other socket, time that stands still."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Literal

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from cps_server.api.connection import Runner
from cps_server.app import build_app
from cps_server.audit import AuditLog
from cps_server.federation.peers import NO_MESH, Mesh
from cps_server.partners import Partners
from cps_server.repository import Repository
from cps_server.settings import Settings
from cps_server.store import PassportStore, open_store
from stir.aio.certificates import CertificateCache
from stir.aio.verification import VerificationService
from stir.errors import NoTrustError
from stir.testing import ServiceProvider, World
from stir.trust import Trust
from stir.verify import Verifier

ORIG, DEST = "12155550100", "12155551212"


@dataclass
class Trusting:
    """What is trusted, as the test has it at the moment; None is nothing yet."""

    trust: Trust | None

    def current(self) -> Trust:
        """Return it."""
        if self.trust is None:
            raise NoTrustError("no root is known yet")
        return self.trust


@dataclass
class Cps:
    """A running CPS with providers around it."""

    client: TestClient
    world: World
    publisher: ServiceProvider
    retriever: ServiceProvider
    trusting: Trusting
    store: PassportStore
    generation: Literal[1, 2] = 1
    app: object = field(default=None, repr=False)

    def path(self, *, dest: str = DEST, orig: str = ORIG, spc: str | None = None) -> str:
        """Return the path of a call in the generation under test."""
        return f"/passports/{dest}/{orig}" if self.generation == 1 else f"/passports/{spc or '709J'}/{dest}/{orig}"

    def passport(self, **knobs) -> str:
        """Return a PASSporT of the publisher for the usual call."""
        return self.publisher.passport(**({"orig": ORIG, "dest": DEST} | knobs))

    def token(self, action: str, *, by: ServiceProvider | None = None, **knobs) -> str:
        """Return a request token for the usual call."""
        provider = by or (self.publisher if action == "publish" else self.retriever)
        knobs = {"orig": ORIG, "dest": DEST, "generation": self.generation, "spc": "709J"} | knobs
        return provider.request_token(action, **knobs)

    async def publish(
        self,
        passports: Sequence[str] | None = None,
        *,
        token: str | None = None,
        path: str | None = None,
        body: object = None,
        headers: dict[str, str] | None = None,
        **knobs,
    ) -> ClientResponse:
        """Publish for the usual call, with a defect if the test wants one."""
        passports = [self.passport()] if passports is None else passports
        token = self.token("publish", passports=passports, **knobs) if token is None else token
        content = (
            {"data": body} if isinstance(body, bytes) else {"json": {"passports": passports} if body is None else body}
        )
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | (headers or {})
        return await self.client.post(path or self.path(), headers=head, **content)

    async def retrieve(
        self, *, token: str | None = None, path: str | None = None, by: ServiceProvider | None = None, **knobs
    ) -> ClientResponse:
        """Retrieve for the usual call, with a defect if the test wants one."""
        token = self.token("retrieve", by=by, **knobs) if token is None else token
        return await self.client.get(path or self.path(), headers={"Authorization": f"Bearer {token}"})

    async def found(self) -> list[str]:
        """Return the PASSporTs that a retrieve finds now."""
        response = await self.retrieve()
        return (await response.json())["passports"] if response.status == 200 else []


class Served(TestServer):
    """The test server, on the connections that production has."""

    async def _make_runner(self, **_) -> Runner:
        return Runner(self.app)


async def run_cps(
    *,
    world: World | None = None,
    mesh: Mesh = NO_MESH,
    port: int = 0,
    partners: Partners | None = None,
    audit: AuditLog | None = None,
    repository: Repository | None = None,
    now: Callable[[], int] = monotonic_ns,
    **settings,
) -> AsyncIterator[Cps]:
    """Run a CPS with these settings until the generator is closed; several may share a world and be a mesh."""
    world = world or World()
    made = Settings(**settings)
    store = open_store("memory://")
    trusting = Trusting(world.trust)
    cache = CertificateCache(world.fetcher, clock=world.clock)
    verification = VerificationService(Verifier(), cache, trusting, world.clock)
    app = build_app(
        made,
        store=store,
        verification=verification,
        trust=trusting,
        clock=world.clock,
        mesh=mesh,
        partners=partners,
        audit=audit,
        repository=repository,
        now=now,
    )
    async with TestClient(Served(app, port=port)) as client:
        publisher, retriever = world.service_provider("709J"), world.service_provider("456B")
        yield Cps(client, world, publisher, retriever, trusting, store, app=app)
    await cache.close()


@pytest.fixture(params=[1, 2], ids=["generation-1", "generation-2"])
async def cps(request) -> AsyncIterator[Cps]:
    """Return a CPS, once for each generation of the API."""
    async for running in run_cps():
        running.generation = request.param
        yield running
