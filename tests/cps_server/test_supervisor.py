"""Several workers on one port, as real processes: killed, hung, refused, orphaned, reloaded and drained."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from cps_client.lab.process import free_ports
from stir.testing import World


@dataclass
class Running:
    """A server with two workers."""

    process: asyncio.subprocess.Process
    folder: Path
    public: str
    admin: str
    session: ClientSession

    async def status(self, url: str) -> int | None:
        """Return the status of *url*, None if nobody answers."""
        try:
            async with self.session.get(url) as response:
                return response.status
        except (ClientError, TimeoutError):
            return None

    async def text(self, url: str) -> str:
        """Return what *url* says."""
        async with self.session.get(url) as response:
            return await response.text()

    async def until(self, event: str, times: int = 1) -> list[dict]:
        """Return the lines of the log with *event*, as soon as there are so many."""
        async with asyncio.timeout(90):
            while len(found := [line for line in self.log() if line["event"] == event]) < times:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
        return found

    def log(self) -> list[dict]:
        """Return the log."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def workers(self) -> list[int]:
        """Return the process ids of the latest worker in each place."""
        return list({line["worker"]: line["pid"] for line in self.log() if line["event"] == "worker_started"}.values())


@asynccontextmanager
async def process(folder: Path, **settings: str) -> AsyncIterator[Running]:
    """Start ``cps-server serve`` with two workers, and see that it ends."""
    public, admin = free_ports(2)
    (folder / "anchors.pem").write_bytes(World().anchors_pem)
    environment = {
        "CPS_TRUST__ANCHORS": str(folder / "anchors.pem"),
        "CPS_STORE__URL": f"sqlite:///{folder / 'cps.db'}",
        "CPS_LISTEN": f"127.0.0.1:{public}",
        "CPS_ADMIN_LISTEN": f"127.0.0.1:{admin}",
        "CPS_WORKERS": "2",
    }
    with (folder / "log").open("wb") as log:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cps_server", "serve"), stderr=log, env=os.environ | environment | settings
        )
    async with ClientSession(timeout=ClientTimeout(total=5)) as session:
        running = Running(started, folder, f"http://127.0.0.1:{public}", f"http://127.0.0.1:{admin}", session)
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                started.terminate()
            await asyncio.wait_for(started.wait(), 30)


@asynccontextmanager
async def server(folder: Path, **settings: str) -> AsyncIterator[Running]:
    """Run a server, once it has started."""
    async with process(folder, **settings) as running:
        await running.until("cps_started")
        yield running


