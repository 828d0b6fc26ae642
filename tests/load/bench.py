"""
The benchmark of the product, in two sections: what the core's operations cost, and what a CPS does a second.

Exit 0 if it ran and every answer was the one it must be; how fast it was does not matter to the exit code.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.load.core import TARGETS, bench_core
from tests.load.meter import Figure
from tests.load.server import CONNECTIONS, Result, bench_server

CORE_HEAD: Final = ("core", "CPU µs", "from", "to", "× ECDSA", "from", "to", "elapsed µs")
SERVER_HEAD: Final = ("server", "requests", "a second", "p50 ms", "p99 ms", "wrong")
QUICK: Final = {"repeats": 5, "seconds": 0.04}
THOROUGH: Final = {"repeats": 15, "seconds": 0.1}
_SECTIONS: Final = ("core", "server")


def core_rows(figures: Sequence[Figure]) -> Iterator[tuple[str, ...]]:
    """Return the cells of the first table."""
    yield CORE_HEAD
    for one in figures:
        most = TARGETS.get(one.what)
        what = one.what if most is None else f"{one.what} (aim: {most:.2f} ×)"
        spread = (number(value) for value in (one.cpu_us, one.cpu_us_min, one.cpu_us_max))
        ratios = (f"{value:,.2f}" for value in (one.ratio, one.ratio_min, one.ratio_max))
        yield what, *spread, *ratios, number(one.wall_us)


def server_rows(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """Return the cells of the second table."""
    yield SERVER_HEAD
    for one in results:
        yield one.what, f"{one.requests:,}", f"{one.per_second:,.0f}", f"{one.p50_ms}", f"{one.p99_ms}", f"{one.wrong}"


def number(value: float) -> str:
    """Write a number of microseconds, with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in cells)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a document."""
    rules = ["---", *("--:" for _ in rows[0][1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))


def machine() -> dict[str, str | int | None]:
    """Return what the figures depend on."""
    return {
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def arguments_of(line: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="The benchmark of the product.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under a minute and a half")
    parser.add_argument("--only", choices=_SECTIONS, help="one section: core, or server")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there too")
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> int:
    """Run what is asked for, print its tables, and write the figures where ``--json`` says."""
    arguments = arguments_of(line)
    wanted = (arguments.only,) if arguments.only else _SECTIONS
    began = time.monotonic()
    core = bench_core(**(QUICK if arguments.quick else THOROUGH)) if "core" in wanted else []
    server = asyncio.run(bench_server(500 if arguments.quick else 5_000)) if "server" in wanted else []
    tables = [list(rows) for rows, held in ((core_rows(core), core), (server_rows(server), server)) if held]
    about = machine()
    print("\n\n".join((markdown if arguments.markdown else plain)(table) for table in tables))
    print(
        f"\nPython {about['python']}, cryptography {about['cryptography']}, {about['cores']} × {about['machine']}; "
        f"medians and extremes of rounds; {CONNECTIONS} connections; {time.monotonic() - began:.0f} s in all"
    )
    if arguments.json:
        figures = {"core": list(map(asdict, core)), "server": list(map(asdict, server))}
        arguments.json.write_text(json.dumps({**about, **figures}, indent=2) + "\n")
    wrong = sum(result.wrong for result in server)
    if wrong:
        print(f"{wrong} requests were not answered as they must be", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
