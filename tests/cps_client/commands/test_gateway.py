"""``cps-client gateway`` as a process: how it starts, how it stops in the middle of a call, and how it refuses."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession
from typer.testing import CliRunner

from cps_client.cli import app
from stir.testing import RunningClock, ServiceProvider, World
from tests.support.fake_cps import Asked, FakeCps, reply

CALL = {"orig": "12155550100", "dest": "12155551212"}


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with just these settings of the client."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("CPS_")}
    return inherited | {f"CPS_CLIENT_{name}": value for name, value in settings.items()}


async def started(**settings: str) -> Process:
    """Start the sidecar."""
    settings = {"GATEWAY__LISTEN": "127.0.0.1:0"} | settings
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "cps_client", "gateway", env=environment(**settings), stdout=DEVNULL, stderr=PIPE
    )


async def event(process: Process, name: str) -> dict[str, object]:
    """Return the event of that name, as soon as the process has logged it."""
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            if (found := json.loads(line))["event"] == name:
                return found
    raise AssertionError(f"{name} was never logged")


@asynccontextmanager
async def running(**settings: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the sidecar, and yield it with its URL; it is killed if it has not ended by itself."""
    process = await started(**settings)
    try:
        (url,) = (await event(process, "gateway_started"))["urls"]
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def provider() -> ServiceProvider:
    """A provider that lives in the present, since processes do."""
    return World(RunningClock()).service_provider("709J")


@pytest.fixture
def credential(provider: ServiceProvider, tmp_path: Path) -> dict[str, str]:
    """The settings of its credential."""
    key = tmp_path / "key.pem"
    key.write_bytes(provider.leaf.key_pem)
    return {"SPC": provider.spc, "X5U": provider.x5u, "PRIVATE_KEY": str(key)}


async def test_calls_in_flight_are_finished(provider: ServiceProvider, credential: dict[str, str]) -> None:
    """After SIGTERM a call that waits for the CPS gets its answer, nobody new is let in, and the exit code is 0."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_: Asked, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await may_answer.wait()
        reply(writer, 201, {})

    async with FakeCps(provider.private_key.public_key()).running() as cps:
        cps.reactions += [wait]
        settings = credential | {"CPS_URLS": json.dumps([cps.url]), "PUBLISH_BUDGET": "20"}
        async with running(**settings) as (process, url), ClientSession() as session:
            call = asyncio.create_task(post(session, f"{url}/v1/publish"))
            await asyncio.wait_for(asked.wait(), 20)
            process.send_signal(signal.SIGTERM)
            await event(process, "gateway_stopping")
            await refused(session, f"{url}/v1/nothing")
            may_answer.set()

            assert (200, True) == await asyncio.wait_for(call, 20)
            assert 0 == await asyncio.wait_for(process.wait(), 20)


async def refused(session: ClientSession, url: str) -> None:
    """Return as soon as no connection is let in."""
    async with asyncio.timeout(20):
        while True:
            try:
                await post(session, url)
            except ClientConnectionError:
                return


async def post(session: ClientSession, url: str) -> tuple[int, bool | None]:
    """Tell of the call; return the status and whether it was published."""
    async with session.post(url, json=CALL) as answer:
        return answer.status, (await answer.json()).get("published")


async def test_the_drain_is_bounded(provider: ServiceProvider, credential: dict[str, str]) -> None:
    """A call that does not end does not keep the process: after its drain time it is cut off."""
    asked = asyncio.Event()

    async def never(_: Asked, __: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with FakeCps(provider.private_key.public_key()).running() as cps:
        cps.reactions += [never] * 3
        settings = credential | {"CPS_URLS": json.dumps([cps.url]), "PUBLISH_BUDGET": "30", "GATEWAY__DRAIN": "0.2"}
        async with running(**settings) as (process, url), ClientSession() as session:
            call = asyncio.create_task(post(session, f"{url}/v1/publish"))
            await asyncio.wait_for(asked.wait(), 20)
            process.send_signal(signal.SIGTERM)
            assert 0 == await asyncio.wait_for(process.wait(), 15)
            assert isinstance((await asyncio.gather(call, return_exceptions=True))[0], ClientConnectionError)


async def test_a_port_that_is_taken() -> None:
    """A port that another program has is told in one line with the setting's name: exit code 78."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await started(GATEWAY__LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert 78 == process.returncode
    assert b"cps-client: CPS_CLIENT_GATEWAY__LISTEN: cannot listen on" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"GATEWAY__LISTEN": "192.0.2.1:80"}, "CPS_CLIENT_GATEWAY__TOKEN_FILE"),
        ({"GATEWAY__LISTEN": "8090"}, "CPS_CLIENT_GATEWAY__LISTEN: must be host:port"),
        ({"GATEWAY__LISTENS": "x"}, "did you mean CPS_CLIENT_GATEWAY__LISTEN?"),
        ({"SPC": "709J", "X5U": "https://a.example/c.pem", "PRIVATE_KEY": "/nonexistent"}, "PRIVATE_KEY"),
    ],
)
async def test_a_wrong_configuration(settings: dict[str, str], said: str) -> None:
    """What is wrong is one line that names the setting: exit code 78."""
    process = await started(**settings)
    _, output = await asyncio.wait_for(process.communicate(), 30)
    assert 78 == process.returncode
    assert said in output.decode().splitlines()[-1]


def test_the_help_shows_how_to_try_it() -> None:
    """The help has a whole line to type."""
    text = " ".join(CliRunner().invoke(app, ["gateway", "--help"], env={"COLUMNS": "200"}).output.split())
    assert "curl -H 'Content-Type: application/json' -d" in text
    assert "http://127.0.0.1:8090/v1/publish" in text
