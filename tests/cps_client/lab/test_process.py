"""Starting, stopping and killing the server of the lab, with stand-ins that misbehave."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cps_client.lab import process
from cps_client.lab.errors import LabError
from cps_client.lab.process import CpsProcess

ROOT = Path(__file__).resolve().parents[3]
HEALTHY = """
import http.server, os, signal, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    healthy_at = time.time() + float(os.environ.get("DELAY", 0))
    def do_GET(self):
        self.send_response(200 if time.time() >= self.healthy_at else 503)
        self.end_headers()
def stop(*_):
    print("stopped in order", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "STUBBORN" in os.environ else stop)
print("pid", os.getpid(), "settings", sorted(n for n in os.environ if n.startswith("CPS_")), flush=True)
host, port = os.environ["CPS_LISTEN"].rsplit(":", 1)
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


def stand_in(directory: Path, script: str = HEALTHY, environment: Mapping[str, str] | None = None) -> CpsProcess:
    """Return a CPS whose server is *script*."""
    return CpsProcess(directory, "cps", environment or {}, command=(sys.executable, "-S", "-c", script))


def alive(pid: int) -> bool:
    """Return whether the process is there and no zombie."""
    try:
        return "Z" != Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return False


async def soon(condition: Callable[[], object]) -> bool:
    """Wait a few seconds at most until *condition* holds, and tell whether it does."""
    for _ in range(500):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


def pid_of(cps: CpsProcess) -> int:
    """Return the server's own process id, as it logged it last."""
    return int([line for line in cps.log.read_text().splitlines() if line.startswith("pid")][-1].split()[1])


async def test_it_is_healthy_and_then_stops_in_order(tmp_path: Path) -> None:
    """Starting waits until /health is 200; stopping lets the server finish."""
    cps = stand_in(tmp_path, environment={"DELAY": "0.3"})
    async with cps:
        assert cps.running
        pid = pid_of(cps)

    assert not cps.running
    assert not alive(pid)
    assert "stopped in order" in cps.log.read_text()


async def test_kill_gives_no_time(tmp_path: Path) -> None:
    """Killing is kill -9: the server gets to say nothing; it starts again on the same port with the same store."""
    async with stand_in(tmp_path) as cps:
        url = cps.url
        await cps.kill()
        assert not cps.running
        assert "stopped in order" not in cps.log.read_text()

        await cps.start()

        assert (url, True) == (cps.url, cps.running)
        assert 0 < cps.start_seconds < 10


async def test_restart_takes_new_settings(tmp_path: Path) -> None:
    """A restart stops in order and starts with other settings."""
    async with stand_in(tmp_path) as cps:
        await cps.restart(CPS_STORE__RETENTION="60")

        assert "CPS_STORE__RETENTION" in cps.log.read_text()
        assert "stopped in order" in cps.log.read_text()


async def test_only_the_lab_s_settings_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever CPS settings stand in the user's environment, the lab's server does not see them."""
    monkeypatch.setenv("CPS_PARTNERS__FILE", "partners.toml")
    monkeypatch.setenv("CPS_CLIENT_SPC", "123A")

    async with stand_in(tmp_path) as cps:
        assert "['CPS_ADMIN_LISTEN', 'CPS_LISTEN', 'CPS_STORE__URL']" in cps.log.read_text()


async def test_a_server_that_dies_at_once_is_explained(tmp_path: Path) -> None:
    """When the server ends, the complaint holds the end of its log."""
    cps = stand_in(tmp_path, "import sys; print('bad configuration: CPS_TRUST'); sys.exit(78)")

    with pytest.raises(LabError, match="bad configuration: CPS_TRUST"):
        await cps.start()

    assert not cps.running


async def test_a_server_that_never_gets_healthy_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is up but not healthy is killed in the end, and the complaint says what it had to say: nothing."""
    monkeypatch.setattr(process, "START_SECONDS", 0.3)
    cps = stand_in(tmp_path, "import time; time.sleep(60)")

    with pytest.raises(LabError, match=r"not healthy after 0\.3 s; its log is empty"):
        await cps.start()

    assert not cps.running


async def test_a_start_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while the server starts leaves no process behind."""
    cps = stand_in(tmp_path, environment={"DELAY": "60"})
    start = asyncio.create_task(cps.start())
    assert await soon(lambda: cps.log.exists() and cps.log.read_text())

    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    assert not alive(pid_of(cps))


async def test_a_stubborn_server_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores the request to stop is killed after a while."""
    monkeypatch.setattr(process, "_STOP_SECONDS", 0.2)
    cps = stand_in(tmp_path, environment={"STUBBORN": "1"})

    async with cps:
        pid = pid_of(cps)

    assert not alive(pid)


async def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    """What is not running can be stopped and killed."""
    cps = stand_in(tmp_path)

    await cps.stop()
    async with cps:
        await cps.stop()
        await cps.kill()

    assert not cps.running


PARENT = """
import asyncio, os, pathlib, sys
from cps_client.lab.process import CpsProcess
async def main():
    cps = CpsProcess(pathlib.Path(sys.argv[1]), "cps", {}, command=(sys.executable, "-S", "-c", sys.argv[2]))
    await cps.start()
    print("up", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
async def test_the_server_dies_with_the_lab(tmp_path: Path) -> None:
    """Even when the lab itself is killed with SIGKILL, its server ends."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path), HEALTHY), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    assert b"up\n" == await parent.stdout.readline()
    pid = int((tmp_path / "cps.log").read_text().split()[1])
    assert alive(pid)

    parent.send_signal(signal.SIGKILL)
    await parent.wait()

    assert await soon(lambda: not alive(pid))
