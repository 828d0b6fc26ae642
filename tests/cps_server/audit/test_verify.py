"""Tampering with audit files: each kind is found; what the CPS itself reports is no tampering."""

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cps_server.audit import Kind, verify
from cps_server.audit.chain import Secret
from cps_server.audit.file import instant
from tests.cps_server.audit.conftest import NOW, SECRET, request

STOP = {"time": instant(NOW), "kind": "stop"}


@pytest.fixture
def log(path: Path, writer) -> Path:
    """Return a file with a first line, ten requests, a gap and a last line."""
    file = writer()
    file.append([request(number) for number in range(10)], NOW)
    file.append([{"time": instant(NOW), "kind": "gap", "lost": 3, "since": instant(NOW)}, STOP], NOW)
    file.close()
    return path


def kinds(*paths: Path, secret: Secret = SECRET) -> list[Kind]:
    """Return what is noticed about the files."""
    return [finding.kind for report in verify(paths, secret) for finding in report.findings]


def first_break(path: Path) -> int | None:
    """Return at which line the first break of the file is."""
    (report,) = verify([path], SECRET)
    return next((finding.line for finding in report.findings if finding.kind is Kind.BREAK), None)


def rewrite(path: Path, change: Callable[[list[bytes]], None]) -> None:
    """Change the lines of the file, as someone without the key would."""
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def test_what_was_not_touched_is_intact(log: Path) -> None:
    """A file as it was written is intact, and says what the CPS could not record."""
    (report,) = verify([log], SECRET)
    assert (True, 13, [Kind.GAP]) == (report.is_intact, report.lines, [finding.kind for finding in report.findings])
    assert "3 requests" in report.findings[0].detail


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_flipped_bit_is_found(log: Path, data: st.DataObject) -> None:
    """Whichever bit of the file is flipped, it is found, at its own line or the next."""
    original = log.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    log.write_bytes(changed)
    found, line = first_break(log), original[:place].count(b"\n") + 1
    unfinished = Kind.UNFINISHED in kinds(log)
    log.write_bytes(original)
    if place == len(original) - 1:  # the last line's end
        assert found is not None or unfinished
    else:
        assert found in (line, line + 1)


@pytest.mark.parametrize("number", range(13))
def test_a_removed_line_is_found(log: Path, number: int) -> None:
    """Removing any line but the last breaks the chain; the last one is the stop line, which is then missing."""
    rewrite(log, lambda lines: lines.pop(number))
    assert (number + 1 if number < 12 else None) == first_break(log)


@pytest.mark.parametrize("number", range(12))
def test_two_lines_that_change_places_are_found(log: Path, number: int) -> None:
    """Lines cannot be put into another order."""

    def swap(lines: list[bytes]) -> None:
        lines[number], lines[number + 1] = lines[number + 1], lines[number]

    rewrite(log, swap)
    assert number + 1 == first_break(log)


@pytest.mark.parametrize("number", range(1, 13))
def test_a_line_put_in_is_found(log: Path, number: int) -> None:
    """A genuine line at another place, and a line under another key, are found."""
    original = log.read_bytes()
    rewrite(log, lambda lines: lines.insert(number, lines[5]))
    assert first_break(log) in (number + 1, number + 2)
    log.write_bytes(original)
    line = SECRET.open(original.splitlines()[number - 1])
    forged, _ = Secret(b"f" * 32).seal(request(), line.link)
    rewrite(log, lambda lines: lines.insert(number, forged))
    assert number + 1 == first_break(log)


def test_a_cut_in_the_middle_is_found(log: Path) -> None:
    """Bytes removed from the middle are found, whole lines or not."""
    original = log.read_bytes()
    chooser = random.Random(1)
    ends = [place for place in range(len(original)) if original[place : place + 1] == b"\n"]
    for _ in range(50):
        start, end = sorted(chooser.sample(range(ends[-2]), 2))
        log.write_bytes(original[:start] + original[end:])
        assert first_break(log) is not None
    for start, end in pairwise(ends[:-1]):
        log.write_bytes(original[: start + 1] + original[end + 1 :])
        assert first_break(log) is not None


def test_a_last_line_that_is_not_whole_is_tolerated(log: Path) -> None:
    """A line that is being written, or was when the process died, is no tampering; it is told."""
    original = log.read_bytes()
    last = original.rstrip(b"\n").rfind(b"\n")
    for end in range(last + 2, len(original) - 1):
        log.write_bytes(original[:end])
        assert [Kind.GAP, Kind.UNFINISHED] == kinds(log)


def test_an_emptied_file_is_found(log: Path) -> None:
    """Every file begins with a line, so an empty one was emptied."""
    log.write_bytes(b"")
    assert [Kind.BREAK] == kinds(log)


@pytest.mark.parametrize("more", [b"nonsense\n", b"\n", b"x" * 10_000 + b"\n", b"a\n" * 100, b"a\nb"])
def test_what_is_appended_is_found(log: Path, more: bytes) -> None:
    """What was added at the end is found unless it looks like the beginning of a line."""
    log.write_bytes(log.read_bytes() + more)
    assert Kind.BREAK in kinds(log)


def test_another_key_finds_nothing_genuine(log: Path) -> None:
    """Under another key the first line is a break already."""
    assert [Kind.BREAK] == kinds(log, secret=Secret(b"x" * 32))


@pytest.fixture
def series(log: Path, writer) -> list[Path]:
    """Return three files of one chain, begun on three days, and in the order of their lines."""
    file = writer()
    for day in (1, 2):
        later = NOW + timedelta(days=day)
        file.append([request(day, at=later)], later)
    file.append([STOP], NOW + timedelta(days=2))
    file.close()
    return [*sorted(set(log.parent.glob("audit.*.jsonl"))), log]


def test_a_series_is_one_chain(series: list[Path]) -> None:
    """Rotated files are intact together, in whatever order they are named."""
    assert 3 == len(series)
    assert all(report.is_intact for report in verify(series, SECRET))
    assert all(report.is_intact for report in verify(reversed(series), SECRET))
    assert [Kind.GAP] == kinds(*series)


def test_a_series_without_its_beginning(series: list[Path]) -> None:
    """Files whose predecessors were not given are intact, and that is told."""
    assert [Kind.EARLIER] == kinds(*series[1:])


def test_a_series_without_its_middle(series: list[Path]) -> None:
    """A file that is missing in between is found."""
    assert [Kind.GAP, Kind.MISSING] == kinds(series[0], series[2])


def test_a_cut_end_shows_in_the_next_file(series: list[Path]) -> None:
    """Whole lines removed from the end of a file are found by the beginning of the next."""
    rewrite(series[1], lambda lines: lines.pop())
    assert Kind.MISSING in kinds(*series)


def test_the_first_lines_cannot_be_removed(series: list[Path]) -> None:
    """A file cannot begin anywhere else than where it began, not even at a start line."""
    original = series[0].read_bytes()
    for number in range(1, len(original.splitlines())):
        rewrite(series[0], lambda lines, number=number: lines.__delitem__(slice(0, number)))
        assert 1 == first_break(series[0])
        series[0].write_bytes(original)


def test_a_file_in_the_place_of_another(series: list[Path], tmp_path: Path, writer) -> None:
    """A file from another chain of the same CPS does not pass for one of this."""
    other = writer(path=tmp_path / "other.jsonl")
    other.append([request()], NOW)
    other.close()
    series[1].write_bytes((tmp_path / "other.jsonl").read_bytes())
    assert Kind.MISSING in kinds(*series)
