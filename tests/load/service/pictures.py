"""Figures as pictures: bars and lines in SVG, readable on light and dark pages, with every number in the text too."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 960
LABELS: Final = 300
"""Room for the names of bars, in pixels."""

VALUES: Final = 70
"""Room for their numbers, behind them."""

ROW: Final = 26
TOP: Final = 92
FOOT: Final = 44
PLOT_HEIGHT: Final = 320
PADDING: Final = 28
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_STYLE: Final = """
    .page { fill: #ffffff; stroke: #d0d7de }
    .grid { stroke: #d8dee4 }
    .range { stroke: #1f2328; stroke-width: 1.5 }
    .aim { stroke: #bc4c00; stroke-width: 2.5 }
    .first, .key.first { fill: #0969da }
    .second { fill: #1a7f37 }
    .third { fill: #8c959f }
    .line { fill: none; stroke-width: 2.5 }
    .line.first { stroke: #0969da }
    .line.second { stroke: #1a7f37 }
    .line.third { stroke: #8250df }
    .dot.third { fill: #8250df }
    .faint { stroke-dasharray: 5 5 }
    text { fill: #1f2328 }
    .small { font-size: 12.5px; fill: #57606a }
    .title { font-size: 17px; font-weight: 600 }
    .end { text-anchor: end }
    .middle { text-anchor: middle }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d }
      .grid { stroke: #30363d }
      .range { stroke: #e6edf3 }
      .aim { stroke: #f0883e }
      .first, .key.first { fill: #58a6ff }
      .second { fill: #3fb950 }
      .third { fill: #6e7681 }
      .line { fill: none }
      .line.first { stroke: #58a6ff }
      .line.second { stroke: #3fb950 }
      .line.third { stroke: #bc8cff }
      .dot.third { fill: #bc8cff }
      text { fill: #e6edf3 }
      .small { fill: #9198a1 }
    }
"""
COLOURS: Final = ("first", "second", "third")


@dataclass(frozen=True)
class Bar:
    """One bar: a median, the range of the runs, and what it should not exceed."""

    label: str
    value: float
    least: float
    most: float
    colour: str = "first"
    aim: float | None = None


@dataclass(frozen=True)
class Point:
    """One point of a line, with the range of the runs."""

    x: float
    y: float
    least: float
    most: float


def bars(title: str, unit: str, rows: Sequence[Bar], legend: Mapping[str, str]) -> str:
    """
    Return a picture of horizontal bars.

    Args:
        title: What it shows.
        unit: What the numbers count.
        rows: From top to bottom.
        legend: What each colour means; ``aim`` for the mark.
    """
    left, right = PADDING + LABELS, WIDTH - PADDING - VALUES
    ticks = _ticks(max(max(row.most, row.aim or 0) for row in rows))
    height = TOP + ROW * len(rows) + FOOT

    def at(value: float) -> float:
        return round(left + (right - left) * value / ticks[-1], 1)

    bottom = TOP + ROW * len(rows)
    drawn = [f'<line class="grid" x1="{at(tick)}" y1="{TOP - 6}" x2="{at(tick)}" y2="{bottom}"/>' for tick in ticks]
    drawn += [_text(at(tick), bottom + 18, _number(tick), "small middle") for tick in ticks]
    drawn.append(_text(left, bottom + 36, unit, "small"))
    for number, row in enumerate(rows):
        drawn += _bar(row, TOP + ROW * number, at, left)
    told = "; ".join(f"{row.label}: {_number(row.value)}" for row in rows)
    return _page(title, f"{unit}. {told}.", height, [*_legend(legend), *drawn])


def lines(title: str, axes: tuple[str, str], series: Mapping[str, Sequence[Point]], faint: Sequence[str] = ()) -> str:
    """
    Return a picture of lines over a linear axis and a logarithmic one.

    Args:
        title: What it shows.
        axes: What the horizontal axis counts, in per cent, and what the vertical one does.
        series: The points of each line, by its name.
        faint: The names of those that are drawn dashed, in the colour of the line before them.
    """
    left, right, bottom = PADDING + 50, WIDTH - PADDING - 20, TOP + PLOT_HEIGHT
    points = [point for line in series.values() for point in line]
    decades = _decades([point.least for point in points], [point.most for point in points])
    end = max(point.x for point in points) * 1.05
    low, high = math.log10(decades[0]), math.log10(decades[-1])

    def across(x: float) -> float:
        return round(left + (right - left) * x / end, 1)

    def up(y: float) -> float:
        return round(bottom - PLOT_HEIGHT * (math.log10(max(y, decades[0])) - low) / (high - low), 1)

    drawn = [f'<line class="grid" x1="{left}" y1="{up(y)}" x2="{right}" y2="{up(y)}"/>' for y in decades]
    drawn += [_text(left - 8, up(y) + 4, _number(y), "small end") for y in decades]
    drawn += [_text(across(x), bottom + 18, f"{x:.0%}", "small middle") for x in sorted({point.x for point in points})]
    drawn.append(_text(left, bottom + 36, f"{axes[0]}; {axes[1]}, logarithmic", "small"))
    legend, colours = {}, iter(COLOURS)
    colour = COLOURS[0]
    for name, line in series.items():
        colour = colour if name in faint else next(colours)
        legend[name] = f"{colour} faint" if name in faint else colour
        drawn += _line(line, legend[name], across, up)
    told = "; ".join(
        f"{name}: " + ", ".join(f"{p.x:.0%} {_number(p.y)}" for p in line) for name, line in series.items()
    )
    return _page(title, f"{axes[1]} by {axes[0]}. {told}.", bottom + FOOT, [*_strokes(legend), *drawn])


def _told(point: Point) -> str:
    return f"{point.x:.0%} {_number(point.y)}"


def _bar(row: Bar, top: float, at, left: float) -> Iterable[str]:
    middle = top + ROW / 2 - 2
    yield _text(left - 10, middle + 5, row.label, "end")
    width = round(at(row.value) - left, 1)
    yield f'<rect class="{row.colour}" x="{left}" y="{top}" width="{width}" height="{ROW - 8}" rx="2"/>'
    yield f'<line class="range" x1="{at(row.least)}" y1="{middle}" x2="{at(row.most)}" y2="{middle}"/>'
    if row.aim is not None:
        yield f'<line class="aim" x1="{at(row.aim)}" y1="{top - 3}" x2="{at(row.aim)}" y2="{top + ROW - 5}"/>'
    yield _text(max(at(row.most), at(row.value)) + 8, middle + 5, _number(row.value), "")


def _line(line: Sequence[Point], colour: str, across, up) -> Iterable[str]:
    path = " ".join(f"{across(point.x)},{up(point.y)}" for point in line)
    yield f'<polyline class="line {colour}" points="{path}"/>'
    for point in line:
        x = across(point.x)
        if "faint" not in colour:
            yield f'<line class="range" x1="{x}" y1="{up(point.least)}" x2="{x}" y2="{up(point.most)}"/>'
        yield f'<circle class="dot {colour}" cx="{x}" cy="{up(point.y)}" r="4.5"/>'


def _legend(legend: Mapping[str, str]) -> Iterable[str]:
    x = float(PADDING)
    for colour, meaning in legend.items():
        yield (
            f'<rect class="{colour}" x="{x}" y="54" width="12" height="12"/>'
            if colour != "aim"
            else (f'<line class="aim" x1="{x + 6}" y1="52" x2="{x + 6}" y2="68"/>')
        )
        yield _text(x + 18, 65, meaning, "small")
        x += 40 + 7 * len(meaning)


def _strokes(legend: Mapping[str, str]) -> Iterable[str]:
    x = float(PADDING)
    for name, colour in legend.items():
        yield f'<line class="line {colour}" x1="{x}" y1="60" x2="{x + 24}" y2="60"/>'
        yield _text(x + 30, 65, name, "small")
        x += 52 + 7 * len(name)


def _page(title: str, description: str, height: float, drawn: Iterable[str]) -> str:
    body = "\n  ".join([_text(PADDING, 36, title, "title"), *drawn])
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" \
aria-labelledby="title desc" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="14">
  <title id="title">{escape(title)}</title>
  <desc id="desc">{escape(description)}</desc>
  <style>{_STYLE}  </style>
  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="10"/>
  {body}
</svg>
"""


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'


def _ticks(most: float) -> list[float]:
    """Return round numbers from 0 to at least *most*, some six of them."""
    size = 10.0 ** math.floor(math.log10(most / 6))
    step = next(size * step for step in _STEPS if size * step >= most / 6)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _decades(least: Sequence[float], most: Sequence[float]) -> list[float]:
    """Return powers of ten around all these."""
    low, high = math.floor(math.log10(max(min(least), 1e-3))), math.ceil(math.log10(max(most)))
    return [10.0**power for power in range(low, max(high, low + 1) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
