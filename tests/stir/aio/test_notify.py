"""What the service manager is told."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stir.aio.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path, monkeypatch) -> socket.socket:
    """Return the socket of a service manager that wants a sign of life every 100 ms."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield listening


def test_states(manager: socket.socket) -> None:
    """Ready, reloading (with the time, as Type=notify-reload wants it) and stopping are told."""
    notifier = Notifier.from_environment()
    notifier.ready()
    notifier.reloading()
    notifier.stopping()

    told = [manager.recv(200).decode() for _ in range(3)]
    assert ["READY=1", "STOPPING=1"] == [told[0], told[2]]
    first, second = told[1].split("\n")
    assert "RELOADING=1" == first
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()


async def test_watchdog(manager: socket.socket) -> None:
    """Signs of life come twice in the time that the manager gave."""
    keeping = asyncio.create_task(Notifier.from_environment().keep_watchdog())
    loop = asyncio.get_running_loop()
    told = [await asyncio.wait_for(loop.sock_recv(manager, 200), 2) for _ in range(3)]
    keeping.cancel()
    assert [b"WATCHDOG=1"] * 3 == told


def test_children_do_not_speak(manager: socket.socket) -> None:
    """What the manager left in the environment is gone afterwards."""
    del manager
    Notifier.from_environment()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()


async def test_watchdog_of_another_process(manager: socket.socket, monkeypatch) -> None:
    """A watchdog that is meant for another process is not kept."""
    del manager
    monkeypatch.setenv("WATCHDOG_PID", "1")
    await asyncio.wait_for(Notifier.from_environment().keep_watchdog(), 1)


def test_abstract_name(monkeypatch) -> None:
    """A name that starts with @ is in the abstract name space."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0cps-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@cps-test-{os.getpid()}")
        Notifier.from_environment().ready()
        assert b"READY=1" == listening.recv(100)


def test_nobody_listens(tmp_path: Path) -> None:
    """Without a manager nothing is sent, and one that is gone stops nothing and is told in the log."""
    Notifier().ready()
    with capture_logs() as logs:
        Notifier(str(tmp_path / "gone")).ready()
    assert [("manager_not_told", "READY=1")] == [(log["event"], log["state"]) for log in logs]
