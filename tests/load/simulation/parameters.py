"""The numbers that all here is computed from, each with its unit and where it comes from; see parameters.toml."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tomlkit

FILE: Final = Path(__file__).with_name("parameters.toml")
SOURCES: Final = frozenset({"measured", "assumed", "product"})
UNITS: Final = {"µs": 1e-6, "ms": 1e-3}
"""What is not in seconds already."""


class ParameterError(Exception):
    """The file of parameters is not as it must be."""


@dataclass(frozen=True)
class Parameter:
    """One number."""

    name: str
    value: float
    unit: str
    source: str
    """``measured`` by ``./scripts/simulate --measure``, ``assumed``, or fixed by the ``product``."""
    note: str


class Parameters(Mapping[str, float]):
    """All numbers by name; times in seconds, everything else in its own unit."""

    def __init__(
        self, parameters: Mapping[str, Parameter], delays: tuple[Mapping[str, float], ...], about: str
    ) -> None:
        self.all = parameters
        self.delays = delays
        """Delays measured at several loads of one core."""
        self.about = about
        """When and on what the measured ones were."""

    @classmethod
    def load(cls, file: Path = FILE) -> "Parameters":
        """
        Read *file*.

        Raises:
            ParameterError: An entry lacks something, or is none of the three kinds.
        """
        document = tomllib.loads(file.read_text())
        found = {name: _parameter(name, table) for name, table in document["parameters"].items()}
        return cls(found, tuple(document["delays"]), document["about"])

    def with_values(self, **values: float) -> "Parameters":
        """Return the same with other values, in each one's own unit."""
        changed = {name: Parameter(name, values[name], *_rest(one)) for name, one in self.all.items() if name in values}
        return Parameters({**self.all, **changed}, self.delays, self.about)

    def __getitem__(self, name: str) -> float:
        one = self.all[name]
        return one.value * UNITS.get(one.unit, 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)


def save(values: Mapping[str, float], delays: Sequence[Mapping[str, float]], about: str, file: Path = FILE) -> None:
    """Put what was measured into *file*, and leave everything else in it as it is."""
    document = tomlkit.parse(file.read_text())
    for name, value in values.items():
        document["parameters"][name]["value"] = float(f"{value:.3g}")  # type: ignore[index]
    document["about"] = about
    document["delays"] = tomlkit.aot()
    for delay in delays:
        table = tomlkit.table()
        for name, value in delay.items():
            table.add(name, float(f"{value:.3g}"))
        document["delays"].append(table)  # type: ignore[call-arg, arg-type, union-attr]
    file.write_text(tomlkit.dumps(document))


def _parameter(name: str, table: Mapping[str, object]) -> Parameter:
    value, unit, source, note = (table.get(key) for key in ("value", "unit", "source", "note"))
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ParameterError(f"{name}: value is no number of 0 or more")
    if not isinstance(unit, str) or not isinstance(note, str) or source not in SOURCES:
        raise ParameterError(f"{name}: unit, note or source is missing")
    return Parameter(name, float(value), unit, str(source), note)


def _rest(one: Parameter) -> tuple[str, str, str]:
    return one.unit, one.source, one.note
