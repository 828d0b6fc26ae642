"""The section's figures as the pictures of the documentation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.load.service.costs import Cost
from tests.load.service.latency import Latency
from tests.load.service.pictures import Bar, Point, bars, lines
from tests.load.service.section import Service

UNIT: Final = "CPU time of one request, in raw ECDSA P-256 verifications; the thin line spans all runs"
LEGEND: Final = {"first": "publish", "second": "retrieve", "third": "bare aiohttp", "aim": "aim"}


def draw(service: Service, folder: Path) -> list[Path]:
    """Write the pictures of all that was measured into *folder*; return their paths."""
    pictures = {}
    if service.costs:
        pictures["benchmark-cost.svg"] = bars("What one request costs", UNIT, _bars(service.costs), LEGEND)
    if service.latency:
        pictures["benchmark-latency.svg"] = _latency(service.latency)
    legend = {key: LEGEND[key] for key in ("first", "second")}
    peers = [row for row in service.growth if "peer" in row.what]  # fifty of them would dwarf all else
    for name, title, rows in (
        ("growth", "What growth costs", [row for row in service.growth if row not in peers]),
        ("peers", "What peers cost", peers),
    ):
        if rows:
            pictures[f"benchmark-{name}.svg"] = bars(title, UNIT, _bars(rows), legend)
    for name, picture in pictures.items():
        (folder / name).write_text(picture)
    return [folder / name for name in pictures]


def _bars(rows: Sequence[Cost]) -> list[Bar]:
    return [
        Bar(row.what, row.ratio.median, row.ratio.least, row.ratio.most, _colour(row.what), row.aim) for row in rows
    ]


def _colour(what: str) -> str:
    if "floor" in what:
        return "third"
    return "second" if what.startswith("retrieve") else "first"


def _latency(rows: Sequence[Latency]) -> str:
    series: dict[str, list[Point]] = {}
    faint = []
    for row in rows:
        for percent, value in (("p99", row.p99_ms), ("p50", row.p50_ms)):
            name = f"{row.what.removeprefix('publish, ')}, {percent}"
            series.setdefault(name, []).append(Point(row.load, value.median, value.least, value.most))
            if percent == "p50":
                faint.append(name)
    return lines("How long a publish takes", ("share of one core's capacity", "milliseconds"), series, faint)
