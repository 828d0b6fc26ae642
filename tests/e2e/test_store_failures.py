"""A whole CPS whose store hangs or dies: gateways are told so fast, and it heals by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from cps_client.lab import Cps, Lab
from cps_client.lab.loopback import HOST
from tests.support.valkey import Server, running_server

ORIG = "12155550100"


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a Valkey server that the test may harm."""
    with running_server() as server:
        yield server


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab without a CPS."""
    async with Lab.open(tmp_path) as made:
        yield made


@pytest.fixture
async def cps(lab: Lab, server: Server, tmp_path: Path) -> Cps:
    """A CPS on that server."""
    secret = str(tmp_path / "shared.secret")
    return await lab.start_cps(CPS_STORE__URL=f"valkey://{server.address}", CPS_STORE__SECRET_FILE=secret)


class Gateway:
    """Publishes, and notes what it was told and how long that took."""

    def __init__(self, lab: Lab, cps: Cps, session: aiohttp.ClientSession) -> None:
        self.provider = lab.world.service_provider("709J")
        self.url = cps.process.url
        self.session = session

    async def publish(self, dest: str) -> tuple[int, float, str | None]:
        """Return status, seconds and Retry-After."""
        passports = [self.provider.passport(orig=ORIG, dest=dest)]
        token = self.provider.request_token("publish", orig=ORIG, dest=dest, aud=HOST, passports=passports)
        headers = {"Authorization": f"Bearer {token}"}
        began = time.monotonic()
        path = f"{self.url}/passports/{dest}/{ORIG}"
        async with self.session.post(path, json={"passports": passports}, headers=headers) as answer:
            await answer.read()
            return answer.status, time.monotonic() - began, answer.headers.get("Retry-After")

    async def healthy(self) -> bool:
        """Return what the CPS says about itself."""
        async with self.session.get(f"{self.url}/health") as answer:
            return answer.status == 200


@pytest.mark.parametrize("failure", ["hang", "kill"])
async def test_store_that_fails_is_503_until_it_is_back(failure: str, lab: Lab, cps: Cps, server: Server) -> None:
    """While the store hangs or is gone, publishes are 503 with Retry-After within a second or so; then all is well."""
    async with aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=10)) as session:
        gateway = Gateway(lab, cps, session)
        assert 201 == (await gateway.publish("12155551000"))[0]
        getattr(server, failure)()

        answers = [await gateway.publish(str(12155551001 + number)) for number in range(4)]
        assert [(503, "1")] * 4 == [(status, retry_after) for status, _, retry_after in answers]
        assert max(seconds for _, seconds, _ in answers) < 2
        await asyncio.sleep(1.1)  # as long as a check's outcome is remembered
        assert not await gateway.healthy()
        if failure == "hang":
            server.go_on()
        else:
            server.start()
            server.wait()

        assert 201 == (await gateway.publish("12155551009"))[0]


async def test_cps_does_not_start_without_its_store(lab: Lab, tmp_path: Path) -> None:
    """A CPS whose store cannot be reached, or that has no secret to share, says which setting to look at."""
    for settings, told in (
        ({"CPS_STORE__SECRET_FILE": str(tmp_path / "s")}, "CPS_STORE__URL"),
        ({}, "CPS_STORE__SECRET_FILE"),
    ):
        with pytest.raises(Exception, match=told):
            await lab.start_cps("dead", CPS_STORE__URL="valkey://127.0.0.1:1", **settings)
