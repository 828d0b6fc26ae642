"""The table of requirements is honest: what it says of tests is so, and each way of being wrong is noticed."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"id": "a-1", "clause": "RFC 1, section 1", "keyword": "MUST", "evidence": "S", "text": "It is so."}
OPEN = GOOD | {"status": "planned", "reason": "later"}


@pytest.fixture(scope="module")
def table() -> Iterator[ModuleType]:
    """Return the script that makes the table."""
    spec = importlib.util.spec_from_file_location("conformance_table", ROOT / "scripts" / "generate" / "conformance.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_requirements_and_tests_fit_together(table: ModuleType) -> None:
    """Every requirement that is said to be tested has a test, and no test names one that is not there."""
    documents = [table.Document.read(path) for path in sorted(table.DATA.glob("*.toml"))]

    assert [] == list(table.mistakes((row for each in documents for row in each.requirements), table.collect()))


def test_what_is_read_in_the_sources_is_what_pytest_collects(table: ModuleType, request: pytest.FixtureRequest) -> None:
    """The table reads the tests' sources; pytest finds the same markers in the tests that it has collected."""
    collected = {
        (name, item.nodeid.partition("[")[0].partition("::")[0], item.originalname)
        for item in request.session.items
        for mark in item.iter_markers("clause")
        for name in mark.args
    }
    read = {(name, *test.split("::")) for name, tests in table.collect().items() for test in tests}
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    files = {item.nodeid.partition("::")[0] for item in request.session.items}
    everything = {test[1] for test in read} <= files and not reporter.stats.get("deselected")

    assert collected <= read
    assert collected == read or not everything


def test_markers_are_found_however_they_are_written(table: ModuleType, tmp_path: Path) -> None:
    """Functions and methods, async or not, with other decorators and several ids; other functions do not count."""
    folder = tmp_path / "tests" / "part"
    folder.mkdir(parents=True)
    (folder / "test_one.py").write_text(
        '@other\n@pytest.mark.clause("a-1", "a-2")\nasync def test_x(): ...\n'
        'class TestIt:\n    @pytest.mark.clause(\n        "a-1",\n    )\n    def test_y(self): ...\n'
        '@pytest.mark.clause("a-3")\ndef helper(): ...\n'
    )

    assert {
        "a-1": ("tests/part/test_one.py::test_x", "tests/part/test_one.py::test_y"),
        "a-2": ("tests/part/test_one.py::test_x",),
    } == table.collect(tmp_path / "tests")


@pytest.mark.parametrize(
    ("rows", "proofs", "said"),
    [
        ([GOOD], {"a-1": ("t",)}, None),
        ([OPEN], {}, None),
        ([OPEN | {"status": "decided"}], {"a-1": ("t",)}, None),
        ([GOOD], {}, "no test names it"),
        ([OPEN], {"a-1": ("t",)}, "said to be planned, and t names it"),
        ([OPEN | {"status": "not applicable"}], {"a-1": ("t",)}, "said to be not applicable"),
        ([GOOD], {"a-1": ("t",), "a-2": ("u",)}, "u: no requirement is called 'a-2'"),
        ([GOOD, GOOD], {"a-1": ("t",)}, "2 requirements have this id"),
        ([OPEN | {"reason": ""}], {}, "planned without a reason"),
        ([GOOD | {"reason": "why"}], {"a-1": ("t",)}, "tested with a reason"),
        ([GOOD | {"keyword": "must"}], {"a-1": ("t",)}, "keyword 'must' is none of"),
        ([GOOD | {"evidence": "X"}], {"a-1": ("t",)}, "evidence 'X' is none of"),
        ([OPEN | {"status": "done"}], {}, "status 'done' is none of"),
    ],
)
def test_each_mistake_is_told(table: ModuleType, rows: list[dict], proofs: dict, said: str | None) -> None:
    """A requirement without its test, a test without its requirement, and a row that cannot be are complaints."""
    complaints = list(table.mistakes([table.Requirement(**row) for row in rows], proofs))

    assert ([] if said is None else [True]) == [said in each for each in complaints]


def test_a_row_shows_where_its_tests_are(table: ModuleType) -> None:
    """The page has id, clause, keyword, evidence, status and a link to each test; a bar does not end a cell."""
    row = table.Requirement(**(GOOD | {"text": "a|b"}))

    assert (
        "| `a-1` | RFC 1, section 1 | MUST: a\\|b | S | tested | [`test_it_is_so`](../../tests/test_a.py) |\n"
    ) == table.line(row, ["tests/test_a.py::test_it_is_so"])
    assert table.line(table.Requirement(**OPEN), []).endswith("| planned | later |\n")
