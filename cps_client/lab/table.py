"""The demo's report for people: a coloured table on a terminal, aligned text everywhere else."""

from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from cps_client.lab.rows import Report, Row

WIDTH: Final = 120
"""Most columns that the report takes."""

_HEAD: Final = ("", "call", "what was done", "HTTP", "verstat", "SIP", "ms", "")
_RIGHT: Final = frozenset({5, 6})
_NOTE: Final = (
    "HTTP: the answers to the publishes, then to the retrieves. What the CPS refused with 400 went on through a",
    "partner's CPS that checks no PASSporT, and had to be caught by the verifier at the far end.",
)


def show(report: Report, file: TextIO) -> None:
    """Print *report* to *file*."""
    if file.isatty():
        _show_rich(report, Console(file=file))
    else:
        file.writelines(f"{line}\n" for line in _plain(report))


def _cells(number: int, row: Row) -> tuple[str, ...]:
    verdict = "ok" if row.as_it_must else "WRONG"
    seen = (row.came.http or "-", row.came.result, row.came.sip)
    return (str(number), row.call, row.done, *seen, f"{row.milliseconds:.0f}", verdict)


def _plain(report: Report) -> Iterator[str]:
    table = [_HEAD, *(_cells(number, row) for number, row in enumerate(report.rows, 1))]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEAD))]
    for cells in table:
        padded = (
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
    yield ""
    yield from _below(report)


def _show_rich(report: Report, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, width=min(WIDTH, console.width))
    for column, title in enumerate(_HEAD):
        table.add_column(title, justify="right" if column in _RIGHT else "left", overflow="fold")
    for number, row in enumerate(report.rows, 1):
        table.add_row(*_cells(number, row), style="" if row.as_it_must else "bold red")
    console.print(table)
    for line in _below(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _below(report: Report) -> Iterator[str]:
    yield from (*_NOTE, "")
    for check in report.checks:
        yield f"{'ok   ' if check.holds else 'WRONG'}  {check.name}: {check.detail}"
    yield ""
    yield from _complaints(report.rows)
    good = sum(row.as_it_must for row in report.rows) + sum(check.holds for check in report.checks)
    total = len(report.rows) + len(report.checks)
    yield f"{good} of {total} came out as they must, in {report.seconds:.1f} s."


def _complaints(rows: Sequence[Row]) -> Iterator[str]:
    for number, row in enumerate(rows, 1):
        if not row.as_it_must:
            yield f"Row {number} must be {row.expected}"
            yield f"      and came as {row.problem or row.came}"
