"""A worker's place when its process does not do what it should."""

import sys
from io import StringIO
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cps_server import limits
from cps_server.channel import SilentError
from cps_server.reload import LiveSettings
from cps_server.settings import Settings
from cps_server.slot import Slot, WorkersFailedError
from stir.aio.logs import Lines


class Silent:
    """A channel to a process that never answers."""

    async def ask(self, question: str, *, seconds: float = 0) -> object:
        """Wait for nothing."""
        raise SilentError(question)

    async def close(self) -> None:
        """Close nothing."""


@pytest.fixture
def slot() -> Slot:
    """Return an empty place."""
    return Slot("0", LiveSettings(Settings(), Lines(StringIO())), [])


def program(folder: Path, text: str) -> str:
    """Return a program that is started in place of Python."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


async def test_an_empty_place_holds_nothing_up(slot: Slot) -> None:
    """Before its process runs a place is not ready, has no numbers, and needs no reload."""
    assert (None, [], True) == (await slot.readiness(), await slot.families(), await slot.reload())
    assert not await slot.ended()
    await slot.stop()


async def test_a_silent_process_is_not_ready(slot: Slot) -> None:
    """A process that does not answer makes the node unready and its reload failed; its numbers are left out."""
    slot._channel = Silent()
    readiness = await slot.readiness()
    assert readiness is not None
    assert {"worker": "silent"} == readiness.checks
    assert ([], False) == (await slot.families(), await slot.reload())


async def test_a_process_that_dies_while_it_starts(slot: Slot, tmp_path: Path, monkeypatch) -> None:
    """A process that ends before it serves is a failure of its start, not a death."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exit 3"))
    with pytest.raises(WorkersFailedError, match="worker 0 died while it started"):
        await slot.start()
    assert not await slot.ended()
    assert not slot.deaths


async def test_a_process_that_never_serves_is_killed(slot: Slot, tmp_path: Path, monkeypatch) -> None:
    """A process that does not come to the point is killed."""
    monkeypatch.setattr(limits, "WORKER_START_SECONDS", 0.2)
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exec sleep 60"))
    with pytest.raises(WorkersFailedError):
        await slot.start()
    assert slot._process is not None
    assert -9 == slot._process.returncode


async def test_a_process_that_does_not_finish_is_killed(slot: Slot, tmp_path: Path, monkeypatch) -> None:
    """At the end a process that ignores SIGTERM is killed when its time is over."""
    monkeypatch.setattr(limits, "WORKER_START_SECONDS", 20)
    monkeypatch.setattr(limits, "WORKER_STOP_SECONDS", 0.2)
    # Four bytes of nothing, an empty message, say that it serves.
    stubborn = "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN)"
    serve = f"{stubborn}; os.write(int(sys.argv[1]), bytes(4)); time.sleep(60)"
    monkeypatch.setattr(sys, "executable", program(tmp_path, f'exec {sys.executable} -c "{serve}" $5'))
    await slot.start()
    assert slot.is_running
    with capture_logs() as logs:
        await slot.stop()
    assert ["worker_killed"] == [log["event"] for log in logs]
    assert not slot.is_running
