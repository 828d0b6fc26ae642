"""The regression guard: ratios of now beside those that are checked in. It warns, and never fails."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).resolve().parents[1] / "baseline.json"
TOLERANCE: Final = 0.15
"""By how much a ratio may be larger before it is worth a look: quick runs on a busy machine differ by as much."""

FLOOR: Final = "the floor"
"""What is in the names of rows that have nothing of the product in them."""

HEAD: Final = ("against the baseline", "then", "now", "change", "")


def load(file: Path = FILE) -> dict[str, float]:
    """Return the ratios that are checked in, by row; none if the file is not there."""
    found: dict[str, float] = json.loads(file.read_text())["ratios"] if file.exists() else {}
    return found


def save(ratios: Mapping[str, float], about: Mapping[str, object], file: Path = FILE) -> None:
    """Make *ratios* the baseline, with what machine and versions they are *about*."""
    kept = {name: round(ratio, 2) for name, ratio in ratios.items()}
    file.write_text(json.dumps({"about": about, "ratios": kept}, indent=2, ensure_ascii=False) + "\n")


def compared(then: Mapping[str, float], now: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    """Return the cells of a table: every row of *now*, and what became of it."""
    yield HEAD
    dear = slower(then, now)
    for name, ratio in now.items():
        if name not in then:
            yield name, "", f"{ratio:.2f}", "", "new"
            continue
        change = ratio / then[name] - 1
        word = "SLOWER" if name in dear else "faster" if change < -TOLERANCE else ""
        yield name, f"{then[name]:.2f}", f"{ratio:.2f}", f"{change:+.0%}", word


def slower(then: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """Return the rows that cost clearly more than they did, and by more than the machine makes the floor dearer."""
    floors = [now[name] / then[name] - 1 for name in now if FLOOR in name and name in then]
    bound = TOLERANCE + max([0.0, *floors])
    return [name for name, ratio in now.items() if name in then and ratio / then[name] - 1 > bound]
