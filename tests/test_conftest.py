"""The marker for tests that need a system package."""

from pathlib import Path

import pytest

from tests.conftest import is_there, system_commands

pytest_plugins = ["pytester"]

TEST = """
import pytest

@pytest.mark.system("{package}")
def test_it():
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a suite of its own with this project's conftest and two packages, one of which is absent."""
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nmarkers = system(package): needs a system package"
    )
    (pytester.mkdir(".ci") / "packages").write_text("# comment\nthere  sh\nabsent-package  no-such-command\n")
    return pytester


def run(suite: pytest.Pytester, package: str, *arguments: str) -> pytest.RunResult:
    """Run one test that needs *package*."""
    (suite.path / "tests" / "test_it.py").write_text(TEST.format(package=package))
    return suite.runpytest("-rs", "tests", *arguments)


def test_a_test_runs_when_its_package_is_there(suite: pytest.Pytester) -> None:
    """A test whose package is installed runs, with and without ``--all-system``."""
    run(suite, "there").assert_outcomes(passed=1)
    run(suite, "there", "--all-system").assert_outcomes(passed=1)


def test_a_missing_package_is_a_skip_with_the_install_line(suite: pytest.Pytester) -> None:
    """Without the package the test is skipped and the summary says how to get it."""
    result = run(suite, "absent-package")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs: apt-get install absent-package*"])


def test_a_missing_package_fails_when_everything_must_run(suite: pytest.Pytester) -> None:
    """With ``--all-system`` a missing package is a failure, so CI cannot lose a test in silence."""
    result = run(suite, "absent-package", "--all-system")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs: apt-get install absent-package*"])


def test_an_unlisted_package_fails(suite: pytest.Pytester) -> None:
    """A package that CI does not install may not be named, or its test would never run anywhere."""
    run(suite, "unlisted").assert_outcomes(errors=1)


def test_only_packages_that_tests_use_are_installed() -> None:
    """Every package that CI installs is named by some test; the list does not outlive its reasons."""
    tests = Path(__file__).parent
    text = "".join(path.read_text() for path in tests.rglob("test_*.py") if path.name != Path(__file__).name)

    assert [] == [package for package in system_commands() if f'mark.system("{package}")' not in text]


def test_a_package_may_be_known_by_a_file(tmp_path: Path) -> None:
    """A package without a command of its own is there when its file is, in whatever folder of the architecture."""
    (tmp_path / "x86").mkdir()
    (tmp_path / "x86" / "module.so").touch()

    assert is_there(f"{tmp_path}/*/module.so")
    assert not is_there(f"{tmp_path}/*/other.so")
