"""
Fuzz one target, guided by coverage; ``tests/fuzz/run`` starts this with atheris at hand.

    python -m tests.fuzz.fuzz TARGET FOLDER [options of libFuzzer]

What is found worth keeping goes to FOLDER/corpus/TARGET, what crashes to FOLDER/crashes.
"""

import hashlib
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import atheris

with atheris.instrument_imports(include=["stir", "json"]):
    from tests.fuzz import targets

MOST_BYTES: Final = 65_536
CRASH_MS: Final = 200.0
"""CPU time, instrumentation included, for which an input counts as a crash; the promise, 50 ms, is for plain code."""


class TooSlowError(Exception):
    """An input costs too much."""


class Guard:
    """Runs one target and watches its cost."""

    def __init__(self, name: str) -> None:
        self._run = targets.TARGETS[name].run
        self._slowest = 0.0

    def __call__(self, data: bytes) -> None:
        """Run the target once; on suspicion three times, because other processes share the caches."""
        cost = self._cost(data)
        if cost > CRASH_MS:
            cost = min(cost, self._cost(data), self._cost(data))
        if cost > CRASH_MS:
            raise TooSlowError(f"{cost:.0f} ms for {len(data)} bytes")
        if cost > self._slowest:
            self._slowest = cost
            sys.stderr.write(f"slowest: {cost:.2f} ms for {len(data)} bytes\n")

    def _cost(self, data: bytes) -> float:
        # CPU time of this thread: that the machine did something else meanwhile is not the input's fault.
        began = time.thread_time()
        self._run(data)
        return (time.thread_time() - began) * 1e3


def main() -> None:
    """Write the seeds, and leave the rest to libFuzzer, which ends the process."""
    name, folder, *options = sys.argv[1:]
    target = targets.TARGETS[name]
    corpus, seeds, crashes = (Path(folder, kind) for kind in (f"corpus/{name}", f"seeds/{name}", "crashes"))
    for each in (corpus, seeds, crashes):
        each.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds(targets.world()):
        (seeds / hashlib.sha256(seed).hexdigest()[:24]).write_bytes(seed[:MOST_BYTES])

    def mutator(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        return target.mutator(data, random)[:most]

    own = [f"-artifact_prefix={crashes}/{name}-", f"-max_len={MOST_BYTES}", "-timeout=20", "-print_final_stats=1"]
    arguments = [sys.argv[0], *own, *options, str(corpus), str(seeds)]
    atheris.Setup(arguments, Guard(name), custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
