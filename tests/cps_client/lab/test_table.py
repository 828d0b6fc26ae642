"""The demo's table for people."""

import io
from dataclasses import replace

from cps_client.lab.rows import Check, Outcome, Report, Row
from cps_client.lab.table import WIDTH, show

PASSED = Outcome((201, 200), "TN-Validation-Passed", None, "A", 1)
GOOD = Row("plain call", "published, lost on the TDM leg, retrieved", PASSED, PASSED, 12.3)
BAD = replace(GOOD, call="spoofed", came=Outcome((400,), "No-TN-Validation", 438), milliseconds=1234)
CHECK = Check("database", holds=True, detail="holds nothing [readable]")


class Terminal(io.StringIO):
    """Text that claims to be a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def text(report: Report, file: io.StringIO) -> str:
    """Return what is shown of *report*."""
    show(report, file)
    return file.getvalue()


def test_plain_text_is_aligned() -> None:
    """Away from a terminal the columns are aligned with blanks, numbers to the right, with no control characters."""
    lines = text(Report((GOOD, BAD), (CHECK,), 4.56), io.StringIO()).splitlines()

    assert [
        "   call        what was done                              HTTP     verstat                 SIP    ms",
        "1  plain call  published, lost on the TDM leg, retrieved  201 200  TN-Validation-Passed A    -    12  ok",
        "2  spoofed     published, lost on the TDM leg, retrieved  400      No-TN-Validation        438  1234  WRONG",
        "",
    ] == lines[:4]
    assert "ok     database: holds nothing [readable]" in lines


def test_what_is_wrong_is_explained() -> None:
    """Below the table stands what a wrong row had to be and what came, and how many are right."""
    broken = replace(GOOD, came=Outcome(), problem="LabError: the CPS died")

    shown = text(Report((GOOD, BAD, broken), (CHECK,), 4.56), io.StringIO())

    assert "Row 2 must be Outcome(statuses=(201, 200), verstat='TN-Validation-Passed'" in shown
    assert "and came as LabError: the CPS died" in shown
    assert shown.endswith("2 of 4 came out as they must, in 4.6 s.\n")


def test_a_terminal_gets_a_table(monkeypatch) -> None:
    """On a terminal the same cells stand in a table of at most 120 columns, wrong rows in red."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)

    shown = text(Report((GOOD, BAD), (CHECK,), 4.56), Terminal())

    assert "TN-Validation-Passed A" in shown
    assert "\x1b[1;31m" in shown
    assert "holds nothing [readable]" in shown
    assert WIDTH >= max(len(line) for line in shown.splitlines() if "\x1b" not in line)
