"""Servers die and peers hang while calls go on: three measurements with their figures; see scripts/chaos."""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence

import uvloop

from tests.load.bench import plain
from tests.load.chaos_calls import percentile
from tests.load.chaos_cluster import Outcome, cluster_under_fire
from tests.load.chaos_workers import workers_under_fire
from tests.load.mesh import HANG_AIM, MESH_AIM_MS, Hang, Spread, hang_of, spread_of


def say(*lines: str) -> None:
    """Print *lines*."""
    sys.stdout.write("\n".join(lines) + "\n\n")
    sys.stdout.flush()


def load() -> str:
    """Return what else the machine has to do."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"


def show_calls(outcome: Outcome) -> bool:
    """Print what happened to calls while servers died; return whether that was a failure."""
    say(plain(outcome.rows()))
    say(plain(outcome.kill_rows()), load(), *outcome.wrong[:5])
    return outcome.failed


def show_spread(spread: Spread) -> bool:
    """Print how publishes spread; return whether any did not."""
    p99 = percentile(spread.all_ms, 99)
    said = [f"p99 at all others {p99:.1f} ms (aim: {MESH_AIM_MS:g} ms: {_met(p99 <= MESH_AIM_MS)})"]
    said += [f"{spread.publishes:,} publishes at {spread.rate:.0f}/s, {len(spread.refused)} refused"]
    said += [f"{spread.missing} missing, {len(spread.wrong)} wrong; {load()}", *spread.wrong[:5], *spread.refused[:5]]
    said += [
        f"CPU for one publish: {spread.node_cpu_ms:.1f} ms at the four nodes, {spread.caller_cpu_ms:.1f} ms to ask"
    ]
    say(plain(spread.rows()), *said)
    return spread.failed


def show_hang(hang: Hang) -> bool:
    """Print what a peer that hangs did to local publishes; return whether any was refused."""
    change = statistics.median(hang.changes(99))
    said = [f"p99 {change:+.1%} (aim: less than {HANG_AIM:.0%} more: {_met(change < HANG_AIM)})"]
    say(plain(hang.rows()), *said, f"{hang.rate:.0f} publishes/s, {len(hang.refused)} refused; {load()}")
    return hang.failed


def _met(held: bool) -> str:  # noqa: FBT001 - it is the one thing it is about
    return "met" if held else "not met on this run"


def main(line: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if a promise was broken, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="chaos", description="Servers die and peers hang while calls go on.")
    parser.add_argument("what", nargs="?", choices=["cluster", "workers", "mesh"], help="one; by default all")
    parser.add_argument("--quick", action="store_true", help="shorter and slower")
    given = parser.parse_args(line)
    failed = False
    if given.what in {None, "cluster"}:
        seconds, rate = (15, 100) if given.quick else (60, 200)
        failed |= show_calls(uvloop.run(cluster_under_fire(seconds=seconds, rate=rate)))
    if given.what in {None, "workers"}:
        kills, rate = (5, 50) if given.quick else (20, 100)
        failed |= show_calls(uvloop.run(workers_under_fire(kills=kills, rate=rate, pause=1)))
    if given.what in {None, "mesh"}:
        failed |= show_spread(uvloop.run(spread_of(seconds=5 if given.quick else 20, rate=100)))
        phases = 2 if given.quick else 6
        failed |= show_hang(uvloop.run(hang_of(phases=phases, seconds=10, rate=100)))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
