"""The regression guard warns about what costs clearly more, and about nothing else."""

from pathlib import Path

from tests.load.service import baseline
from tests.load.service.costs import Spread
from tests.load.service.drawn import draw
from tests.load.service.latency import Latency
from tests.load.service.section import Service


def test_a_clearly_larger_ratio_is_told() -> None:
    """Within the tolerance nothing is said; a row that is new has nothing to be compared with."""
    then = {"publish": 4.0, "retrieve": 2.0, "floor": 1.0}
    now = {"publish": 4.8, "retrieve": 2.1, "floor": 0.5, "more": 1.0}
    _, *rows = baseline.compared(then, now)

    assert ["publish"] == baseline.slower(then, now)
    assert ["SLOWER", "", "faster", "new"] == [row[-1] for row in rows]
    assert ("publish", "4.00", "4.80", "+20%", "SLOWER") == rows[0]


def test_a_busy_machine_is_no_regression() -> None:
    """Where the bare server has become dearer too, only what has become dearer still is told."""
    then = {"publish, the floor": 1.0, "publish, memory": 4.0, "publish, SQLite": 4.0}
    now = {"publish, the floor": 1.5, "publish, memory": 6.0, "publish, SQLite": 8.0}

    assert ["publish, SQLite"] == baseline.slower(then, now)


def test_what_is_kept_can_be_loaded(tmp_path: Path) -> None:
    """The file says which machine it is about; a file that is not there compares with nothing."""
    assert {} == baseline.load(tmp_path / "baseline.json")

    baseline.save({"publish": 4.1234}, {"python": "3.11"}, tmp_path / "baseline.json")

    assert {"publish": 4.12} == baseline.load(tmp_path / "baseline.json")
    assert '"python": "3.11"' in (tmp_path / "baseline.json").read_text()


def test_the_baseline_that_is_checked_in_has_the_rows_that_matter() -> None:
    """Publish and retrieve of every store are compared."""
    assert {f"{what}, {store}" for what in ("publish", "retrieve") for store in ("memory", "SQLite", "Valkey")} <= set(
        baseline.load()
    )


def test_only_what_was_measured_is_drawn(tmp_path: Path) -> None:
    """A run without growth leaves the picture of growth as it was."""
    spread = Spread(1.0, 0.5, 2.0)
    row = Latency("publish, memory", 0.7, 5, 100, 0, *[spread] * 7)
    service = Service(spread, [], [], [row], [], [])

    assert [tmp_path / "benchmark-latency.svg"] == draw(service, tmp_path)
    assert "memory, p99" in (tmp_path / "benchmark-latency.svg").read_text()
