"""Starting, serving and stopping, as cps-server serve does it."""

import asyncio
import os
import signal
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession
from structlog.testing import capture_logs

from cps_server.configuration import load
from cps_server.lifecycle import serve
from stir.testing import World


@pytest.fixture
def port(tmp_path: Path, monkeypatch) -> int:
    """Return a free port; the settings name it, trusted roots and a database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    (tmp_path / "anchors.pem").write_bytes(World().anchors_pem)
    monkeypatch.setenv("CPS_TRUST__ANCHORS", str(tmp_path / "anchors.pem"))
    monkeypatch.setenv("CPS_STORE__URL", f"sqlite:///{tmp_path / 'cps.db'}")
    monkeypatch.setenv("CPS_LISTEN", f"127.0.0.1:{number}")
    monkeypatch.setenv("CPS_ADMIN_LISTEN", "127.0.0.1:0")
    return number


def names_in(folder: Path) -> set[str]:
    """Return the names of the files in *folder*."""
    return {path.name for path in folder.iterdir()}


async def healthy(port: int) -> int:
    """Return the status of /health, as soon as there is one."""
    async with asyncio.timeout(10), ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health") as response:
                    return response.status
            except ClientConnectionError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_a_signal(port: int, number: int, tmp_path: Path) -> None:
    """The server answers, and on SIGTERM or SIGINT it ends by itself and leaves port and database."""
    with capture_logs() as logs:
        running = asyncio.create_task(serve(load()))
        assert 200 == await healthy(port)
        os.kill(os.getpid(), number)
        await asyncio.wait_for(running, 10)
    with socket.create_server(("127.0.0.1", port), reuse_port=True):
        pass
    assert {"cps.db", "cps.secret"} <= names_in(tmp_path)
    assert ["cps_started", "revocation_off", "cps_stopping", "cps_stopped"] == [
        log["event"] for log in logs if log["event"].startswith(("cps_", "revocation_"))
    ]


async def test_crl_that_cannot_be_read_is_told(port: int, monkeypatch) -> None:
    """A CRL that cannot be read does not keep the server from starting; the log says so."""
    monkeypatch.setenv("CPS_TRUST__CRL_URL", "https://crl.invalid/crl")
    with capture_logs() as logs:
        running = asyncio.create_task(serve(load()))
        assert 200 == await healthy(port)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 10)
    told = [log for log in logs if log["event"] == "trust_list_failed"]
    assert told
    assert not told[0]["held"]


async def addresses(logs: list[dict]) -> str:
    """Return the base URL of the admin listener, as soon as the server has started."""
    async with asyncio.timeout(10):
        while not (found := [log for log in logs if log["event"] == "cps_started"]):  # noqa: ASYNC110 - a task of its own
            await asyncio.sleep(0.01)
    assert found
    (admin,) = next(log["listen"] for log in logs if log["event"] == "admin_started")
    return f"http://{admin}"


async def test_a_lame_duck_says_so_and_serves(port: int, monkeypatch) -> None:
    """After SIGTERM /ready is 503 at once, while requests are still answered, each as the last of its connection."""
    monkeypatch.setenv("CPS_DRAIN__LAME_DUCK", "1")
    with capture_logs() as logs:
        running = asyncio.create_task(serve(load()))
        admin = await addresses(logs)
        async with ClientSession() as session:
            async with session.get(f"{admin}/ready") as response:
                assert (200, "ok") == (response.status, (await response.json())["checks"]["draining"])
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)
            async with session.get(f"{admin}/ready") as response:
                assert (503, "draining") == (response.status, (await response.json())["checks"]["draining"])
            async with session.get(f"http://127.0.0.1:{port}/health") as response:
                assert (200, "close") == (response.status, response.headers["Connection"])
        await asyncio.wait_for(running, 10)


async def test_sighup_reloads_and_the_manager_is_told(port: int, tmp_path: Path, monkeypatch) -> None:
    """The service manager hears ready, reloading and ready again, and stopping at the end; trust is read anew."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        loop = asyncio.get_running_loop()

        async def told() -> str:
            return (await asyncio.wait_for(loop.sock_recv(manager, 200), 10)).decode().partition("\n")[0]

        with capture_logs() as logs:
            running = asyncio.create_task(serve(load()))
            assert "READY=1" == await told()
            os.kill(os.getpid(), signal.SIGHUP)
            assert ["RELOADING=1", "READY=1"] == [await told(), await told()]
            os.kill(os.getpid(), signal.SIGTERM)
            assert "STOPPING=1" == await told()
            await asyncio.wait_for(running, 10)
    assert [True] == ["trust" in log["parts"] for log in logs if log["event"] == "reloaded"]


async def test_the_default_admin_address_may_be_taken(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second server on a machine, whose admin listener nobody set, serves calls without one and says so."""
    monkeypatch.delenv("CPS_ADMIN_LISTEN", raising=False)
    with ExitStack() as taken, capture_logs() as logs:
        with suppress(OSError):  # by some other program, which is as good
            taken.enter_context(socket.create_server(("127.0.0.1", 8081)))
        running = asyncio.create_task(serve(load()))
        assert 200 == await healthy(port)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 10)
    assert "admin_unavailable" in [log["event"] for log in logs]
