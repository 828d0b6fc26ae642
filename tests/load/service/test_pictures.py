"""The pictures are drawn by hand: they must be well-formed, complete and readable in the dark."""

from xml.etree import ElementTree as ET

from tests.load.service.pictures import WIDTH, Bar, Point, bars, lines

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [Bar("publish, <memory>", 3.5, 3, 4, aim=3.6), Bar("retrieve & more", 120.4, 100, 130, "second")]
SERIES = {
    "memory, p99": [Point(0.3, 1, 0.5, 2), Point(1.3, 900, 100, 1_500)],
    "memory, p50": [Point(0.3, 0.2, 0.1, 0.3), Point(1.3, 20, 10, 30)],
    "SQLite, p99": [Point(0.3, 2, 1, 3)],
}


def numbers(picture: str) -> list[float]:
    """Return every coordinate along the width."""
    return [
        float(value)
        for element in ET.fromstring(picture).iter()
        for name, value in element.attrib.items()
        if name in {"x", "x1", "x2", "cx"}
    ]


def test_bars_tell_their_numbers() -> None:
    """Each bar has its name and its number, in the picture and in its description, and stays on the page."""
    picture = bars("Costs", "verifications", ROWS, {"first": "publish", "aim": "aim"})
    texts = [element.text for element in ET.fromstring(picture).iter(f"{SVG}text")]

    assert {"publish, <memory>", "retrieve & more", "3.5", "120", "Costs", "publish", "aim"} <= set(texts)
    assert "retrieve &amp; more: 120" in picture
    assert all(0 <= number <= WIDTH for number in numbers(picture))


def test_a_longer_bar_is_a_larger_number() -> None:
    """Widths are in proportion."""
    drawn = ET.fromstring(bars("Costs", "verifications", ROWS, {}))
    widths = [float(each.attrib["width"]) for each in drawn.iter(f"{SVG}rect") if each.attrib["class"] != "page"]

    assert 1 == round(widths[1] / widths[0] / (120.4 / 3.5), 1)


def test_lines_have_all_points() -> None:
    """A line of another percentile has the colour of its server, dashed; every point is on the page."""
    picture = lines("Latency", ("share", "milliseconds"), SERIES, faint=["memory, p50"])
    drawn = ET.fromstring(picture)
    classes = [each.attrib["class"] for each in drawn.iter(f"{SVG}polyline")]

    assert ["line first", "line first faint", "line second"] == classes
    assert 5 == len(list(drawn.iter(f"{SVG}circle")))
    assert all(0 <= number <= WIDTH for number in numbers(picture))
    assert {"30%", "130%"} <= {element.text for element in drawn.iter(f"{SVG}text")}


def test_the_dark_has_colours_of_its_own() -> None:
    """Page, text, bars and lines change with the reader's scheme."""
    _, _, dark = bars("Costs", "verifications", ROWS, {}).partition("prefers-color-scheme: dark")

    assert all(f"{name} {{" in dark for name in (".page", "text", ".first", ".second", ".third", ".aim", ".range"))
