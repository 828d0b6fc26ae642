"""What queueing theory says: the oracle of the simulator, and the source of the sizes that need no simulation."""

import math
from typing import Final

NEGLIGIBLE: Final = 1e-12
"""Probability that is nothing."""

_ROUNDS: Final = 100_000


def mm_wait(rate: float, seconds: float, servers: int = 1) -> float:
    """Return the mean wait in M/M/c: Poisson arrivals, exponential work of mean *seconds* (Erlang's C formula)."""
    offered = rate * seconds
    load = offered / servers
    term, below = 1.0, 1.0
    for number in range(1, servers):
        term *= offered / number
        below += term
    last = term * offered / servers / (1 - load)
    return last / (below + last) * seconds / (servers - offered)


def mg_wait(rate: float, seconds: float, variation: float) -> float:
    """Return the mean wait in M/G/1: *variation* is standard deviation over mean (Pollaczek and Khinchine)."""
    load = rate * seconds
    return load * seconds * (1 + variation**2) / 2 / (1 - load)


def md_wait(rate: float, seconds: float, servers: int) -> float:
    """
    Return the mean wait in M/D/c, where all work takes the same *seconds* (Crommelin).

    Whoever is in service now has left in *seconds*, and whoever comes in between is still here: so the number present
    follows a Markov chain with that step, which is iterated until it stands; Little's law gives the wait.
    """
    offered = rate * seconds
    arrivals = _poisson(offered)
    present = [1.0]
    for _ in range(_ROUNDS):
        left = [sum(present[: servers + 1]), *present[servers + 1 :]]
        following = [0.0] * (len(left) + len(arrivals) - 1)
        for number, chance in enumerate(left):
            if chance > NEGLIGIBLE:
                for more, other in enumerate(arrivals):
                    following[number + more] += chance * other
        while following[-1] < NEGLIGIBLE:
            following.pop()
        change = sum(map(abs, map(float.__sub__, following, present))) + abs(len(following) - len(present))
        present = following
        if change < NEGLIGIBLE * 100:
            break
    mean = sum(number * chance for number, chance in enumerate(present)) / sum(present)
    return mean / rate - seconds


def _poisson(mean: float) -> list[float]:
    """Return the probabilities of 0, 1, 2 … arrivals."""
    chances = [math.exp(-mean)]
    while len(chances) < mean or chances[-1] > NEGLIGIBLE:
        chances.append(chances[-1] * mean / len(chances))
    return chances
