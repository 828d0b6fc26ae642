"""When calls come: the hours of a day, busy first seconds of each, and mass-calling events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.load.simulation.engine import Process, Simulation

HOUR: Final = 12.0
"""
Seconds that stand for an hour of the day.

Rates are those of the real day, only their duration is cut: nothing in a CPS remembers longer than a PASSporT lives,
and most of it for milliseconds.
"""

PROFILE: Final = (
    *(0.12, 0.07, 0.05, 0.04, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.97, 1.00),
    *(0.98, 0.97, 0.96, 0.97, 1.00, 1.00, 0.95, 0.85, 0.75, 0.60, 0.40, 0.22),
)
"""Calls of each hour, as a share of the busiest; assumed: the broad hump of telephone traffic on a working day."""

FIRST_SECONDS: Final = 1.0
"""How long the busy beginning of an hour takes here: five minutes of the day."""

Rate = Callable[[float], float]
"""Calls a second at an instant."""


@dataclass(frozen=True)
class Event:
    """Many people call at once."""

    name: str
    hour: float
    """When it begins, in hours of the day."""
    seconds: float
    """How long it takes, in seconds of the simulation."""
    factor: float
    """Calls, over what would come anyway."""

    def covers(self, instant: float) -> bool:
        """Return whether it is on."""
        return 0 <= instant - self.hour * HOUR < self.seconds


def day(busy: float, minute_factor: float, events: tuple[Event, ...]) -> Rate:
    """Return the rate over a day with *busy* calls a second in its busiest hour."""

    def rate(instant: float) -> float:
        hour, into = divmod(instant, HOUR)
        calls = busy * PROFILE[int(hour) % len(PROFILE)]
        if into < FIRST_SECONDS:
            calls *= minute_factor
        for event in events:
            if event.covers(instant):
                calls *= event.factor
        return calls

    return rate


def mean_share() -> float:
    """Return the day's average as a share of its busiest hour."""
    return sum(PROFILE) / len(PROFILE)


def arrivals(simulation: Simulation, rate: Rate, most: float, call: Callable[[], Process], until: float) -> Process:
    """
    Begin calls at random, independent instants, until an instant.

    Args:
        simulation: Where.
        rate: How many a second at each instant.
        most: No less than *rate* ever is: instants of this rate are drawn, and thinned out.
        call: Makes a call.
        until: When to stop.
    """
    chance = simulation.chance
    while simulation.now < until:
        yield chance.expovariate(most)
        if chance.random() * most < rate(simulation.now):
            simulation.start(call())
