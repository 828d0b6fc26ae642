"""The page on capacity with its pictures: written, or compared."""

from pathlib import Path
from typing import Final

from tests.load.simulation import results
from tests.load.simulation.parameters import Parameters
from tests.load.simulation.pictures import pictures
from tests.load.simulation.report import blocks, filled

FOLDER: Final = Path(__file__).resolve().parents[3] / "docs" / "explanation"
PAGE: Final = FOLDER / "capacity.md"


def files() -> dict[Path, str] | None:
    """Return what page and pictures have to be; None when what was simulated is out of date."""
    simulated = results.load()
    if simulated is None:
        return None
    parameters = Parameters.load()
    drawn = {FOLDER / name: text for name, text in pictures(parameters, simulated).items()}
    return {PAGE: filled(PAGE.read_text(), blocks(parameters, simulated)), **drawn}


def stale() -> list[Path]:
    """Return which files are not what they have to be."""
    wanted = files()
    if wanted is None:
        return [results.FILE]
    return [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]


def write() -> None:
    """Write page and pictures from what was simulated last."""
    for path, text in (files() or {}).items():
        path.write_text(text)
