"""What was simulated, kept in a file with a mark of what it was simulated from."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cps_server.federation import breaker, republish
from tests.load.simulation.parameters import FILE as PARAMETERS
from tests.load.simulation.parameters import Parameters
from tests.load.simulation.scenarios import jobs

FILE: Final = Path(__file__).with_name("results.json")
SOURCES: Final = ("engine", "node", "cluster", "mesh", "calls", "traffic", "theory", "scenarios")
"""Modules on which the outcome depends."""

DIGITS: Final = 5

Results = dict[str, Any]


def mark() -> str:
    """Return what changes with anything that the outcome depends on."""
    files = [PARAMETERS, *(PARAMETERS.with_name(f"{name}.py") for name in SOURCES)]
    bounds = (republish.OUTBOX, republish.SENDERS, republish.SECONDS, republish.PAUSE_SECONDS)
    bounds += (breaker.FAILURES, breaker.OPEN_SECONDS)
    return sha256(b"".join(file.read_bytes() for file in files) + repr(bounds).encode()).hexdigest()[:16]


def simulate() -> Iterator[str]:
    """Simulate everything on all cores, yielding the name of each part when it is done, and write the file."""
    names = list(jobs(Parameters.load()))
    found: Results = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, figures in zip(names, pool.map(one, names), strict=True):
            found[name] = figures
            yield name
    FILE.write_text(json.dumps({"mark": mark(), "results": found}, indent=1) + "\n")


def one(name: str) -> Any:
    """Simulate one part; numbers have as many digits as mean something."""
    return rounded(jobs(Parameters.load())[name]())


def rounded(value: Any) -> Any:
    """Return *value* with all numbers in it rounded; the last digits depend on the machine's mathematics."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def load() -> Results | None:
    """Return what was simulated; None when that was from something else than what is here now."""
    held = json.loads(FILE.read_text()) if FILE.is_file() else {}
    return held["results"] if held.get("mark") == mark() else None
