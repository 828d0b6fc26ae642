"""The pages that explain verdicts: complete, and up to date."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from stir.profiles import ATIS

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs/how-to/why-unverified.md").read_text()
REFERENCE = (ROOT / "docs/reference/verdicts.md").read_text()


def generator(name: str) -> ModuleType:
    """Return a script of scripts/generate as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/generate/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings", "verdicts"])
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    """Whoever changes a setting or a case changes its page."""
    done = subprocess.run(
        [sys.executable, ROOT / f"scripts/generate/{name}.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stdout)


def test_every_case_and_every_error_is_in_the_guide() -> None:
    """Nobody at three in the morning looks for a case in vain."""
    for case in ATIS.table():
        assert f"| {case.id} |" in REFERENCE
        assert f"| {case.id} |" in GUIDE or f"`{case.id}`" in GUIDE
    for kind, case in generator("verdicts").kinds():
        assert f"| `{kind.code}` | {case} |" in REFERENCE
        starts = (f"| {case} |", f"| `{case}`")
        assert any(f"`{kind.code}`" in line and line.startswith(starts) for line in GUIDE.splitlines()), kind.code


@pytest.mark.parametrize(("name", "variable", "page"), [("settings", "REFERENCE", ""), ("verdicts", "PAGE", "a.md")])
def test_a_page_that_is_old_is_noticed(
    name: str, variable: str, page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """--check fails on a missing and on a changed page, and writing makes it good."""
    module = generator(name)
    monkeypatch.setattr(module, variable, tmp_path / page)

    def main(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        return module.main()

    assert [1, 0, 0] == [main("--check"), main(), main("--check")]
    for path in tmp_path.iterdir():
        written = path.read_text()
        path.write_text("old")
        assert [1, 0] == [main("--check"), main()]
        assert written == path.read_text()
