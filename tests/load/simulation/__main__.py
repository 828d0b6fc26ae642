"""Simulate, and make the page on capacity from it; see scripts/simulate."""

import argparse
import sys
import time
from collections.abc import Sequence

from tests.load.simulation import page, results
from tests.load.simulation.measure import measure_into


def main(line: Sequence[str] | None = None) -> int:
    """Do what is asked for; always 0."""
    parser = argparse.ArgumentParser(prog="simulate", description="Capacity: a nation's day, cluster against mesh.")
    parser.add_argument(
        "--measure", action="store_true", help="measure this machine first: five minutes, when it is idle"
    )
    given = parser.parse_args(line)
    began = time.monotonic()
    if given.measure:
        measure_into()
        say(began, "measured")
    for name in results.simulate():
        say(began, name)
    page.write()
    say(began, str(page.PAGE))
    return 0


def say(began: float, what: str) -> None:
    """Print what is done, and when."""
    sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
