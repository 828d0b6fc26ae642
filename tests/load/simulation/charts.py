"""Line charts as SVG by hand: readable on light and dark pages, without a library and without scripts."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 800
LEFT: Final = 74
RIGHT: Final = 24
TOP: Final = 62
HEIGHT: Final = 220
"""Of the drawing area of one panel."""

GAP: Final = 96
"""Between two panels: the axis below the one, and the title and the legend of the other."""

COLOURS: Final = (("#0969da", "#58a6ff"), ("#bc4c00", "#f0883e"), ("#1a7f37", "#3fb950"), ("#8250df", "#bc8cff"))
"""On light pages, and on dark ones."""

DASHES: Final = ("", "7 4", "2 3", "9 3 2 3")
"""A second sign beside the colour."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """What an axis shows: its ends, and where it has numbers."""

    label: str
    ticks: Sequence[float]
    names: Sequence[str] = ()
    log: bool = False

    def place(self, value: float) -> float:
        """Return where *value* is, from 0 to 1; what lies outside is at the end."""
        low, high, value = (self._scale(each) for each in (self.ticks[0], self.ticks[-1], value))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def marks(self) -> Iterator[tuple[float, str]]:
        """Yield the places with their numbers."""
        names = self.names or [f"{tick:,g}" for tick in self.ticks]
        yield from zip(map(self.place, self.ticks), names, strict=True)

    def _scale(self, value: float) -> float:
        return math.log10(max(value, self.ticks[0])) if self.log else value


@dataclass(frozen=True)
class Line:
    """One line of a panel, or only its points."""

    name: str
    points: Sequence[Point]
    sign: int = 0
    """Which colour and dashes: what has a name twice has the same in both panels."""
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines over two axes."""

    title: str
    across: Axis
    up: Axis
    lines: Sequence[Line]


def chart(title: str, description: str, panels: Sequence[Panel]) -> str:
    """Return a picture of *panels*, one below the other; *description* is for those who do not see it."""
    height = TOP + len(panels) * HEIGHT + (len(panels) - 1) * GAP + 58
    parts = [_head(title, description, height)]
    for number, panel in enumerate(panels):
        parts += _panel(panel, TOP + number * (HEIGHT + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _head(title: str, description: str, height: int) -> str:
    light, dark = ("\n".join(_colours(which)) for which in (0, 1))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title desc" \
font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13">
  <title id="title">{escape(title)}</title>
  <desc id="desc">{escape(description)}</desc>
  <style>
    .page {{ fill: #ffffff; stroke: #d0d7de }}
    .grid {{ stroke: #d8dee4 }}
    text {{ fill: #57606a }}
    .title {{ fill: #1f2328; font-weight: 600; font-size: 14px }}
    .line {{ fill: none; stroke-width: 2; stroke-linejoin: round }}
{light}
    @media (prefers-color-scheme: dark) {{
    .page {{ fill: #0d1117; stroke: #30363d }}
    .grid {{ stroke: #30363d }}
    text {{ fill: #9198a1 }}
    .title {{ fill: #e6edf3 }}
{dark}
    }}
  </style>
  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>"""


def _colours(which: int) -> Iterator[str]:
    for number, pair in enumerate(COLOURS):
        yield f"    .line.c{number} {{ stroke: {pair[which]} }} .dot.c{number} {{ fill: {pair[which]} }}"


def _panel(panel: Panel, top: int) -> Iterator[str]:
    wide, bottom = WIDTH - LEFT - RIGHT, top + HEIGHT
    yield f'  <text class="title" x="{LEFT}" y="{top - 36}">{escape(panel.title)}</text>'
    yield from _legend(panel, top - 14)
    for place, name in panel.up.marks():
        y = bottom - place * HEIGHT
        yield f'  <line class="grid" x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'  <text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>'
    for place, name in panel.across.marks():
        yield f'  <text x="{LEFT + place * wide:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(name)}</text>'
    yield f'  <text x="{LEFT + wide / 2}" y="{bottom + 38}" text-anchor="middle">{escape(panel.across.label)}</text>'
    yield (
        f'  <text transform="translate(18 {top + HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(panel.up.label)}</text>"
    )
    for line in panel.lines:
        places = [(LEFT + panel.across.place(x) * wide, bottom - panel.up.place(y) * HEIGHT) for x, y in line.points]
        yield from _line(line, places)


def _line(line: Line, places: Sequence[Point]) -> Iterator[str]:
    if not line.dots:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'  <polyline class="line c{line.sign}" stroke-dasharray="{DASHES[line.sign]}" points="{path}"/>'
        return
    for x, y in places:
        yield f'  <circle class="dot c{line.sign}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _legend(panel: Panel, y: int) -> Iterator[str]:
    x = LEFT
    for line in panel.lines:
        yield from _line(line, [(x + 12, y - 4)] if line.dots else [(x, y - 4), (x + 26, y - 4)])
        yield f'  <text x="{x + 32}" y="{y}">{escape(line.name)}</text>'
        x += 52 + round(7.4 * len(line.name))
