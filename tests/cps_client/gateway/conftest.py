"""The sidecar in front of a pretended call logic."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cps_client.settings import ClientSettings
from tests.support.sidecar import PretendLogic, app_of

Opened = Callable[..., TestClient]


@pytest.fixture
def logic() -> PretendLogic:
    """The call logic behind the faces."""
    return PretendLogic()


@pytest.fixture
async def opened(logic: PretendLogic) -> AsyncIterator[Opened]:
    """Open a sidecar with these settings and return a client of it."""
    async with AsyncExitStack() as stack:

        async def make(settings: ClientSettings | None = None, **others: object) -> TestClient:
            return await stack.enter_async_context(TestClient(TestServer(app_of(logic, settings, **others))))

        yield make


@pytest.fixture
async def http(opened: Opened) -> TestClient:
    """A client of a sidecar with no settings but the defaults."""
    return await opened()
