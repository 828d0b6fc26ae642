"""
The benchmark of the product, in two sections: what the core's operations cost, and what requests cost a whole CPS.

Exit 0 if it ran and every answer was the one it must be; how fast it was does not matter to the exit code.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.load.core import TARGETS, bench_core
from tests.load.meter import Figure
from tests.load.service import baseline, drawn
from tests.load.service.rig import CONNECTIONS
from tests.load.service.section import Service, bench_service
from tests.load.service.section import machine as service_machine

CORE_HEAD: Final = ("core", "CPU µs", "from", "to", "× ECDSA", "from", "to", "elapsed µs")
QUICK: Final = {"repeats": 5, "seconds": 0.04}
THOROUGH: Final = {"repeats": 15, "seconds": 0.1}
_SECTIONS: Final = ("core", "service")


def core_rows(figures: Sequence[Figure]) -> Iterator[tuple[str, ...]]:
    """Return the cells of the first table."""
    yield CORE_HEAD
    for one in figures:
        most = TARGETS.get(one.what)
        what = one.what if most is None else f"{one.what} (aim: {most:.2f} ×)"
        spread = (number(value) for value in (one.cpu_us, one.cpu_us_min, one.cpu_us_max))
        ratios = (f"{value:,.2f}" for value in (one.ratio, one.ratio_min, one.ratio_max))
        yield what, *spread, *ratios, number(one.wall_us)


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
        **service_machine(),
    }


def arguments_of(line: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="The benchmark of the product.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under a minute and a half")
    parser.add_argument("--only", choices=_SECTIONS, help="one section: core, or service")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there too")
    parser.add_argument("--draw", metavar="FOLDER", type=Path, help="write the service's pictures there")
    parser.add_argument("--compare", action="store_true", help="show what changed since the checked-in baseline")
    parser.add_argument("--keep", action="store_true", help="make these figures that baseline")
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> int:
    """Run what is asked for, print its tables, and write the figures where ``--json`` says."""
    arguments = arguments_of(line)
    wanted = (arguments.only,) if arguments.only else _SECTIONS
    began = time.monotonic()
    core = bench_core(**(QUICK if arguments.quick else THOROUGH)) if "core" in wanted else []
    service = bench_service(quick=arguments.quick) if "service" in wanted else None
    tables = [list(core_rows(core))] if core else []
    tables += service.tables() if service is not None else []
    about = machine()
    print("\n\n".join((markdown if arguments.markdown else plain)(table) for table in tables))
    print(
        f"\nPython {about['python']}, cryptography {about['cryptography']}, {about['cores']} × {about['machine']}; "
        f"medians and extremes of rounds; {CONNECTIONS} connections; {time.monotonic() - began:.0f} s in all"
    )
    if arguments.json:
        figures = {"core": list(map(asdict, core)), "service": asdict(service) if service is not None else None}
        arguments.json.write_text(json.dumps({**about, **figures}, indent=2, ensure_ascii=False) + "\n")
    return finish(service, arguments, about) if service is not None else 0


def finish(service: Service, arguments: argparse.Namespace, about: Mapping[str, object]) -> int:
    """Draw and compare as is asked for; return 1 if anything was not answered as it must be."""
    if arguments.draw:
        drawn.draw(service, arguments.draw)
    if arguments.compare:
        then = baseline.load()
        rows = list(baseline.compared(then, service.ratios))
        print(f"\n{(markdown if arguments.markdown else plain)(rows)}")
        for name in baseline.slower(then, service.ratios):
            print(f"warning: {name}: costs clearly more than it did", file=sys.stderr)
    if arguments.keep:
        baseline.save(service.ratios, about)
    for row in (*service.costs, *service.growth):
        if row.wrong:
            print(f"{row.what}: wrong statuses: {row.others}", file=sys.stderr)
    if service.wrong:
        print(f"{service.wrong} requests were not answered as they must be", file=sys.stderr)
    return 1 if service.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
