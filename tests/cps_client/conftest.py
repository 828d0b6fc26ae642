"""A provider with a key on disk, a fake CPS, and clients for both."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cps_client.client import CpsClient
from cps_client.settings import ClientSettings
from stir.aio.certificates import CertificateCache
from stir.aio.trust import FixedTrust
from stir.aio.verification import VerificationService
from stir.testing import ServiceProvider, World
from stir.verify import Verifier
from tests.support.fake_cps import FakeCps

ORIG, DEST = "12155550100", "12155551212"
Opened = Callable[..., CpsClient]


@pytest.fixture
def world() -> World:
    """A whole STI world."""
    return World()


@pytest.fixture
def provider(world: World) -> ServiceProvider:
    """Somebody who signs calls."""
    return world.service_provider("709J")


@pytest.fixture
def key_file(provider: ServiceProvider, tmp_path: Path) -> Path:
    """The provider's private key."""
    path = tmp_path / "key.pem"
    path.write_bytes(provider.leaf.key_pem)
    return path


@pytest.fixture
async def cps(provider: ServiceProvider) -> AsyncIterator[FakeCps]:
    """A CPS that knows the provider's key."""
    async with FakeCps(provider.private_key.public_key()).running() as running:
        yield running


@pytest.fixture
async def second(provider: ServiceProvider) -> AsyncIterator[FakeCps]:
    """Another one."""
    async with FakeCps(provider.private_key.public_key()).running() as running:
        yield running


@pytest.fixture
def client_of(world: World, provider: ServiceProvider, key_file: Path) -> Opened:
    """Make a client of the provider that uses these CPSs, verifies in the world, and lives at its time."""

    def make(*urls: str, **others: object) -> CpsClient:
        given = {"spc": provider.spc, "x5u": provider.x5u, "private_key": key_file} | others
        settings = ClientSettings(cps_urls=urls, **given)
        return CpsClient(settings, clock=world.clock, verification=verification_in(world))

    return make


def verification_in(world: World) -> VerificationService:
    """Return a verifier that trusts whom the world trusts."""
    cache = CertificateCache(world.fetcher, clock=world.clock)
    return VerificationService(Verifier(), cache, FixedTrust(world.trust), world.clock)


LATER = timedelta(seconds=90)
