"""``scripts/demo``, started as a process of its own, as its users start it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ("-m", "cps_client.lab.demo")
FEW = """
import functools, sys
from cps_client.lab import calls, demo, performance, stage
stage.RETENTION = 1
wanted = {wanted!r}
demo.perform = functools.partial(performance.perform, calls=[c for c in calls.CALLS if c.name in wanted])
{sabotage}
sys.argv[0] = "demo"
demo.app()
"""


def few(*wanted: str, sabotage: str = "") -> tuple[str, str]:
    """Return how to run the demo with a few of its calls only, after some *sabotage*."""
    return "-c", FEW.format(wanted=wanted, sabotage=sabotage)


@contextmanager
def started(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start Python with *arguments*, with all temporary files in *tmp_path*."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "CPS_LISTEN": "broken", "CPS_CLIENT_SPC": "!"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """Run Python with *arguments* to its end; return exit code, output and complaints."""
    with started(tmp_path, *arguments) as process:
        out, err = process.communicate(timeout=90)
    return process.returncode, out, err


def rows_of(out: str) -> dict[str, dict]:
    """Return the rows of a JSON report by the names of their calls."""
    return {row["call"]: row for row in json.loads(out)["rows"]}


def servers(tmp_path: Path) -> list[int]:
    """Return the processes that have their files in *tmp_path*."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"CPS_STORE__URL=sqlite:///{tmp_path}".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
        except OSError:
            continue
    return found


def until(condition, seconds: float = 30) -> bool:
    """Wait until *condition* holds, and tell whether it does."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def test_every_call_comes_out_as_it_must(tmp_path: Path) -> None:
    """
    The whole demo exits with 0 after calls over both generations that pass, and calls that do not.

    Whatever settings the user's environment has. Nothing is left behind.
    """
    code, out, err = run(tmp_path, *DEMO, "--json")

    assert (0, "") == (code, err), out
    report = json.loads(out)
    assert report["ok"]
    assert 10 <= len(report["rows"])
    assert {"A", "B", "C"} == {row["attest"] for row in report["rows"] if row["verstat"] == "TN-Validation-Passed"}
    rows = rows_of(out)
    assert [400, 201, 200] == rows["tampered"]["http"]
    assert ("TN-Validation-Failed", 438) == (rows["tampered"]["verstat"], rows["tampered"]["code"])
    assert [201, 200] == rows["kill -9"]["http"]
    assert ["database file", "logs", "after retention"] == [check["check"] for check in report["checks"]]
    assert [] == list(tmp_path.iterdir())
    assert [] == servers(tmp_path)


def test_a_wrong_row_is_noticed(tmp_path: Path) -> None:
    """Where the policy administrator's CRL does not say what it should, the demo shows which rows are wrong: exit 1."""
    names = ("gen. 1, attest A", "revoked", "revoked publisher")
    sabotage = "from stir.testing.revocation import RevocationAuthority as R; R.revoke = lambda *_: None"

    code, out, _ = run(tmp_path, *few(*names, sabotage=sabotage), "--json")

    assert 1 == code
    assert [True, False, False] == [rows_of(out)[name]["ok"] for name in names]
    assert [201, 201, 200] == rows_of(out)["revoked"]["http"]


def test_what_breaks_and_what_leaks_is_noticed(tmp_path: Path) -> None:
    """
    A call during which something breaks spoils its own row and says why.

    Where a number stands in the database or a log, or rows stay in the database, the checks say so: exit 1.
    """
    sabotage = """
from cps_client.lab import performance as p
from cps_client.lab.errors import LabError
async def broken(self):
    raise LabError("nobody here")
stage.Stage.intruder = broken
silent, gone, read = p._silent, p._gone, p.Dump.of
p.Dump.of = lambda database: p.Dump(read(database).text, b"12155550100")
def leaky(stage, numbers):
    with stage.cps.process.log.open("a") as log:
        log.write(min(numbers))
    return silent(stage, numbers)
async def stopped(stage, publishes):
    await stage.cps.process.kill()
    stage.lifetime = 0.5
    return await gone(stage, publishes)
p._silent, p._gone, p._RECLAIM_SECONDS = leaky, stopped, 0.1
"""
    code, out, _ = run(tmp_path, *few("gen. 1, attest A", "other body", sabotage=sabotage))

    assert 1 == code
    assert "and came as LabError: nobody here" in out
    assert re.search(r"^WRONG  database file: 2 publishes in it; .* 1 can be read$", out, re.MULTILINE)
    assert re.search(r"^WRONG  logs: .* 1 can be read$", out, re.MULTILINE)
    assert re.search(r"^WRONG  after retention: 2 of the 2 publishes are left", out, re.MULTILINE)
    assert "1 of 5 came out as they must" in out


def test_a_cps_that_does_not_start_is_explained(tmp_path: Path) -> None:
    """When a CPS does not start, the demo shows what it said, exits with 1 and leaves nothing behind."""
    sabotage = "stage.RETENTION = 'forever'"

    code, _, err = run(tmp_path, *few("stale", sabotage=sabotage))

    assert 1 == code
    assert err.startswith("The lab failed: the CPS did not start; its log ends:")
    assert "CPS_STORE__RETENTION" in err
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM while servers start or calls are made: exit 130, no file and no process is left."""
    with started(tmp_path, *DEMO) as process:
        assert until(lambda: len(servers(tmp_path)) == 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert (130, "", "") == (process.returncode, out, err)
    assert [] == list(tmp_path.iterdir())
    assert [] == servers(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_killed_it_leaves_no_process(tmp_path: Path) -> None:
    """Even kill -9 of the demo leaves no server running."""
    with started(tmp_path, *DEMO) as process:
        assert until(lambda: len(servers(tmp_path)) == 2)
        process.kill()

        assert until(lambda: not servers(tmp_path))


def lines_of(process: subprocess.Popen[str], last: str) -> list[str]:
    """Return what *process* prints up to the line that begins with *last*."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(last):
            break
    return lines


def shell(directory: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run *lines* in a shell, as somebody does who copies them from the terminal."""
    command = ["/bin/sh", "-ec", "\n".join(lines)]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)


def test_kept_up_it_can_be_tried(tmp_path: Path) -> None:
    """With --keep the printed lines work when they are copied to a shell; Ctrl-C then ends it all with exit 0."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with started(tmp_path, *few("gen. 1, attest A"), "--keep") as process:
        lines = lines_of(process, "New lines for curl: ")
        source = next(line for line in lines if line.startswith(". "))
        publish, retrieve = (line for line in lines if line.startswith("curl "))
        commands = [line for line in lines if line.startswith("cps-client ")]
        assert "HTTP/1.1 201 Created" in shell(elsewhere, publish).stdout
        assert '"passports":["eyJ' in shell(elsewhere, retrieve).stdout
        assert "HTTP/1.1 401 Unauthorized" in shell(elsewhere, publish).stdout
        again = shell(elsewhere, source, lines[-1].removeprefix("New lines for curl: ")).stdout.splitlines()
        assert "HTTP/1.1 201 Created" in shell(elsewhere, again[0]).stdout
        said = shell(elsewhere, source, *commands)
        assert (0, True) == (said.returncode, "TN-Validation-Passed" in said.stdout), said
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(timeout=30)

    assert [elsewhere] == list(tmp_path.iterdir())
    assert [] == servers(tmp_path)
