"""cps-server audit: is the log whole, and what does it say about a call."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cps_server.audit import open_secret
from cps_server.audit.chain import parties
from cps_server.audit.file import AuditFile, instant
from cps_server.cli import app
from tests.cps_server.audit.conftest import NOW

RUN = CliRunner()
ORIG, DEST, OTHER = "12155550100", "12155551212", "12155559999"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of three calls, a day apart, the last one to another number; its key is beside it."""
    path = tmp_path / "audit.jsonl"
    secret = open_secret(tmp_path / "audit.key")
    file = AuditFile(path, secret, rotate_bytes=10**6)
    for day, dest in enumerate((DEST, DEST, OTHER)):
        at = NOW + timedelta(days=day)
        hashes = parties(secret, orig=ORIG, dest=dest)
        file.append([{"time": instant(at), "kind": "request", "spc": f"X0{day}", "reason": None, **hashes}], at)
    file.append([{"time": instant(at), "kind": "stop"}], at)
    file.close()
    return path


def files(log: Path) -> list[str]:
    """Return the names of all files of the log, the rotated ones first."""
    return [str(path) for path in sorted(log.parent.glob("*.jsonl"))]


def run(*arguments: str, code: int = 0) -> str:
    """Run cps-server audit with *arguments*, which has to end with *code*, and return what it printed."""
    result = RUN.invoke(app, ["audit", *arguments])
    assert code == result.exit_code, result.output
    return result.stdout if code in {0, 1} else result.stderr


def found(log: Path, *arguments: str) -> list[str]:
    """Return the SPCs of the records that a search finds."""
    return [record["spc"] for record in json.loads(run("find", *arguments, "--json", *files(log)))["records"]]


def test_an_intact_log(log: Path) -> None:
    """Of an intact log each file is named with its lines and its span; exit code 0."""
    lines = run("verify", *files(log)).splitlines()
    assert 3 == len(lines)
    assert f"{log}: intact, 3 lines, 2026-11-23T12:00:00.123456Z to 2026-11-23T12:00:00.123456Z" == lines[-1]


def test_a_broken_log(log: Path) -> None:
    """The first break of a file is named with its line; exit code 1."""
    log.write_bytes(log.read_bytes().replace(b"X02", b"X03"))
    shown = run("verify", str(log), code=1)
    assert f"{log}: NOT INTACT, 1 lines" in shown
    assert "line 2: break: its hash is wrong" in shown
    report = json.loads(run("verify", "--json", str(log), code=1))
    assert (False, False, 2) == (
        report["intact"],
        report["files"][0]["intact"],
        report["files"][0]["findings"][0]["line"],
    )


def test_find_needs_the_numbers(log: Path) -> None:
    """A call is found by its numbers, both or one, in any spelling; the wrong way round nothing is found."""
    assert ["X00", "X01"] == found(log, "--orig", ORIG, "--dest", DEST)
    assert ["X00", "X01"] == found(log, "--orig", "+1 (215) 555-0100", "--dest", f"tel:+{DEST}")
    assert ["X00", "X01", "X02"] == found(log, "--orig", ORIG)
    assert ["X02"] == found(log, "--dest", OTHER)
    assert [] == found(log, "--orig", DEST, "--dest", ORIG)


def test_find_in_a_span(log: Path) -> None:
    """--since and --until bound the search; a time without a zone is UTC."""
    assert ["X01", "X02"] == found(log, "--orig", ORIG, "--since", "2026-11-22")
    assert ["X00"] == found(log, "--orig", ORIG, "--until", "2026-11-22T13:00:00+01:00")
    assert ["X00", "X01"] == found(log, "--orig", ORIG, "--until", "2026-11-22T12:00:01")


def test_find_for_people(log: Path) -> None:
    """A record is a line; hashes and what is empty are left out."""
    shown = run("find", "--dest", OTHER, *files(log))
    assert "seq=6  time=2026-11-23T12:00:00.123456Z  spc=X02\n" == shown


def test_find_believes_nothing_after_a_break(log: Path) -> None:
    """What stands after a break is not found, and the break is told; exit code 1."""
    first = Path(files(log)[0])
    first.write_bytes(first.read_bytes().replace(b"X00", b"Y00"))
    result = RUN.invoke(app, ["audit", "find", "--orig", ORIG, *files(log)])
    assert 1 == result.exit_code
    assert ["X01", "X02"] == [line.split("spc=")[1] for line in result.stdout.splitlines()]
    assert "NOT INTACT" in result.stderr


def test_the_key_can_be_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is beside the log, or where --key or CPS_AUDIT__KEY_FILE say."""
    key = log.with_name("elsewhere")
    log.with_suffix(".key").rename(key)
    assert "there is no key file beside" in run("verify", str(log), code=78)
    run("verify", "--key", str(key), str(log))
    monkeypatch.setenv("CPS_AUDIT__KEY_FILE", str(key))
    run("verify", str(log))


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["verify", "gone.jsonl"], 78, "gone.jsonl: No such file"),
        (["find", "--orig", ORIG, "gone.jsonl"], 78, "gone.jsonl: No such file"),
        (["find"], 2, "a number is needed"),
        (["find", "--orig", "x y"], 2, "not a telephone number"),
        (["find", "--orig", ORIG, "--since", "soon"], 2, "not a time"),
    ],
)
def test_complaints(log: Path, arguments: list[str], code: int, complaint: str) -> None:
    """Files that are not there end with 78, wrong usage with 2."""
    named = [*arguments, str(log)] if code == 2 else arguments
    key = ["--key", str(log.with_suffix(".key"))]
    assert complaint in " ".join(run(named[0], *key, *named[1:], code=code).split())


def test_a_key_that_others_may_read(log: Path) -> None:
    """A key file that is open to others is refused."""
    log.with_suffix(".key").chmod(0o644)
    assert "0600" in run("verify", str(log), code=78)
