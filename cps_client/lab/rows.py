"""What a demo call must come out as, and what it came out as."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final

_OFTEN: Final = 2
"""The most times that a status stands beside itself in a cell."""


@dataclass(frozen=True)
class Outcome:
    """What can be seen of a call."""

    statuses: tuple[int | None, ...] = ()
    """HTTP statuses in the order of the requests; None where a CPS did not answer."""
    verstat: str | None = None
    code: int | None = None
    """SIP response code of the verdict."""
    attest: str | None = None
    passports: int | None = None
    """How many PASSporTs the verdict is about."""

    @property
    def http(self) -> str:
        """The statuses as one cell of a table; the same one more than twice is told once, with how often it came."""
        runs = ((str(status or "-"), len(list(same))) for status, same in groupby(self.statuses))
        return " ".join(f"{status}×{times}" if times > _OFTEN else " ".join([status] * times) for status, times in runs)

    @property
    def result(self) -> str:
        """The verification status and, if the call passed, the level of attestation, as one cell of a table."""
        return f"{self.verstat or '-'}{f' {self.attest}' if self.attest else ''}"

    @property
    def sip(self) -> str:
        """The SIP code as one cell of a table."""
        return str(self.code or "-")


@dataclass(frozen=True)
class Row:
    """One call of the demo."""

    call: str
    done: str
    """What was done, for people."""
    expected: Outcome
    came: Outcome
    milliseconds: float
    problem: str | None = None
    """Why nothing came out."""

    @property
    def as_it_must(self) -> bool:
        """Whether the call came out exactly as it had to."""
        return self.problem is None and self.expected == self.came

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON has it."""
        return {
            "call": self.call,
            "done": self.done,
            **_members(self.came),
            "milliseconds": round(self.milliseconds, 1),
            "expected": _members(self.expected),
            "problem": self.problem,
            "ok": self.as_it_must,
        }


@dataclass(frozen=True)
class Check:
    """Something that must hold for the whole demo."""

    name: str
    holds: bool
    detail: str

    def as_dict(self) -> dict[str, object]:
        """Return the check as JSON has it."""
        return {"check": self.name, "detail": self.detail, "ok": self.holds}


@dataclass(frozen=True)
class Report:
    """All rows and checks of a demo."""

    rows: tuple[Row, ...]
    checks: tuple[Check, ...]
    seconds: float

    @property
    def as_it_must(self) -> bool:
        """Whether there was something to see and all of it came out as it had to."""
        parts = [*(row.as_it_must for row in self.rows), *(check.holds for check in self.checks)]
        return bool(self.rows) and bool(self.checks) and all(parts)

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON has it."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "checks": [check.as_dict() for check in self.checks],
            "seconds": round(self.seconds, 2),
            "ok": self.as_it_must,
        }


def _members(outcome: Outcome) -> Mapping[str, object]:
    members = asdict(outcome)
    return {"http": list(members.pop("statuses")), **members}
