"""Starting, serving and stopping, as cps-client gateway does it."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from cps_client.gateway.lifecycle import serve
from cps_client.settings import load
from stir.aio.configuration import SettingsError
from stir.aio.logs import Lines
from stir.testing import World
from tests.support.eventually import eventually


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever this machine sets, and listen on a port of the system's choice."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CPS_CLIENT_GATEWAY__LISTEN", "127.0.0.1:0")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@asynccontextmanager
async def serving(config: Path | None = None, lines: Lines | None = None) -> AsyncIterator[tuple[str, list[dict]]]:
    """Run the sidecar in this process; yield its URL and its log, and stop it with SIGTERM."""
    with capture_logs() as logs:
        running = asyncio.create_task(serve(load(config), lines=lines))
        try:
            await eventually(lambda: running.done() or "gateway_started" in [log["event"] for log in logs])
            if running.done():
                running.result()
            (url,) = next(log["urls"] for log in logs if log["event"] == "gateway_started")
            yield url, logs
        finally:
            if not running.done():
                os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(running, 10)


async def test_it_serves_and_says_what_is_missing() -> None:
    """Without any setting it starts, answers, and says loudly what it cannot do and which setting mends that."""
    async with serving() as (url, logs), ClientSession() as session:
        async with session.post(f"{url}/v1/retrieve", json={"orig": "12155550100", "dest": "12155551212"}) as answer:
            body = await answer.json()
            assert (200, "No-TN-Validation") == (answer.status, body["verdict"]["verstat"])
        async with session.post(f"{url}/v1/publish", json={"orig": "12155550100", "dest": "12155551212"}) as answer:
            body = await answer.json()
            assert (200, False) == (answer.status, body["published"])
            assert body["reason"]
        async with session.get(f"{url}/metrics") as answer:
            assert "cps_client_circuit_open" in await answer.text()
    assert {"publishing_off", "credential_missing", "verification_off", "revocation_off"} == {
        log["event"] for log in logs if log["log_level"] == "warning"
    }
    assert ["gateway_stopping", "gateway_stopped"] == [log["event"] for log in logs][-2:]


async def test_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CPS, credential, roots and CRL set there is nothing to warn of but what cannot be read."""
    world = World()
    _write(tmp_path / "anchors.pem", world.anchors_pem)
    _write(tmp_path / "key.pem", world.service_provider("709J").leaf.key_pem)
    monkeypatch.setenv("CPS_CLIENT_CPS_URLS", '["https://cps.invalid"]')
    monkeypatch.setenv("CPS_CLIENT_SPC", "709J")
    monkeypatch.setenv("CPS_CLIENT_X5U", "https://certificates.invalid/709J.pem")
    monkeypatch.setenv("CPS_CLIENT_PRIVATE_KEY", str(tmp_path / "key.pem"))
    monkeypatch.setenv("CPS_CLIENT_TRUST__ANCHORS", str(tmp_path / "anchors.pem"))
    monkeypatch.setenv("CPS_CLIENT_TRUST__CRL_URL", "https://crl.invalid/crl")
    async with serving() as (url, logs), ClientSession() as session, session.get(f"{url}/ready") as answer:
        assert {"draining": "ok", "trust": "ok"} == (await answer.json())["checks"]
    assert [] == [log["event"] for log in logs if log["log_level"] == "warning"]


async def test_the_service_manager_is_told(manager: socket.socket, tmp_path: Path) -> None:
    """It hears ready, reloading and ready again, and stopping; a reload takes token, log level and trust."""
    config, token = tmp_path / "client.toml", tmp_path / "token"
    _write(token, b"a-token-that-is-long-enough")
    _write(config, b'[gateway]\nlog_level = "info"\n')
    loop = asyncio.get_running_loop()
    lines = Lines(StringIO())

    async def told() -> str:
        return (await asyncio.wait_for(loop.sock_recv(manager, 200), 10)).decode().partition("\n")[0]

    async with serving(config, lines) as (url, logs), ClientSession() as session:
        assert "READY=1" == await told()
        _write(config, f'[gateway]\nlog_level = "error"\ntoken_file = "{token}"\n'.encode())
        os.kill(os.getpid(), signal.SIGHUP)
        assert ["RELOADING=1", "READY=1"] == [await told(), await told()]
        async with session.get(f"{url}/metrics") as answer:
            assert 401 == answer.status
        _write(config, b"[gateway]\nlog_level = 1\n")
        os.kill(os.getpid(), signal.SIGHUP)
        assert ["RELOADING=1", "READY=1"] == [await told(), await told()]
    assert "STOPPING=1" == await told()
    reloads = [log for log in logs if log["event"].startswith("reload")]
    assert ["reloaded", "reload_failed", "reloaded"] == [log["event"] for log in reloads]
    assert [["settings", "trust"], ["trust"]] == [log["parts"] for log in reloads if "parts" in log]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY__LISTEN", "0.0.0.0:0", "TOKEN_FILE"),
        ("TRUST__ANCHORS", "/nonexistent", "anchors"),
        ("GATEWAY__TOKEN_FILE", "/nonexistent", "cannot be read"),
    ],
)
async def test_what_cannot_work_does_not_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """What is wrong is found before the first call."""
    monkeypatch.setenv(f"CPS_CLIENT_{name}", value)
    with pytest.raises(SettingsError, match=said):
        async with serving():
            pass


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
