"""Finding a call in audit files, for those who know its numbers: a traceback request names them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cps_server.audit.chain import Line, Secret, parties
from cps_server.audit.verify import FileReport, genuine


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: of one or both ends of a call, as hashes, and from when to when."""

    hashes: dict[str, str]
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(
        cls,
        secret: Secret,
        *,
        orig: str | None = None,
        dest: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> "Wanted":
        """Return what to look for; numbers and URIs are in canonical form."""
        return cls(parties(secret, orig=orig, dest=dest), since, until)

    def fits(self, line: Line) -> bool:
        """Tell whether *line* is a record of this."""
        if any(line.fields.get(name) != value for name, value in self.hashes.items()):
            return False
        time = datetime.fromisoformat(str(line.fields["time"]))
        return (self.since is None or self.since <= time) and (self.until is None or time <= self.until)


def find(paths: Iterable[Path], secret: Secret, wanted: Wanted) -> tuple[list[Line], list[FileReport]]:
    """
    Return the records wanted, in the order of time, and how far each file can be relied on.

    What stands after a break is nobody's word, so it is not looked at.

    Raises:
        OSError: A file cannot be read.
    """
    found, reports = [], []
    for path in paths:
        report = FileReport(path)
        found += [line for line in genuine(report, secret) if wanted.fits(line)]
        reports.append(report)
    return sorted(found, key=lambda line: str(line.fields["time"])), reports
