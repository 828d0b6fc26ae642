"""Keeping up with partners.toml: a good change counts, a broken one changes nothing."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cps_server import limits
from cps_server.partners import Mode, PartnerFileError, Partners
from tests.support.eventually import eventually

OPEN, CLOSED = 'mode = "open"\n', 'mode = "closed"\n'


def write(file: Path, text: str) -> None:
    """Write *text* into *file*, as an editor does."""
    file.write_text(text)


def remove(file: Path) -> None:
    """Remove *file*."""
    file.unlink()


def linked(file: Path) -> Path:
    """Return a symbolic link to *file*."""
    link = file.with_name(f"{file.name}.link")
    link.symlink_to(file)
    return link


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a good file."""
    made = tmp_path / "partners.toml"
    made.write_text(CLOSED)
    return made


async def test_reload_takes_a_good_file(file: Path) -> None:
    """What the file says now is in force after a reload, and whoever took the rules before keeps those."""
    partners = Partners.open(file)
    before = partners.rules
    write(file, OPEN)
    await partners.reload()
    assert (Mode.CLOSED, Mode.OPEN) == (before.mode, partners.rules.mode)


async def test_a_broken_file_changes_nothing(file: Path) -> None:
    """A broken file is refused whole, the rules from before stay, and that is logged and counted."""
    partners = Partners.open(file)
    before = partners.rules
    write(file, OPEN + "[[partner]]\nspc = 3\n")
    with capture_logs() as logs, pytest.raises(PartnerFileError):
        await partners.reload()
    assert before is partners.rules
    assert (1, "partners_refused") == (partners.failures, logs[0]["event"])
    assert "partner 1: spc" in logs[0]["detail"]
    write(file, OPEN)
    await partners.reload()
    assert partners.last_error is None


async def test_a_broken_file_at_the_start(file: Path) -> None:
    """Nothing is in force before the first good file, so there is no start without one."""
    write(file, "mode = 1")
    with pytest.raises(PartnerFileError):
        Partners.open(file)


async def test_without_a_file() -> None:
    """Without a file the rules never change, and nobody watches."""
    partners = Partners.open(None)
    await partners.reload()
    await asyncio.wait_for(partners.watch(), 1)
    assert (Mode.OPEN, 0) == (partners.rules.mode, partners.loads)


@pytest.mark.parametrize("how", ["in place", "renamed", "symlink"])
async def test_a_change_is_noticed(file: Path, how: str, monkeypatch) -> None:
    """A changed file counts by itself, whether written in place, put in its place, or behind a symbolic link."""
    monkeypatch.setattr(limits, "PARTNER_POLL_SECONDS", 0.01)
    name = linked(file) if how == "symlink" else file
    partners = Partners.open(name)
    watching = asyncio.create_task(partners.watch())
    other = file.with_name("other")
    write(other, OPEN + "# another length\n")
    match how:
        case "in place":
            write(file, OPEN)
        case "renamed":
            other.replace(file)
        case _:
            linked(other).replace(name)
    await eventually(lambda: partners.rules.mode is Mode.OPEN)
    watching.cancel()
    assert 1 == partners.loads


async def test_a_broken_version_is_refused_once(file: Path, monkeypatch) -> None:
    """The same broken file is refused once and not once a second; a missing file is a broken one."""
    monkeypatch.setattr(limits, "PARTNER_POLL_SECONDS", 0.01)
    partners = Partners.open(file)
    watching = asyncio.create_task(partners.watch())
    write(file, "broken")
    await eventually(lambda: partners.failures == 1)
    await asyncio.sleep(0.1)
    assert 1 == partners.failures
    remove(file)
    await eventually(lambda: partners.failures == 2)
    await asyncio.sleep(0.1)
    assert 2 == partners.failures
    write(file, OPEN)
    await eventually(lambda: partners.rules.mode is Mode.OPEN)
    watching.cancel()
