"""Reloading: part after part, and what fails stays as it was."""

import logging
from io import StringIO
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cps_server.configuration import load
from cps_server.reload import LiveSettings, Reloader
from stir.aio.configuration import SettingsError
from stir.aio.logs import Lines
from stir.errors import StirError


async def test_a_part_that_fails_harms_no_other() -> None:
    """Every part is tried; who failed is told, and the answer is no."""
    reloader, done = Reloader(), []

    async def good() -> None:
        done.append("good")

    async def bad() -> None:
        raise StirError("it is broken")

    reloader.add("bad", bad)
    reloader.add("good", good)
    with capture_logs() as logs:
        assert not await reloader.reload()
    assert ["good"] == done
    assert [("reload_failed", "bad", "it is broken")] == [
        (log["event"], log["part"], log["detail"]) for log in logs if log["log_level"] == "error"
    ]
    reloader.add("bad", good)
    assert await reloader.reload()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with settings."""
    path = tmp_path / "cps.toml"
    path.write_text('hostname = "a.example.com"\n')
    return path


def change(file: Path, text: str) -> None:
    """Write other settings."""
    file.write_text(text)


async def test_the_log_level_changes_at_once(file: Path) -> None:
    """The log's level is read anew and applies to loggers in use; other changes are named as waiting for a restart."""
    lines = Lines(StringIO())
    settings = LiveSettings(load(file), lines)
    change(file, 'hostname = "b.example.com"\nlog_level = "error"\n')
    with capture_logs() as logs:
        await settings.reload()

    assert logging.ERROR == lines.level
    assert ("error", "a.example.com") == (settings.current.log_level, settings.current.hostname)
    assert [["CPS_HOSTNAME"]] == [log["settings"] for log in logs]


async def test_settings_that_cannot_be_used_change_nothing(file: Path) -> None:
    """A file that is broken now leaves everything as it was."""
    settings = LiveSettings(load(file), None)
    change(file, 'hostnam = "b.example.com"\n')
    with pytest.raises(SettingsError, match="hostname"):
        await settings.reload()
    assert "a.example.com" == settings.current.hostname
