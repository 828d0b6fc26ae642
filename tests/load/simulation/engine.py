"""
A small discrete-event simulator: processes that wait, servers with queues, and what is counted over time.

A process is a generator that yields how many seconds it waits. The clock jumps from one event to the next, so a busy
hour costs as many steps as it has events, and the same seed gives the same hour again.
"""

import heapq
import math
import random
from collections.abc import Generator, Sequence
from typing import Final

Process = Generator[float, None, None]
"""Yields the seconds that it waits; values go through what it shares with others."""


class Simulation:
    """
    The clock and what happens next.

    Args:
        seed: Of all that is random.
    """

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self.events = 0
        """How many there were."""
        self._next: list[tuple[float, int, Process]] = []

    def start(self, process: Process, after: float = 0.0) -> None:
        """Let *process* begin, now or some seconds later."""
        self.events += 1
        heapq.heappush(self._next, (self.now + after, self.events, process))

    def run(self, until: float = math.inf) -> None:
        """Let happen all that happens up to an instant, or until nothing is left."""
        waiting = self._next
        while waiting and waiting[0][0] <= until:
            self.now, _, process = heapq.heappop(waiting)
            for pause in process:
                self.events += 1
                heapq.heappush(waiting, (self.now + pause, self.events, process))
                break
        if until < math.inf:
            self.now = until


class Server:
    """
    Some cores with one queue, first come first served.

    Nobody has to stand in the queue: when work comes it is known when its turn will be.
    """

    def __init__(self, simulation: Simulation, cores: int = 1) -> None:
        self._simulation = simulation
        self._free_at = [0.0] * cores
        self.life = 0
        """Changes when it dies: who waited for it compares, and knows that its work is lost."""
        self.is_up = True
        self.pace = 1.0
        """How many times slower it is than it should be."""
        self.busy = 0.0
        """Seconds of all work taken."""

    @property
    def wait(self) -> float:
        """How long work that comes now waits for its turn, in seconds."""
        return max(0.0, self._free_at[0] - self._simulation.now)

    def take(self, seconds: float) -> float:
        """Take work of so many *seconds*; return when it is done, in seconds from now."""
        now, seconds = self._simulation.now, seconds * self.pace
        done = max(now, self._free_at[0]) + seconds
        heapq.heapreplace(self._free_at, done)
        self.busy += seconds
        return done - now

    def die(self) -> None:
        """Lose all work, and take no more that anyone will see the end of."""
        self.is_up, self.life = False, self.life + 1
        self._free_at = [self._simulation.now] * len(self._free_at)

    def rise(self) -> None:
        """Work again, with an empty queue."""
        self.is_up = True
        self._free_at = [self._simulation.now] * len(self._free_at)


class Level:
    """A number that goes up and down: its average over time, and its highest."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._since = simulation.now
        self._began = simulation.now
        self._area = 0.0
        self.value = 0
        self.highest = 0

    def add(self, change: int) -> None:
        """Go up, or down."""
        now = self._simulation.now
        self._area += self.value * (now - self._since)
        self._since = now
        self.value += change
        self.highest = max(self.highest, self.value)

    @property
    def mean(self) -> float:
        """The average over the time up to now."""
        now = self._simulation.now
        return (self._area + self.value * (now - self._since)) / (now - self._began)


class Demand:
    """
    Work of random length: a fixed part, and a part with the exponential distribution.

    Args:
        seconds: The mean.
        variation: Standard deviation over mean; 0 is always the same, 1 is exponential.
    """

    def __init__(self, seconds: float, variation: float) -> None:
        self.seconds: Final = seconds
        self._fixed = seconds * (1 - variation)
        self._rest = seconds * variation

    def draw(self, chance: random.Random) -> float:
        """Return one length, in seconds."""
        return self._fixed - self._rest * math.log(1.0 - chance.random())


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many per cent do not exceed; not a number when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else math.nan
