"""The benchmark measures what it says."""

import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from tests.load import bench, core, meter, server
from tests.load.server import Result


async def test_every_request_of_the_benchmark_is_answered() -> None:
    """A short run asks a real CPS both kinds of request, and each gets the answer that it must."""
    results = await server.bench_server(20)

    assert [("publish", 20, 0), ("retrieve", 20, 0)] == [(each.what, each.requests, each.wrong) for each in results]
    assert all(0 < each.p50_ms <= each.p99_ms for each in results)


async def test_wrong_answers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of another status counts as wrong, so that a fast refusal is never taken for a fast server."""
    publish = server.publish
    monkeypatch.setattr(server, "publish", lambda provider, dest: replace(publish(provider, dest), token="none"))

    results = await server.bench_server(20)

    assert [20, 20] == [each.wrong for each in results]


async def test_a_server_that_is_not_there_is_an_error() -> None:
    """Without a server nothing is measured."""
    with pytest.raises(aiohttp.ClientConnectionError):
        await server.measure("publish", "http://127.0.0.1:1", [server.Request("GET", "/health", "", None, 200)])


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
RESULT = Result("publish", 5_000, 0, 1234.0, 1.5, 9.25)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both sections return at once."""

    async def bench_server(_: int) -> list[Result]:
        return [RESULT]

    monkeypatch.setattr(bench, "bench_core", lambda **_: [FIGURE])
    monkeypatch.setattr(bench, "bench_server", bench_server)


@pytest.mark.usefixtures("pretended")
def test_the_tables_are_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns line up, digits that mean nothing are left out, and the aim stands beside its row."""
    assert 0 == bench.main([])

    said = capsys.readouterr().out
    first, second, *_ = said.splitlines()
    assert ["150", "150", "1,234", "1.50", "1.00", "2.00", "9.88"] == second.split()[-7:]
    assert "(aim: 1.60 ×)" in second
    assert len(first) == len(second)
    assert "publish     5,000     1,234" in said


@pytest.mark.usefixtures("pretended")
def test_the_tables_can_go_into_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With --markdown every row of a table has the same number of cells."""
    assert 0 == bench.main(["--markdown"])

    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert {9, 7} == {row.count("|") for row in rows}
    assert all(one.count("|") == other.count("|") for one, other in pairwise(rows[:3]))


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(("only", "empty"), [("core", "server"), ("server", "core")])
def test_one_section_alone(only: str, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--only runs one section, and the file says which machine the figures are of."""
    assert 0 == bench.main(["--quick", "--only", only, "--json", str(tmp_path / "figures")])

    written = json.loads((tmp_path / "figures").read_text())
    assert [] == written[empty]
    assert 1 == len(written[only])
    assert {"python", "cryptography", "cores"} <= written.keys()
    assert empty not in capsys.readouterr().out


@pytest.mark.usefixtures("pretended")
def test_a_wrong_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code tells that a request was not answered as it must be."""

    async def bench_server(_: int) -> list[Result]:
        return [replace(RESULT, wrong=1)]

    monkeypatch.setattr(bench, "bench_server", bench_server)

    assert 1 == bench.main(["--only", "server"])
