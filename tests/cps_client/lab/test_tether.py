"""The launcher that ties a server's life to that of the lab."""

import os
import signal
import subprocess
import sys

import pytest

from cps_client.lab import tether


class Libc:
    """Stands in for the C library and notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def prctl(self, option: int, value: int) -> int:
        """Note the call."""
        self.calls.append((option, value))
        return 0


@pytest.fixture
def libc(monkeypatch: pytest.MonkeyPatch) -> Libc:
    """Replace the C library, on a machine that runs Linux."""
    made = Libc()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(tether.ctypes, "CDLL", lambda name: made)
    return made


def test_it_becomes_the_command(libc: Libc, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is asked for SIGTERM on the parent's death, and then the command takes the process over."""
    became = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: became.append((path, arguments)))

    tether.main(os.getppid(), ["/bin/true", "x"])

    assert [(1, signal.SIGTERM)] == libc.calls
    assert [("/bin/true", ["/bin/true", "x"])] == became


def test_a_parent_that_is_gone_already_counts(libc: Libc) -> None:
    """When the parent died before the kernel was asked, the command is not started at all."""
    with pytest.raises(SystemExit):
        tether.main(os.getppid() + 1, ["/bin/true"])


def test_elsewhere_the_command_just_runs(libc: Libc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no such service, the command runs without it."""
    became = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "execv", lambda path, arguments: became.append(path))

    tether.main(0, ["/bin/true"])

    assert ([], ["/bin/true"]) == (libc.calls, became)


def test_it_runs_as_a_script() -> None:
    """Started as the lab starts it, it hands over output and exit code of the command."""
    command = [sys.executable, tether.__file__, str(os.getpid()), "/bin/sh", "-c", "echo here; exit 3"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (3, "here\n") == (done.returncode, done.stdout)
