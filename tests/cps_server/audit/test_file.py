"""Writing audit files: whole lines, one writer, a chain that goes on whatever happened."""

import errno
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from cps_server.audit import Kind, verify
from cps_server.audit.chain import Secret
from cps_server.audit.file import AuditFile
from tests.cps_server.audit.conftest import NOW, SECRET, request


def kinds(*paths: Path) -> list[Kind]:
    """Return what is noticed about the files."""
    return [finding.kind for report in verify(paths, SECRET) for finding in report.findings]


def lines(path: Path) -> list[dict[str, object]]:
    """Return what the genuine lines of the file hold."""
    return [dict(SECRET.open(line).fields) for line in path.read_bytes().splitlines()]


def test_each_record_is_a_line_of_json(path: Path, writer) -> None:
    """A record is one JSON object in a line, numbered, with the hash of the line before it; numbers are not there."""
    file = writer()
    file.append([request(1), request(2)], NOW)
    file.close()
    start, first, second = lines(path)
    assert ("start", 1, "0" * 64) == (start["kind"], start["seq"], start["prev"])
    assert (1, 2, 2, 3) == (first["n"], second["n"], first["seq"], second["seq"])
    assert first["prev"] != second["prev"]
    assert b"1215555" not in path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_new_process_goes_on(path: Path, writer) -> None:
    """After a restart the chain goes on in the same file."""
    for number in range(3):
        file = writer()
        file.append([request(number), {"time": "2026-11-21T12:00:01.000000Z", "kind": "stop"}], NOW)
        file.close()
    assert list(range(1, 10)) == [line["seq"] for line in lines(path)]
    assert [] == kinds(path)


def test_a_process_that_was_killed_shows(path: Path, writer) -> None:
    """A start without a stop before it is told: the last records of the one before may be missing."""
    for _ in range(2):
        file = writer()
        file.append([request()], NOW)
        file.close()
    assert [Kind.UNCLEAN] == kinds(path)


def test_a_torn_line_stays_and_is_vouched_for(path: Path, writer) -> None:
    """What a killed process wrote of a line stays; the next line says what was there, so it cannot be changed."""
    file = writer()
    file.append([request()], NOW)
    file.close()
    path.write_bytes(path.read_bytes()[:-40])
    file = writer()
    file.append([request()], NOW)
    file.close()
    assert [Kind.TORN, Kind.UNCLEAN] == kinds(path)
    torn = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(torn[0] + torn[1].replace(b"retrieve", b"retreive") + b"".join(torn[2:]))
    assert [Kind.BREAK] == kinds(path)
    path.write_bytes(torn[0] + b"".join(torn[2:]))
    assert [Kind.BREAK] == kinds(path)


def test_a_line_that_was_changed_is_not_gone_on_with(path: Path, writer) -> None:
    """A file whose last line is not ours stays as it is under another name, and a new chain begins."""
    file = writer()
    file.append([request()], NOW)
    file.close()
    changed = path.read_bytes().replace(b"retrieve", b"retreive")
    path.write_bytes(changed)
    file = writer()
    file.append([request()], NOW)
    file.close()
    (aside,) = path.parent.glob("audit.2*.jsonl")
    assert changed == aside.read_bytes()
    assert [Kind.SET_ASIDE] == kinds(path)
    assert [Kind.BREAK] == kinds(aside)


def test_other_keys_do_not_go_on(path: Path, writer) -> None:
    """After a change of the key a new chain begins, and both files are intact, each under its key."""
    first, second = Secret(b"1" * 32), Secret(b"2" * 32)
    for secret in (first, second):
        file = writer(secret=secret)
        file.append([request()], NOW)
        file.close()
    (aside,) = path.parent.glob("audit.2*.jsonl")
    assert all(report.is_intact for report in [*verify([aside], first), *verify([path], second)])


