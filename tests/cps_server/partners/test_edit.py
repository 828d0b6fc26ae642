"""Changing partners.toml by command: nothing but what was asked for, and never half of it."""

import os
import stat
import threading
from pathlib import Path

import pytest
import tomlkit.exceptions

from cps_server.partners import Mode, PartnerFileError
from cps_server.partners.edit import NoSuchPartnerError, put, remove, switch
from cps_server.partners.file import parse, read

COMMENTED = """\
# Agreed in March.
mode = "closed"   # nobody else

[[partner]]
spc = "123A"  # west
name = "Example Telephone"
rate = 100

[[partner]]
spc = "456B"

[deny]
spc = ["666X"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with comments."""
    made = tmp_path / "partners.toml"
    made.write_text(COMMENTED)
    return made


def test_a_change_leaves_everything_else_alone(file: Path) -> None:
    """Comments, order and spacing stay; only the line that was asked for is another."""
    assert put(file, "123a", {"rate": 50.0})
    assert COMMENTED.replace("rate = 100", "rate = 50.0") == file.read_text()


def test_adding_and_removing_is_nothing(file: Path) -> None:
    """A partner that was added and removed again leaves no trace."""
    assert put(file, "789c", {"name": "New", "retrieve_from": ["123A"]})
    assert ["123A", "456B", "789C"] == list(read(file)[0].partners)
    assert "# west" in file.read_text()
    assert remove(file, "789C")
    assert parse(COMMENTED.encode()) == read(file)[0]


def test_repeating_changes_nothing(file: Path) -> None:
    """What is so already is not written again."""
    put(file, "789C", {"name": "New"})
    switch(file, "789C", enabled=False)
    before = file.stat()
    assert not put(file, "789C", {"name": "New"})
    assert not switch(file, "789C", enabled=False)
    assert not remove(file, "000Z")
    assert (before.st_ino, before.st_mtime_ns) == (file.stat().st_ino, file.stat().st_mtime_ns)


def test_disable_and_enable(file: Path) -> None:
    """A disabled partner keeps its entry."""
    assert switch(file, "123A", enabled=False)
    assert not read(file)[0].partners["123A"].enabled
    assert switch(file, "123A", enabled=True)
    assert read(file)[0].partners["123A"].enabled
    assert not switch(file, "456B", enabled=True)


def test_a_partner_that_is_not_there(file: Path) -> None:
    """Whoever is not in the file cannot be disabled: that may be a typing error."""
    with pytest.raises(NoSuchPartnerError, match="there is no partner 999Z"):
        switch(file, "999z", enabled=False)


def test_a_new_file_is_closed(tmp_path: Path) -> None:
    """The first partner makes the file, in closed mode unless told otherwise."""
    put(tmp_path / "a.toml", "123A", {})
    put(tmp_path / "b.toml", "123A", {}, mode=Mode.OPEN)
    assert [Mode.CLOSED, Mode.OPEN] == [read(tmp_path / name)[0].mode for name in ("a.toml", "b.toml")]


def test_the_mode_of_a_file_is_not_changed_by_the_way(file: Path) -> None:
    """Opening a closed CPS is no side effect of adding a partner."""
    with pytest.raises(PartnerFileError, match="its mode is closed"):
        put(file, "789C", {}, mode=Mode.OPEN)


@pytest.mark.parametrize("given", [{"rate": -1.0}, {"retrieve_from": ["?"]}, {"numbers": ["+1"]}, {"burst": 0}])
def test_what_would_be_wrong_is_not_written(file: Path, given: dict[str, object]) -> None:
    """The file is judged before it is written."""
    with pytest.raises(PartnerFileError, match="789C"):
        put(file, "789C", given)
    assert COMMENTED == file.read_text()


def test_a_broken_file_is_left_alone(file: Path) -> None:
    """A file that could not be loaded is not changed by command."""
    file.write_text("mode = 3")
    with pytest.raises(PartnerFileError, match="mode: must be"):
        put(file, "789C", {})
    assert "mode = 3" == file.read_text()


def test_tables_in_brackets_are_for_editors(file: Path) -> None:
    """A list of inline tables is right, and is not rewritten by command."""
    file.write_text('mode = "open"\npartner = [{spc = "123A"}]\n')
    with pytest.raises(PartnerFileError, match="write \\[\\[partner\\]\\] tables"):
        put(file, "789C", {})


def test_an_empty_list_of_partners_can_be_filled(file: Path) -> None:
    """A file that says that there is no partner yet takes the first."""
    file.write_text('mode = "closed"\npartner = []\n')
    put(file, "789C", {})
    assert ["789C"] == list(read(file)[0].partners)


def test_scattered_tables_are_not_garbled(file: Path) -> None:
    """A layout that TOML allows and the editor may not manage is changed rightly or refused, never garbled."""
    file.write_text('mode = "closed"\n[[partner]]\nspc = "123A"\n[deny]\nspc = ["666X"]\n[[partner]]\nspc = "456B"\n')
    before = file.read_text()
    try:
        put(file, "789C", {})
    except PartnerFileError:
        assert before == file.read_text()
    else:
        assert {"123A", "456B", "789C"} == set(read(file)[0].partners)


def test_a_garbled_file_is_never_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the TOML library writes is read again, and has to be the same for everybody else."""
    monkeypatch.setattr("tomlkit.dumps", lambda _: COMMENTED.replace('spc = "456B"', 'spc = "456C"'))
    with pytest.raises(PartnerFileError, match="edit it by hand"):
        put(file, "789C", {})
    assert COMMENTED == file.read_text()


def test_what_the_toml_library_does_not_take(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that only one of two TOML readers takes is left alone."""

    def refuse(_: str) -> None:
        raise tomlkit.exceptions.ParseError(1, 1)

    monkeypatch.setattr("tomlkit.parse", refuse)
    with pytest.raises(PartnerFileError, match="cannot be changed by command"):
        put(file, "789C", {})


def test_mode_and_links_stay(file: Path) -> None:
    """The file keeps its permissions, and a symbolic link stays one."""
    file.chmod(0o640)
    link = file.with_name("link.toml")
    link.symlink_to(file)
    put(link, "789C", {})
    assert link.is_symlink()
    assert 0o640 == stat.S_IMODE(file.stat().st_mode)
    assert "789C" in read(file)[0].partners


def test_a_full_disk_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new file cannot be written the old one stays, and no draft is left."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PartnerFileError, match="No space left"):
        put(file, "789C", {})
    assert COMMENTED == file.read_text()
    assert ["partners.toml"] == [path.name for path in file.parent.iterdir()]


@pytest.mark.parametrize("name", ["gone/partners.toml", "binary.toml"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    """A folder that is not there and a file that is no text are one complaint."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PartnerFileError, match="cannot be changed"):
        put(tmp_path / name, "789C", {})


def test_commands_at_once_lose_nothing(file: Path) -> None:
    """Of many commands at the same time each has its effect."""
    threads = [threading.Thread(target=put, args=(file, f"X{number:03}", {})) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 10 == len(read(file)[0].partners)
