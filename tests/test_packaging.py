"""What is promised about the package itself: pins, metadata, and pages that lead somewhere."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)", re.MULTILINE)
LINK = re.compile(r"(?:\]\(|src=\")(?!https?:|mailto:|#)(?P<target>[^)\s\"#]+)")


def pins(lock: str) -> dict[str, Version]:
    """Return the version that a lock file pins of each package."""
    text = (ROOT / "requirements" / lock).read_text()
    return {canonical(found["name"]): Version(found["version"]) for found in PIN.finditer(text)}


def canonical(name: str) -> str:
    """Return a package's name in the one spelling that can be compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group."""
    members = PROJECT["dependency-groups"][name]
    return [each for member in members for each in ([member] if isinstance(member, str) else group(*member.values()))]


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("runtime.txt", PROJECT["project"]["dependencies"]),
        ("dev.txt", [*PROJECT["project"]["dependencies"], *group("dev")]),
        ("build.txt", group("build")),
    ],
)
def test_pins_satisfy_what_is_declared(lock: str, requirements: list[str]) -> None:
    """Every declared dependency is pinned at a version that it allows: scripts/lock was run after the last change."""
    pinned = pins(lock)
    wanted = [Requirement(line) for line in requirements]

    assert [] == [str(each) for each in wanted if pinned.get(canonical(each.name), Version("0")) not in each.specifier]


def test_the_tests_run_on_the_versions_that_are_shipped() -> None:
    """What the image installs is, version for version, what the tests run on."""
    shipped = pins("runtime.txt").items() | pins("build.txt").items()

    assert set() == shipped - pins("dev.txt").items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_pins_have_hashes_and_no_addresses(lock: Path) -> None:
    """Each pin is followed by a hash, and no file names the index of whoever locked it."""
    text = lock.read_text()

    assert len(PIN.findall(text)) == len(
        re.findall(r"^[\w.-]+==.* \\\n +--hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    )
    assert None is re.search(r"://|--index|--find-links", text)


def test_supported_pythons_are_said_once() -> None:
    """The classifiers name every Python from requires-python on, without a gap."""
    minors = [
        int(found[1])
        for classifier in PROJECT["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", classifier))
    ]

    assert f">=3.{minors[0]}" == PROJECT["project"]["requires-python"]
    assert list(range(11, 15)) == minors


def test_installed_metadata_names_the_licence() -> None:
    """The distribution says Apache-2.0 and carries the whole text."""
    assert "Apache-2.0" == metadata("oob-shaken")["License-Expression"]
    assert ["LICENSE"] == metadata("oob-shaken").get_all("License-File")
    assert 11_358 == len((ROOT / "LICENSE").read_bytes())


def test_changelog_knows_this_version() -> None:
    """The newest entry of the changelog is the version of the package, or not released yet."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] in {"Unreleased", PROJECT["project"]["version"]}


@pytest.mark.parametrize("package", PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_packages_are_typed(package: str) -> None:
    """Each package says that its annotations may be relied on (PEP 561)."""
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link of a page leads to a file that is there."""
    targets = [found["target"] for found in LINK.finditer(page.read_text())]

    assert [] == [target for target in targets if not (page.parent / target).exists()]


def test_every_decision_is_in_the_index() -> None:
    """The index of decisions leads to each of them."""
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()

    assert [] == [page.name for page in folder.glob("[0-9]*.md") if f"({page.name})" not in index]


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda path: path.name)
def test_pictures_are_well_formed_and_described(picture: Path) -> None:
    """A picture is XML, has a title for those who cannot see it, and colours for dark pages."""
    root = ET.fromstring(picture.read_text())

    assert root.findtext("{http://www.w3.org/2000/svg}title")
    assert root.findtext("{http://www.w3.org/2000/svg}desc")
    assert "prefers-color-scheme: dark" in picture.read_text()