@pytest.mark.parametrize("times", [1, 60_000])
def test_what_is_no_log_at_all(path: Path, writer, times: int) -> None:
    """A file of something else is neither overwritten nor added to."""
    path.write_bytes(b"hello\n" * times)
    file = writer()
    file.append([request()], NOW)
    file.close()
    (aside,) = path.parent.glob("audit.2*.jsonl")
    assert b"hello\n" * times == aside.read_bytes()
    assert [Kind.SET_ASIDE] == kinds(path)


def test_rotation_by_size(path: Path, writer) -> None:
    """A file that has its size is followed by another, in the same chain, and none is lost."""
    file = writer(rotate_bytes=2_000)
    for number in range(20):
        file.append([request(number)], NOW)
    file.close()
    files = [*path.parent.glob("audit.2*.jsonl"), path]
    assert 4 <= len(files)
    assert all(one.stat().st_size < 3_000 for one in files)
    assert {0o600} == {stat.S_IMODE(one.stat().st_mode) for one in files}
    assert [] == kinds(*files)
    assert list(range(20)) == sorted(line["n"] for one in files for line in lines(one) if "n" in line)


def test_rotation_by_day(path: Path, writer) -> None:
    """Each UTC day begins a file, also when the process was started anew in between."""
    file = writer()
    file.append([request(1)], NOW)
    file.append([request(2)], NOW + timedelta(hours=11))
    file.close()
    file = writer()
    file.append([request(3)], NOW + timedelta(hours=12))
    file.close()
    (before,) = path.parent.glob("audit.2*.jsonl")
    assert [[1, 2], [3]] == [[line["n"] for line in lines(one) if "n" in line] for one in (before, path)]


def test_each_writer_has_a_file(path: Path, writer) -> None:
    """A second process writes beside the first, with a chain of its own; a name is free again after its process."""
    first, second, third = writer(), writer(), writer()
    second.close()
    again = writer()
    assert ["audit.jsonl", "audit.2.jsonl", "audit.3.jsonl", "audit.2.jsonl"] == [
        one.path.name for one in (first, second, third, again)
    ]
    for number, file in enumerate((first, third, again)):
        file.append([request(number)], NOW)
        file.close()
    assert [] == kinds(*path.parent.glob("audit*.jsonl"))


@pytest.mark.parametrize("failing", ["write", "short write", "fsync"])
def test_a_full_disk_breaks_nothing(path: Path, writer, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """When the disk is full an append fails; once there is room the log goes on, and the file is intact."""
    file = writer()
    file.append([request(1)], NOW)
    write, fsync = os.write, os.fsync

    def no_room(descriptor: int, data: memoryview) -> int:
        if failing == "short write" and len(data) > 20:
            return write(descriptor, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    def not_synchronised(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(os, *(("fsync", not_synchronised) if failing == "fsync" else ("write", no_room)))
            with pytest.raises(OSError, match=r"No space|Input/output"):
                file.append([request(2)], NOW)
    assert fsync is os.fsync
    file.append([request(3)], NOW)
    file.close()
    assert Kind.BREAK not in kinds(path)
    assert [1, 3] == [n for n in (line.get("n") for line in _genuine(path)) if n in (1, 3)]


def _genuine(path: Path) -> list[dict[str, object]]:
    return [dict(SECRET.open(line).fields) for line in path.read_bytes().splitlines() if line.endswith(b'"}')]


@pytest.mark.parametrize("error", [BlockingIOError(), OSError(errno.ENOLCK, "No locks available")])
def test_a_place_that_cannot_be_locked(path: Path, writer, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Where every name is taken, or nothing can be locked, nothing is written."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr("cps_server.audit.file._MOST_WRITERS", 4)
    with pytest.raises(OSError, match=r"No locks|processes write there already"):
        writer()
    assert not path.exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A place that cannot be written is an error at once."""
    with pytest.raises(FileNotFoundError):
        AuditFile(tmp_path / "gone" / "audit.jsonl", SECRET, rotate_bytes=10**6)
