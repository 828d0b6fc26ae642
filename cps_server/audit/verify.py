"""Whether audit files are what was written: each line, each file, and the files of one chain together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from cps_server import limits
from cps_server.audit.chain import FIRST, Line, LineError, Link, Secret, is_whole, torn


class Kind(StrEnum):
    """What can be noticed about an audit file."""

    BREAK = "break"
    """Something was changed, removed, put in or moved; nothing after it is vouched for."""
    MISSING = "missing"
    """Lines of the chain are in none of the files given: a file is missing, or was cut at its end."""
    GAP = "gap"
    """The CPS itself says that it could not record some requests."""
    TORN = "torn"
    """A line was not finished because the process died or the disk was full; the CPS itself says so."""
    UNFINISHED = "unfinished"
    """The last line is not whole: it is being written, or the process died."""
    UNCLEAN = "unclean"
    """The process before did not say good-bye: it was killed, or the lines at its end were removed."""
    EARLIER = "earlier"
    """The chain begins in a file that was not given."""
    SET_ASIDE = "set-aside"
    """The CPS found a file that it could not go on with, and began a new chain."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was noticed, and at which line."""

    kind: Kind
    line: int
    detail: str

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {"kind": self.kind.value, "line": self.line, "detail": self.detail}


@dataclass(slots=True)
class FileReport:
    """One file, as far as it is genuine."""

    path: Path
    lines: int = 0
    findings: list[Finding] = field(default_factory=list)
    first: Line | None = None
    last: Line | None = None

    @property
    def is_intact(self) -> bool:
        """Whether every line is as it was written, and none is missing between them."""
        return not any(finding.kind in {Kind.BREAK, Kind.MISSING} for finding in self.findings)

    def note(self, kind: Kind, line: int, detail: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, line, detail))

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "file": str(self.path),
            "intact": self.is_intact,
            "lines": self.lines,
            "from": self.first.fields["time"] if self.first else None,
            "to": self.last.fields["time"] if self.last else None,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def verify(paths: Iterable[Path], secret: Secret) -> list[FileReport]:
    """
    Judge the files at *paths*, in any order, by themselves and as parts of their chains.

    Raises:
        OSError: One of them cannot be read.
    """
    reports = []
    for path in paths:
        report = FileReport(path)
        for _ in genuine(report, secret):
            pass
        reports.append(report)
    _connect(reports)
    return reports


def genuine(report: FileReport, secret: Secret) -> Iterator[Line]:
    """
    Yield the lines of a file up to its first break, and write into *report* what is noticed.

    Raises:
        OSError: The file cannot be read.
    """
    unfinished: list[bytes] = []
    with report.path.open("rb") as file:
        number, ends_whole = 0, True
        while raw := file.readline(2 * limits.AUDIT_LINE_BYTES):
            number += 1
            ends_whole = raw.endswith(b"\n")
            text = raw.removesuffix(b"\n")
            if not is_whole(text):
                unfinished.append(text)
                if len(unfinished) > limits.AUDIT_TORN_LINES:
                    break
                continue
            try:
                line = secret.open(text)
                _follow(report, line, number, unfinished)
            except LineError as error:
                report.note(Kind.BREAK, number, str(error))
                return
            unfinished = []
            report.lines += 1
            report.first = report.first or line
            report.last = line
            yield line
        _end(report, number, unfinished, ends_whole=ends_whole)


def _follow(report: FileReport, line: Line, number: int, unfinished: list[bytes]) -> None:
    """Require that *line* follows the one before it, and what is unfinished between them."""
    before, kind = report.last, line.fields["kind"]
    if unfinished:
        if kind != "start" or line.fields.get("torn") != torn(b"\n".join(unfinished)):
            raise LineError("what stands before this line was written by nobody who has the key")
        report.note(Kind.TORN, number - 1, "a line was not finished; the log went on after it")
    elif "torn" in line.fields:
        raise LineError("the unfinished line that stood before this one is gone")
    if before is None:
        _begin(report, line, number)
    elif (line.link.chain, line.prev) != (before.link.chain, before.link.mac):
        raise LineError("this line does not follow the one before it: lines were removed, put in or moved")
    elif kind == "start" and before.fields["kind"] != "stop" and not line.fields.get("reopened"):
        report.note(Kind.UNCLEAN, number, "the process before ended without a word; its last records may be missing")
    if kind == "gap":
        report.note(Kind.GAP, number, f"{line.fields['lost']} requests since {line.fields['since']} were not recorded")


def _begin(report: FileReport, line: Line, number: int) -> None:
    if line.fields["kind"] != "start":
        raise LineError("the file does not begin with the first line that was written to it")
    if line.fields.get("set_aside"):
        report.note(Kind.SET_ASIDE, number, "the file before could not be gone on with; look for what happened to it")
    if line.prev != FIRST and not line.fields.get("continues"):
        raise LineError("the file does not begin with the first line that was written to it")


def _end(report: FileReport, number: int, unfinished: list[bytes], *, ends_whole: bool) -> None:
    if number == 0:
        report.note(Kind.BREAK, 0, "the file is empty; the CPS begins each with a line")
    if not unfinished:
        return
    if len(unfinished) == 1 and not ends_whole:
        report.note(Kind.UNFINISHED, number, "the last line is not whole")
    else:
        report.note(Kind.BREAK, number, "this is no line of an audit log")


def _connect(reports: list[FileReport]) -> None:
    """Look at the files of each chain in their order: the end of one is the beginning of the next."""
    chains: dict[str, list[tuple[Link, FileReport]]] = defaultdict(list)
    for report in reports:
        if report.first is not None:
            chains[report.first.link.chain].append((report.first.link, report))
    for chain in chains.values():
        chain.sort(key=lambda one: one[0].seq)
        head = chain[0][1]
        if head.first is not None and head.first.prev != FIRST:
            head.note(Kind.EARLIER, 1, "this goes on from a file that was not given")
        for (_, before), (first, report) in pairwise(chain):
            assert before.last is not None  # noqa: S101 - it has a first line
            assert report.first is not None  # noqa: S101 - it has a first line
            if report.first.prev != before.last.link.mac:
                detail = f"lines {before.last.link.seq + 1} to {first.seq - 1} are in no file given"
                report.note(Kind.MISSING, 1, detail)
