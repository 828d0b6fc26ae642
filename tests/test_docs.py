"""The documentation against the product: links, commands, options and settings that it names are there."""

import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import dropwhile
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

import cps_client.cli
import cps_server.cli
from cps_client import settings as client
from cps_server import configuration as server

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
INDEX: Final = DOCS / "README.md"
PAGES: Final = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "tests").rglob("*.md")])
DEPLOYED: Final = sorted(
    [*(ROOT / "deploy").rglob("*.y*ml"), *(ROOT / "deploy").rglob("*.service"), ROOT / "Dockerfile"]
)
SETTINGS: Final = [*server.known(), *client.known()]

COMMANDS: Final[Mapping[str, Any]] = {
    "cps-server": typer.main.get_command(cps_server.cli.app),
    "cps-client": typer.main.get_command(cps_client.cli.app),
}


def name(path: Path) -> str:
    """Return the name of a page in a test's own name."""
    return str(path.relative_to(ROOT))


def fenced(text: str, kind: str) -> list[str]:
    """Return the blocks of one *kind*."""
    return re.findall(rf"^ *```{kind}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """Return *text* without its blocks."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(path: Path) -> list[str]:
    """Return where a page links to, other sites left out."""
    text = re.sub(r"`[^`\n]*`", "", prose(path.read_text()))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(path: Path) -> set[str]:
    """Return the anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(path: Path) -> set[Path]:
    """Return the files that a page links to."""
    return {(path.parent / link.partition("#")[0]).resolve() for link in links(path)}


def command_lines(path: Path) -> Iterator[list[str]]:
    """Yield the words of every command line of ours: lines of shell blocks, and code inside of sentences."""
    text = path.read_text()
    for block in fenced(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield from _ours(shlex.split(line, comments=True))
    for code in re.findall(r"`(cps-(?:server|client) [^`]+)`", prose(text).replace("\n", " ")):
        yield from _ours(re.sub(r"[\[\]]", " ", code.replace("\\|", "|")).split())


def _ours(words: list[str]) -> Iterator[list[str]]:
    """Yield the command line if it is one of ours, in whatever folder and behind whatever variables."""
    rest = list(dropwhile(lambda word: "=" in word, words))
    if rest and Path(rest[0]).name in COMMANDS:
        yield [Path(rest[0]).name, *rest[1:]]


def mistakes(words: list[str]) -> Iterator[str]:
    """Yield what a command line says that the command's own help does not."""
    command = COMMANDS[words[0]]
    rest = words[1:]
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        choice, *rest = rest
        if choice == "…":
            return
        for one in choice.split("|"):
            if one not in command.commands:
                yield f"no command {one!r}"
                return
        command = command.commands[choice.split("|")[0]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = [word.partition("=")[0] for word in rest if re.match("--[a-z]", word)]
    yield from (f"no option {option}" for option in options if option not in known | {"--help"})


def keys(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the dotted keys of a TOML document; a list of tables counts as one."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from keys(value, f"{above}{key}.")
        else:
            yield above + key


def strangers(variables: Iterable[str]) -> list[str]:
    """Return which *variables* are no settings; one that ends with an underscore stands for several."""
    known = {setting.name for setting in SETTINGS}
    return [
        one
        for one in variables
        if not (any(name.startswith(one) for name in known) if one.endswith("_") else one in known)
    ]


def test_no_page_is_orphaned() -> None:
    """The index links every page, and the index of decisions every decision."""
    decisions = set((DOCS / "adr").glob("*.md"))
    assert set() == set(DOCS.rglob("*.md")) - {INDEX} - decisions - targets(INDEX)
    assert set() == decisions - {DOCS / "adr/README.md"} - targets(DOCS / "adr/README.md")
    assert {INDEX, DOCS / "adr/README.md"} <= targets(ROOT / "README.md") | targets(INDEX)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file that is there, and a heading that is in it."""
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_and_options_exist(path: Path) -> None:
    """What a page tells to type, the programs take."""
    assert [] == [f"{' '.join(words)}: {mistake}" for words in command_lines(path) for mistake in mistakes(words)]


@pytest.mark.parametrize("path", [*PAGES, *DEPLOYED], ids=name)
def test_variables_are_settings(path: Path) -> None:
    """Every CPS_ variable of a page or of a deployment is a setting of the server or the client."""
    text = "\n".join(re.sub(r"(^|\s)#\s.*", "", line) for line in path.read_text().splitlines() if path not in PAGES)
    assert [] == strangers(re.findall(r"\bCPS_[A-Z0-9_]*", text or path.read_text()))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_files_of_settings_hold_settings(path: Path) -> None:
    """Every TOML block that is not a partners.toml has keys of the settings only."""
    known = {setting.key for setting in SETTINGS}
    for block in fenced(path.read_text(), "toml"):
        document = tomllib.loads(block)
        if not document.keys() & {"mode", "partner", "deny"}:
            assert set() == set(keys(document)) - known


def test_the_tests_see_mistakes() -> None:
    """A wrong command, option, variable or key is found, and a right one is not."""
    assert ["no command 'sevre'"] == list(mistakes(["cps-server", "sevre"]))
    assert ["no option --sps"] == list(mistakes(["cps-server", "partner", "add", "--file", "x", "--sps=1"]))
    assert [] == list(mistakes(["cps-server", "partner", "list|add", "--file", "x"]))
    assert ["CPS_HOSTNAM"] == strangers(["CPS_HOSTNAM", "CPS_HOSTNAME", "CPS_MESH__"])
    assert ["store.url", "mesh.peers"] == list(keys({"store": {"url": ""}, "mesh": {"peers": [{"spc": ""}]}}))
    assert len(list(command_lines(DOCS / "how-to/private-cps.md"))) > 10
