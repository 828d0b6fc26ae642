"""What every test may use: tests that need a system package say so with ``@pytest.mark.system("package")``."""

import shutil
from pathlib import Path
from typing import Final

import pytest

SYSTEM_PACKAGES: Final = Path(__file__).resolve().parents[1] / ".ci" / "packages"
"""Debian packages that tests use: a line holds the package and the command, or the file, that shows it is there."""


def system_commands() -> dict[str, str]:
    """Return the command or file that shows each system package is installed."""
    lines = (line.partition("#")[0].split() for line in SYSTEM_PACKAGES.read_text().splitlines())
    return {line[0]: line[1] for line in lines if line}


def is_there(sign: str) -> bool:
    """Return whether a command, or a file whose path may hold wildcards, is on this machine."""
    return any(Path("/").glob(sign[1:])) if sign.startswith("/") else shutil.which(sign) is not None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--all-system``, which ``scripts/test --all`` sets."""
    parser.addoption("--all-system", action="store_true", help="fail, not skip, where a system package is missing")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose system package is absent, or fail it when everything is meant to be there."""
    packages = [package for mark in item.iter_markers("system") for package in mark.args]
    commands = system_commands() if packages else {}
    if unknown := sorted(set(packages) - commands.keys()):
        pytest.fail(f"{', '.join(unknown)} is not in {SYSTEM_PACKAGES.name}", pytrace=False)
    if missing := [package for package in packages if not is_there(commands[package])]:
        install = f"needs: apt-get install {' '.join(missing)}"
        if item.config.getoption("--all-system"):
            pytest.fail(install, pytrace=False)
        pytest.skip(install)
