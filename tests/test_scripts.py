"""How the scripts get their virtual environment, with a pretend Python that notes what it is asked to do."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PYTHON = """#!/bin/sh
case "$*" in
  *version_info*) exit {version} ;;
  *"import venv"*) exit {venv} ;;
  --version) echo "Python 3.9.2" ;;
  "-m venv --clear "*)
    echo venv >>{log}
    mkdir -p "$4/bin" && echo "$4" >"$4/bin/activate" && cp "$0" "$4/bin/python"
    ;;
  *"pip --version"*) ;;
  *) sleep 0.1; echo "$*" >>{log}; echo "what pip says"; exit {install} ;;
esac
"""


class Checkout:
    """A checkout with the real scripts and a pretend Python."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"  # a space, to see that every path is quoted
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        (self.root / "requirements").mkdir()
        (self.root / "requirements" / "dev.txt").write_text("six==1 --hash=sha256:0\n")
        (self.root / "pyproject.toml").write_text("[project]\n")
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        self.log = folder / "log"
        self.python = folder / "bin" / "python3"
        self.python.parent.mkdir()
        self.pretend()

    def pretend(self, *, version: int = 0, venv: int = 0, install: int = 0) -> None:
        """Set with which exit codes the pretend Python answers."""
        self.python.write_text(PYTHON.format(version=version, venv=venv, install=install, log=self.log))
        self.python.chmod(0o755)
        if (self.root / ".venv").exists():
            shutil.copy(self.python, self.root / ".venv" / "bin" / "python")

    def start(self) -> subprocess.Popen[str]:
        """Start scripts/venv from another folder."""
        environment = {"PATH": f"{self.python.parent}:/usr/bin:/bin", "PYTHON": str(self.python)}
        command = [self.root / "scripts" / "venv"]
        return subprocess.Popen(command, cwd=self.elsewhere, env=environment, stderr=subprocess.PIPE, text=True)

    def run(self) -> tuple[int, str]:
        """Run scripts/venv and return its exit code and what it said."""
        process = self.start()
        said = process.communicate(timeout=30)[1]
        return process.returncode, said

    @property
    def done(self) -> list[str]:
        """What the pretend Python was asked to do, without the paths."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return ["install" if "--require-hashes" in line else "editable" if " -e " in line else line for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a fresh checkout without a virtual environment."""
    return Checkout(tmp_path)


def test_a_fresh_checkout_gets_an_environment(checkout: Checkout) -> None:
    """The first start makes .venv, installs what is pinned, by hash, and then the project itself."""
    code, said = checkout.run()

    assert 0 == code
    assert ["venv", "install", "editable"] == checkout.done
    assert 1 == said.count("\n")


def test_nothing_is_done_twice(checkout: Checkout) -> None:
    """A second start finds everything in place, says nothing and loses less than 0.3 s."""
    checkout.run()
    before = len(checkout.done)
    start = time.perf_counter()

    assert (0, "") == checkout.run()

    assert 0.3 > time.perf_counter() - start
    assert before == len(checkout.done)


@pytest.mark.parametrize("changed", ["requirements/dev.txt", "pyproject.toml"])
def test_a_change_is_installed(checkout: Checkout, changed: str) -> None:
    """When a pin or the project's own metadata changes, the environment is brought up to date, not made anew."""
    checkout.run()
    with (checkout.root / changed).open("a") as file:
        file.write("# changed\n")

    checkout.run()

    assert ["venv", "install", "editable", "install", "editable"] == checkout.done


def test_two_at_once_install_once(checkout: Checkout) -> None:
    """Two scripts that start together do not install into each other's feet."""
    both = [checkout.start(), checkout.start()]

    assert [0, 0] == [each.communicate(timeout=30) and each.returncode for each in both]
    assert ["venv", "install", "editable"] == checkout.done


def test_a_failed_install_is_tried_again(checkout: Checkout) -> None:
    """An install that fails fails the script in pip's own words, and the next start does not take it for done."""
    checkout.pretend(install=1)
    code, said = checkout.run()
    assert 1 == code
    assert "what pip says" in said
    checkout.pretend()

    assert 0 == checkout.run()[0]
    assert ["venv", "install", "install", "editable"] == checkout.done


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout) -> None:
    """An environment knows its own path, so one that was moved is made anew."""
    checkout.run()
    moved = checkout.root.with_name("moved")
    checkout.root.rename(moved)
    checkout.root = moved

    assert 0 == checkout.run()[0]
    assert 2 == checkout.done.count("venv")


def test_an_old_python_is_refused_in_words(checkout: Checkout) -> None:
    """Where no Python is new enough, the message says which is needed and how to name one."""
    checkout.pretend(version=1)
    for name in ("python3.11", "python3.12", "python3.13", "python3.14"):
        shutil.copy(checkout.python, checkout.python.with_name(name))

    code, said = checkout.run()

    assert 1 == code
    assert "Python 3.11 or later is needed. Found: Python 3.9.2." in said
    assert [] == checkout.done


def test_a_missing_venv_module_is_refused_in_words(checkout: Checkout) -> None:
    """Where Python comes without venv, as on a small Debian, the message is the command to run."""
    checkout.pretend(venv=1)

    code, said = checkout.run()

    assert 1 == code
    assert "apt-get install python3-venv" in said
