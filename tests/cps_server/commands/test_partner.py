"""cps-server partner: what it prints, what it writes, and with which code it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cps_server.cli import app
from cps_server.partners.file import read

RUN = CliRunner()


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the file is to be; the environment names it."""
    made = tmp_path / "partners.toml"
    monkeypatch.setenv("CPS_PARTNERS__FILE", str(made))
    return made


def run(*arguments: str, code: int = 0) -> str:
    """Run cps-server partner with *arguments*, which has to end with *code*, and return what it printed."""
    result = RUN.invoke(app, ["partner", *arguments])
    assert code == result.exit_code, result.output
    return result.stdout if code == 0 else result.stderr


def test_the_life_of_a_partner(file: Path) -> None:
    """A partner is added, changed, disabled, enabled and removed; each command says what it did."""
    assert "123A: written\n" == run("add", "--spc", "123a", "--name", "Example", "--retrieve-from", "456B")
    assert "123A: nothing to change\n" == run("add", "--spc", "123A", "--name", "Example")
    assert "123A: written\n" == run("add", "--spc", "123A", "--rate", "100", "--burst", "200", "--no-publish")
    assert "123A: disabled\n" == run("disable", "--spc", "123A")
    partner = read(file)[0].partners["123A"]
    assert ("Example", False, False, 100.0, 200) == (
        partner.name,
        partner.enabled,
        partner.publish,
        partner.rate,
        partner.burst,
    )
    assert "123A: enabled\n" == run("enable", "--spc", "123A")
    assert "123A: removed\n" == run("remove", "--spc", "123A")
    assert {} == read(file)[0].partners


def test_list_as_json(file: Path) -> None:
    """The list has what is in force for each partner, defaults included."""
    run("add", "--spc", "123A", "--numbers", "1215", "--certificate", "ab" * 32)
    run("add", "--spc", "456B", "--retrieve-from", "123A", "--retrieve-from", "789C")
    shown = json.loads(run("list", "--json"))
    assert ("closed", {"spc": [], "certificates": []}) == (shown["mode"], shown["deny"])
    first, second = shown["partners"]
    assert {
        "spc": "123A",
        "name": "",
        "enabled": True,
        "publish": True,
        "retrieve": True,
        "retrieve_from": ["123A"],
        "numbers": ["1215"],
        "certificates": ["ab" * 32],
        "rate": None,
        "burst": None,
    } == first
    assert ["123A", "789C"] == second["retrieve_from"]
    assert {"spc": "123A", "changed": False} == json.loads(run("enable", "--spc", "123A", "--json"))


def test_list_for_people(file: Path) -> None:
    """The list is a table, with the mode above it and the deny lists below."""
    file.write_text(
        'mode = "open"\n[deny]\nspc = ["666X"]\n[[partner]]\nspc = "123A"\nrate = 2.5\nretrieve_from = []\n'
    )
    lines = run("list").splitlines()
    assert ["mode: open", "denied spc: 666X"] == [lines[0], lines[-1]]
    assert ["123A", "-", "yes", "yes", "yes", "nobody", "2.5", "-"] == lines[2].split()


def test_an_open_file_is_made_when_asked_for(file: Path) -> None:
    """--mode is for the file that the first partner makes."""
    run("add", "--spc", "123A", "--mode", "open")
    assert "mode: open" == run("list").splitlines()[0]
    assert "its mode is open" in run("add", "--spc", "123A", "--mode", "closed", code=78)


def test_a_missing_partner_is_1() -> None:
    """Disabling or enabling whoever is not there ends with 1; removing is done already."""
    run("add", "--spc", "123A")
    assert "there is no partner 999Z" in run("disable", "--spc", "999Z", code=1)
    assert "there is no partner 999Z" in run("enable", "--spc", "999Z", code=1)
    assert "999Z: nothing to change\n" == run("remove", "--spc", "999Z")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["add", "--spc", "1"], "spc: must be a service provider code"),
        (["add", "--spc", "123A", "--rate", "0"], "rate: must be a number"),
        (["list"], "cannot be read"),
        (["remove", "--spc", "123A"], "cannot be changed"),
    ],
)
def test_what_cannot_be_is_78(arguments: list[str], complaint: str, file: Path) -> None:
    """A file that cannot be used, or would not be usable any more, ends with 78 and one line."""
    complained = run(*arguments, code=78)
    assert complaint in complained
    assert 1 == len(complained.splitlines())
    assert not file.exists()
