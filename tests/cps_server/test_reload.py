"""The settings that can change while the server runs."""

import logging
from io import StringIO
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cps_server.configuration import load
from cps_server.reload import LiveSettings
from stir.aio.configuration import SettingsError
from stir.aio.logs import Lines


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
