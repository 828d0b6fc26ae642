"""What an operation costs, beside a yardstick that is measured in the same breath."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

Batch = Callable[[int], None]
"""Does the operation so many times."""

QUICKEST: Final = 1e-9


@dataclass(frozen=True)
class Sample:
    """One batch: seconds of CPU and by the clock on the wall, for each operation."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Figure:
    """What one operation costs: medians over several batches, and the spread of the batches."""

    what: str
    operations: int
    """How often it was done, all batches together."""
    cpu_us: float
    """CPU time of the thread that does it, in microseconds."""
    cpu_us_min: float
    cpu_us_max: float
    wall_us: float
    ratio: float
    """CPU time over that of the yardstick's batch just before and just after."""
    ratio_min: float
    ratio_max: float


def sample(batch: Batch, count: int) -> Sample:
    """Do *count* operations, and return what one costs; what the one before left behind is collected before."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.thread_time()
    batch(count)
    return Sample((time.thread_time() - cpu) / count, (time.perf_counter() - wall) / count)


def count_for(batch: Batch, seconds: float) -> int:
    """Return how many operations take about *seconds*; the warm-up of it all, too."""
    count = 1
    while True:
        took = max(sample(batch, count).cpu * count, QUICKEST)
        if took > seconds / 4:
            return max(1, round(count * seconds / took))
        count *= 4


def measure(what: str, batch: Batch, yardstick: Batch, *, repeats: int, seconds: float) -> Figure:
    """
    Return what one operation of *batch* costs.

    Batches of the yardstick stand between its own, so that a machine that is slower for a while is so for both.

    Args:
        what: The operation's name.
        batch: The operation.
        yardstick: What it is compared with.
        repeats: How many batches.
        seconds: How long a batch takes, about.
    """
    count, yard_count = count_for(batch, seconds), count_for(yardstick, seconds)
    yards = [sample(yardstick, yard_count).cpu]
    samples: list[Sample] = []
    for _ in range(repeats):
        samples.append(sample(batch, count))
        yards.append(sample(yardstick, yard_count).cpu)
    around = [(before + after) / 2 for before, after in pairwise(yards)]
    cpu = [each.cpu * 1e6 for each in samples]
    ratios = [each.cpu / yard for each, yard in zip(samples, around, strict=True)]
    return Figure(
        what,
        count * repeats,
        *_spread(cpu, 3),
        wall_us=_rounded(statistics.median(each.wall for each in samples) * 1e6, 3),
        **dict(zip(("ratio", "ratio_min", "ratio_max"), _spread(ratios, 3), strict=True)),
    )


def _spread(values: Sequence[float], digits: int) -> tuple[float, float, float]:
    return tuple(_rounded(each, digits) for each in (statistics.median(values), min(values), max(values)))


def _rounded(value: float, digits: int) -> float:
    """Round to so many significant digits; what has more than that before the point keeps them."""
    return float(f"{value:.{digits}g}") if abs(value) < 10**digits else float(round(value))
