"""Which core does what, and what processes have used so far; on Linux."""

import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ALL: Final = tuple(sorted(os.sched_getaffinity(0)))
"""The cores that the benchmark may use."""

SERVER: Final = ALL[0]
"""Where servers with one process run, and the yardstick, one after the other."""

LOAD: Final = ALL[-1]
"""Where requests come from; with a single core, the same."""


@contextmanager
def on(cores: Iterable[int]) -> Iterator[None]:
    """Run this thread, and every process that it starts meanwhile, on *cores*."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def members(group: int) -> tuple[int, ...]:
    """Return the processes of a process group: a server and its workers."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(path.name)) == group:
                found.append(int(path.name))
    return tuple(sorted(found))


def cpu_seconds(processes: Collection[int]) -> float:
    """Return the CPU time of *processes*, user and system, to the nanosecond; one that is gone is an error."""
    return sum(time.clock_gettime(_clock(process)) for process in processes)


def resident_bytes(processes: Collection[int]) -> int:
    """Return the memory that *processes* have in use."""
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in processes)
    return pages * os.sysconf("SC_PAGE_SIZE")


def _clock(process: int) -> int:
    """Return the number of another process's CPU clock, as clock_getcpuclockid(3) makes it."""
    return (~process << 3) | 2