def alive(pid: int) -> bool:
    """Tell whether there is such a process, other than one that only waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until_gone(pids: list[int]) -> None:
    """Wait until none of these processes is there."""
    async with asyncio.timeout(20):
        while any(map(alive, pids)):  # noqa: ASYNC110 - they are not ours to wait for
            await asyncio.sleep(0.05)


async def test_a_worker_that_is_killed_is_missed_by_nobody(tmp_path: Path) -> None:
    """
    While a worker is killed with -9 and comes back the port answers every request.

    The death is counted, all workers are on one page of metrics, and the database stays whole.
    """
    async with server(tmp_path) as cps:
        before = cps.workers()
        os.kill(before[0], signal.SIGKILL)
        restarted = asyncio.create_task(cps.until("worker_started", 3))
        statuses = []
        while not restarted.done():
            async with ClientSession() as session, session.get(f"{cps.public}/health") as response:
                statuses.append(response.status)
            await asyncio.sleep(0.05)
        metrics = await cps.text(f"{cps.admin}/metrics")

        assert {200} == set(statuses)
        assert "SIGKILL" == (await cps.until("worker_died"))[0]["how"]
        assert 3 == len({*before, *cps.workers()})
    assert 'cps_worker_deaths_total{how="SIGKILL",worker="supervisor"} 1.0' in metrics
    assert {"0", "1", "supervisor"} == set(re.findall(r'worker="(\w+)"', metrics))
    counts = re.findall(r'^cps_request_seconds_count\{.*route="/health".*\} ([\d.]+)$', metrics, re.MULTILINE)
    assert 0 < sum(map(float, counts)) <= len(statuses)
    with closing(sqlite3.connect(tmp_path / "cps.db")) as database:
        assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()


async def test_sighup_reloads_every_worker(tmp_path: Path) -> None:
    """SIGHUP reloads trust in every worker; a file that is broken by then is refused, and the old roots stay."""
    async with server(tmp_path) as cps:
        cps.process.send_signal(signal.SIGHUP)
        parts = {line.get("worker"): line["parts"] for line in await cps.until("reloaded", 3)}
        assert {None, "0", "1"} == set(parts)
        assert "trust" in parts["0"]
        await asyncio.to_thread((tmp_path / "anchors.pem").write_text, "nothing")
        cps.process.send_signal(signal.SIGHUP)
        assert {"trust"} == {line["part"] for line in await cps.until("reload_failed", 2)}
        assert 200 == await cps.status(f"{cps.public}/health")


async def test_no_worker_outlives_its_supervisor(tmp_path: Path) -> None:
    """When the supervisor is killed with -9 its workers end by themselves, and the port is free."""
    async with server(tmp_path) as cps:
        workers = cps.workers()
        assert all(map(alive, workers))
        cps.process.kill()
        await until_gone(workers)
        assert await cps.status(f"{cps.public}/health") is None


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path, monkeypatch) -> None:
    """A worker whose event loop does not turn is killed and started again; till then it is not ready."""
    monkeypatch.setenv("PYTHONPATH", str(_impatience(tmp_path)))
    async with server(tmp_path) as cps:
        hung = cps.workers()[0]
        os.kill(hung, signal.SIGSTOP)
        assert {"it does not answer"} == {line["reason"] for line in await cps.until("worker_killed")}
        await cps.until("worker_started", 3)
        assert not alive(hung)
        assert 200 == await cps.status(f"{cps.admin}/ready")


def _impatience(folder: Path) -> Path:
    """Return a folder of site customisations that make the supervisor impatient."""
    (folder / "site").mkdir()
    patience = "limits.WORKER_ASKED_SECONDS, limits.WORKER_SILENCE_SECONDS = 0.1, 3.0"
    (folder / "site" / "sitecustomize.py").write_text(f"from cps_server import limits\n{patience}\n")
    return folder / "site"


async def test_sigterm_is_a_lame_duck_first(tmp_path: Path) -> None:
    """After SIGTERM /ready says no at once, requests are still answered for a while, and then all is gone."""
    async with server(tmp_path, CPS_DRAIN__LAME_DUCK="2") as cps:
        workers = cps.workers()
        assert (200, 200) == (await cps.status(f"{cps.admin}/ready"), await cps.status(f"{cps.public}/health"))
        cps.process.terminate()
        await cps.until("cps_stopping")
        told = time.monotonic()
        assert 503 == await cps.status(f"{cps.admin}/ready")
        while time.monotonic() < told + 1:
            async with cps.session.get(f"{cps.public}/health") as response:
                assert 200 == response.status
            await asyncio.sleep(0.05)
        assert "close" == response.headers["Connection"]
        assert 0 == await asyncio.wait_for(cps.process.wait(), 30)
        assert not any(map(alive, workers))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"CPS_STORE__URL": "memory://"}, "CPS_WORKERS: several workers cannot share memory://"),
        ({"CPS_STORE__URL": "sqlite:////nowhere/cps.db"}, "CPS_STORE__URL: "),
    ],
)
async def test_what_workers_cannot_use_is_said_once(tmp_path: Path, settings: dict[str, str], complaint: str) -> None:
    """A configuration that workers cannot use ends the server with 78 and one line."""
    async with process(tmp_path, **settings) as cps:
        assert 78 == await asyncio.wait_for(cps.process.wait(), 30)
    written = (tmp_path / "log").read_text()
    assert 1 == written.count("cps-server: ")
    assert complaint in written
