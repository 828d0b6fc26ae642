"""The benchmark measures what it says."""

import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.load import bench, core, meter
from tests.load.service import baseline
from tests.load.service.costs import Cost, Spread
from tests.load.service.section import Service


def burn(seconds: float) -> meter.Batch:
    """Return an operation that takes so much CPU time."""

    def batch(count: int) -> None:
        end = time.thread_time() + count * seconds
        while time.thread_time() < end:
            pass

    return batch


def test_an_operation_is_compared_with_the_yardstick() -> None:
    """What takes three times the CPU time of the yardstick has the ratio 3, and its cost in microseconds."""
    found = meter.measure("work", burn(300e-6), burn(100e-6), repeats=5, seconds=0.006)

    assert found.ratio_min <= found.ratio <= found.ratio_max
    assert 3 == pytest.approx(found.ratio, rel=0.1)
    assert 300 == pytest.approx(found.cpu_us, rel=0.1)
    assert found.wall_us >= 0.99 * found.cpu_us_min


def test_waiting_is_no_cost() -> None:
    """Time spent asleep is elapsed time and no CPU time."""
    found = meter.measure("sleep", lambda count: time.sleep(count * 0.002), burn(1e-4), repeats=2, seconds=0.0001)

    assert found.wall_us > 2_000 > 4 * found.cpu_us


def test_the_core_section_measures_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of the core runs for real; reading a certificate cold costs more than having it at hand."""
    monkeypatch.setattr(core, "REVOKED", 100)

    figures = {figure.what: figure for figure in core.bench_core(repeats=1, seconds=0.001)}

    assert {core.YARDSTICK, *core.TARGETS} <= figures.keys()
    assert all(figure.cpu_us > 0 and figure.operations > 0 for figure in figures.values())
    warm, cold = "call verified, warm", "call verified, cold: chain over HTTPS"
    assert figures[cold].cpu_us > figures[warm].cpu_us > figures[core.YARDSTICK].cpu_us


FIGURE = meter.Figure(
    "call verified, warm", 9, 150.04, 149.5, 1234.5, wall_us=9.876, ratio=1.5, ratio_min=1, ratio_max=2
)
SPREAD = Spread(4.25, 4.0, 5.5)
COST = Cost("publish, memory", 5, 5_000, 0, {}, *[SPREAD] * 8, aim=3.6)
SERVICE = Service(SPREAD, [COST], [], [], [], [])


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let both sections return at once, and let the baseline be this test's own."""
    monkeypatch.setattr(bench, "bench_core", lambda **_: [FIGURE])
    monkeypatch.setattr(bench, "bench_service", lambda **_: SERVICE)
    monkeypatch.setattr(baseline.load, "__defaults__", (tmp_path / "baseline.json",))
    monkeypatch.setattr(baseline.save, "__defaults__", (tmp_path / "baseline.json",))


@pytest.mark.usefixtures("pretended")
def test_the_tables_are_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns line up, digits that mean nothing are left out, and the aim stands beside its row."""
    assert 0 == bench.main([])

    said = capsys.readouterr().out
    first, second, *_ = said.splitlines()
    assert ["150", "150", "1,234", "1.50", "1.00", "2.00", "9.88"] == second.split()[-7:]
    assert "(aim: 1.60 ×)" in second
    assert len(first) == len(second)
    row = next(line for line in said.splitlines() if line.startswith("publish, memory"))
    assert ["4.25", "4.00", "5.50", "≤", "3.60", "4"] == row.split()[2:8]


@pytest.mark.usefixtures("pretended")
def test_the_tables_can_go_into_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With --markdown every row of a table has the same number of cells."""
    assert 0 == bench.main(["--markdown"])

    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert {9, 13} == {row.count("|") for row in rows}
    assert all(one.count("|") == other.count("|") for one, other in pairwise(rows[:3]))


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(("only", "empty"), [("core", "service"), ("service", "core")])
def test_one_section_alone(only: str, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--only runs one section, and the file says which machine the figures are of."""
    assert 0 == bench.main(["--quick", "--only", only, "--json", str(tmp_path / "figures")])

    written = json.loads((tmp_path / "figures").read_text())
    assert not written[empty]
    assert written[only]
    assert {"python", "cryptography", "cores", "processor"} <= written.keys()
    assert empty not in capsys.readouterr().out


@pytest.mark.usefixtures("pretended")
def test_a_wrong_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code tells that a request was not answered as it must be."""
    wrong = replace(SERVICE, costs=[replace(COST, wrong=3, others={503: 2, 401: 1})])
    monkeypatch.setattr(bench, "bench_service", lambda **_: wrong)

    assert 1 == bench.main(["--only", "service"])


@pytest.mark.usefixtures("pretended")
def test_a_refusal_is_told_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that stands still for a second makes a CPS answer 503, which says nothing against the product."""
    refused = replace(SERVICE, costs=[replace(COST, wrong=2, others={503: 2})])
    monkeypatch.setattr(bench, "bench_service", lambda **_: refused)

    assert 0 == bench.main(["--only", "service"])
    assert "publish, memory: wrong statuses: {503: 2}" in capsys.readouterr().err


@pytest.mark.usefixtures("pretended")
def test_a_slower_product_is_a_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What costs clearly more than the baseline is told, and is no failure: CI's machines differ."""
    assert 0 == bench.main(["--only", "service", "--keep"])
    dear = replace(SERVICE, costs=[replace(COST, ratio=Spread(8.5, 8.0, 9.0))])
    monkeypatch.setattr(bench, "bench_service", lambda **_: dear)

    assert 0 == bench.main(["--only", "service", "--compare"])

    said = capsys.readouterr()
    assert "warning: publish, memory" in said.err
    assert "+100%  SLOWER" in said.out


@pytest.mark.usefixtures("pretended")
def test_pictures_are_drawn(tmp_path: Path) -> None:
    """--draw writes what was measured as pictures."""
    assert 0 == bench.main(["--draw", str(tmp_path)])

    assert [tmp_path / "benchmark-cost.svg"] == list(tmp_path.glob("*.svg"))
