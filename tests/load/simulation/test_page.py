"""Parameters, pictures and the page."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.load.simulation import page, parameters, results, scenarios
from tests.load.simulation.__main__ import main
from tests.load.simulation.charts import Axis, Line, Panel, chart
from tests.load.simulation.engine import Simulation
from tests.load.simulation.parameters import ParameterError, Parameters
from tests.load.simulation.report import filled
from tests.load.simulation.traffic import HOUR, PROFILE, Event, arrivals, day, mean_share

GOOD = 'about = "x"\ndelays = []\n[parameters]\n# why\na = { value = 2, unit = "ms", source = "assumed", note = "n" }\n'


def test_times_are_read_in_seconds(tmp_path: Path) -> None:
    """A parameter in milliseconds comes out in seconds."""
    (tmp_path / "file").write_text(GOOD)

    assert {"a": 0.002} == dict(Parameters.load(tmp_path / "file"))


@pytest.mark.parametrize("wrong", [("2", "nan"), ("2", '"2"'), ("2", "-1"), ("assumed", "guessed"), ("note", "nota")])
def test_incomplete_parameters_are_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    """Each parameter has a number, a unit, a note, and one of the three sources."""
    (tmp_path / "file").write_text(GOOD.replace(*wrong))

    with pytest.raises(ParameterError, match="a: "):
        Parameters.load(tmp_path / "file")


def test_measured_values_are_put_into_the_file(tmp_path: Path) -> None:
    """Saving changes the values, and leaves comments, notes and everything else as they are."""
    (tmp_path / "file").write_text(GOOD)
    parameters.save({"a": 3.14159}, [{"load": 0.51234}], "today", tmp_path / "file")
    held = Parameters.load(tmp_path / "file")

    assert (3.14, "assumed", "today", 0.512) == (
        held.all["a"].value,
        held.all["a"].source,
        held.about,
        held.delays[0]["load"],
    )
    assert "# why" in (tmp_path / "file").read_text()


def test_calls_come_at_the_rate_of_the_hour() -> None:
    """Over a day as many calls come as the profile and the event say, at random."""
    rate = day(20.0, 1.0, (Event("vote", 12.0, HOUR, 3.0),))
    simulation, seen = Simulation(2), []
    simulation.start(arrivals(simulation, rate, 60.0, lambda: iter(seen.append(simulation.now) or ()), 24 * HOUR))
    simulation.run()

    assert 20 * HOUR * (sum(PROFILE) + 2 * PROFILE[12]) == pytest.approx(len(seen), rel=0.03)
    assert max(PROFILE) == 1.0 > mean_share()


def test_pictures_are_for_light_and_dark_pages() -> None:
    """A picture is well-formed, told in words, and follows the reader's colour scheme."""
    axis = Axis("x & y", (1, 10, 100), log=True)
    drawn = chart(
        "A <title>",
        "words",
        [Panel("p", axis, axis, [Line("l", [(1, 1), (10, 100)]), Line("m", [(5, 5)], sign=1, dots=True)])],
    )
    points = [each.get("points") for each in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}polyline")]

    assert "74.0,282.0 425.0,62.0" in points
    assert "prefers-color-scheme: dark" in drawn
    assert "A &lt;title&gt;" in drawn


def test_only_what_is_made_is_replaced() -> None:
    """Prose stays; a block that the page has no place for is a mistake."""
    text = "prose\n<!-- made: a -->\nold\n<!-- end -->\nmore"

    assert "prose\n<!-- made: a -->\n\nnew\n\n<!-- end -->\nmore" == filled(text, {"a": "new"})
    with pytest.raises(AssertionError):
        filled(text, {"a": "new", "b": "nowhere"})


def test_the_page_is_current_and_says_when_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was simulated from other parameters is not taken for current."""
    assert [] == page.stale()
    monkeypatch.setattr(results, "mark", lambda: "another")

    assert [results.FILE] == page.stale()


def test_a_part_of_the_results_comes_out_again() -> None:
    """A simulation that is run again gives what is in the file."""
    assert json.loads(results.FILE.read_text())["results"]["mesh 4"] == results.one("mesh 4")


def test_the_command_simulates_and_writes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One command measures if it is asked to, simulates everything, and writes the page."""
    done: list[str] = []
    monkeypatch.setattr("tests.load.simulation.__main__.measure_into", lambda: done.append("measured"))
    monkeypatch.setattr(results, "simulate", lambda: iter(["day"]))
    monkeypatch.setattr(page, "write", lambda: done.append("written"))

    assert 0 == main(["--measure"])
    assert ["measured", "written"] == done
    assert "day" in capsys.readouterr().out


def test_every_part_has_figures() -> None:
    """Each name of a simulation is in the file of results, and nothing else is."""
    assert set(scenarios.jobs(Parameters.load())) == set(json.loads(results.FILE.read_text())["results"])
