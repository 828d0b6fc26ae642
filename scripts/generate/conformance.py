"""
Write the coverage table of the standards' requirements; --check only says what is wrong or out of date.

The requirements are tests/conformance/requirements/*.toml. A test says which of
them it proves with ``@pytest.mark.clause("id", ...)``.
"""

import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
TESTS: Final = ROOT / "tests"
DATA: Final = TESTS / "conformance" / "requirements"
PAGE: Final = ROOT / "docs" / "reference" / "conformance.md"

KEYWORDS: Final = ("MUST", "SHOULD", "MAY", "choice")
STATUSES: Final = {
    "tested": "the named tests fail when the product breaks it",
    "decided": "the texts leave it open, or we differ; the reason says where it was decided",
    "planned": "not done yet; the reason says in which part of the product it comes",
    "not applicable": "somebody else's duty, or of no use here; the reason says why",
}
EVIDENCE: Final = {
    "S": "stated in a text that was read",
    "I": "inferred from such texts",
    "R": "recalled, and not read again",
    "UNCONFIRMED": "sources disagree or are silent",
    "SUGGESTED": "our own recommendation",
}
COLUMNS: Final = ("id", "clause", "requirement", "evidence", "status", "reason, tests")

HEAD: Final = """\
<!-- Made by scripts/generate/conformance.py from tests/conformance/requirements and the tests. Do not edit. -->

# Conformance

What the standards ask for, clause by clause, and the tests that show it. ATIS documents are cited as other texts
reproduce them, and with a section where it is known.

"""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of one clause."""

    id: str
    clause: str
    keyword: str
    evidence: str
    text: str
    status: str = "tested"
    reason: str = ""

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong with it by itself."""
        for name, value, known in (
            ("keyword", self.keyword, KEYWORDS),
            ("evidence", self.evidence, EVIDENCE),
            ("status", self.status, STATUSES),
        ):
            if value not in known:
                yield f"{self.id}: {name} {value!r} is none of {', '.join(known)}"
        if (self.status == "tested") is bool(self.reason):
            yield f"{self.id}: {self.status} {'with' if self.reason else 'without'} a reason"


@dataclass(frozen=True, slots=True)
class Section:
    """The requirements of one section of a document."""

    title: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the data."""

    title: str
    sections: tuple[Section, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what the file at *path* holds."""
        data = tomllib.loads(path.read_text())
        sections = (
            Section(each["title"], tuple(Requirement(**row) for row in each["rows"])) for each in data["section"]
        )
        return cls(data["title"], tuple(sections))

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """All requirements of all sections."""
        return tuple(row for section in self.sections for row in section.requirements)


def collect(tests: Path = TESTS) -> dict[str, tuple[str, ...]]:
    """
    Return the tests of each requirement that some test names, as ``path::name``.

    The sources are read and not run, which takes a second where pytest takes
    ten; a test of the suite sees that pytest collects the same.
    """
    proofs: dict[str, dict[str, None]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name.startswith("test"):
                for name in clauses(function):
                    proofs.setdefault(name, {})[f"{path.relative_to(tests.parent)}::{function.name}"] = None
    return {name: tuple(found) for name, found in proofs.items()}


def clauses(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the requirements that a test's markers name."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.clause":
            yield from map(ast.literal_eval, decorator.args)


def mistakes(rows: Iterable[Requirement], proofs: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield every way in which the requirements and the tests do not fit together."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.id] += 1
        yield from row.mistakes()
        if row.status == "tested" and row.id not in proofs:
            yield f"{row.id}: said to be tested, and no test names it"
        if row.status in {"planned", "not applicable"} and row.id in proofs:
            yield f"{row.id}: said to be {row.status}, and {proofs[row.id][0]} names it"
    yield from (f"{name}: {count} requirements have this id" for name, count in counts.items() if count > 1)
    yield from (f"{proofs[name][0]}: no requirement is called {name!r}" for name in proofs if name not in counts)


def page(documents: Iterable[Document], proofs: Mapping[str, tuple[str, ...]]) -> str:
    """Return the text of the page."""
    documents = tuple(documents)
    lines = [HEAD, *totals(documents), "\n"]
    lines += [f"* {name}: {meaning}.\n" for name, meaning in STATUSES.items()]
    lines += ["\nEvidence: ", "; ".join(f"{mark} {meaning}" for mark, meaning in EVIDENCE.items()), ".\n"]
    for document in documents:
        lines.append(f"\n## {document.title}\n")
        for section in document.sections:
            lines += [f"\n### {section.title}\n\n", heading(COLUMNS)]
            lines += [line(row, proofs.get(row.id, ())) for row in section.requirements]
    return "".join(lines)


def totals(documents: Iterable[Document]) -> Iterator[str]:
    """Yield the lines of the table of totals."""
    yield heading(("document", "requirements", *STATUSES))
    counted = [(document.title, Counter(row.status for row in document.requirements)) for document in documents]
    for title, counts in [*counted, ("all", sum((counts for _, counts in counted), Counter()))]:
        yield f"| {title} | {counts.total()} | {' | '.join(str(counts[status]) for status in STATUSES)} |\n"


def heading(names: Iterable[str]) -> str:
    """Return the first two lines of a table."""
    names = tuple(names)
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}\n"


def line(row: Requirement, tests: Iterable[str]) -> str:
    """Return the table row of one requirement."""
    shown = ", ".join(map(link, tests))
    last = f"{row.reason}: {shown}" if row.reason and shown else row.reason or shown
    cells = (f"`{row.id}`", row.clause or "none", f"{row.keyword}: {row.text}", row.evidence, row.status, last)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def link(test: str) -> str:
    """Return a test's name as a link to its file."""
    file, _, name = test.partition("::")
    return f"[`{name}`](../../{file})"


def main() -> int:
    """Write the page, or with ``--check`` only compare; either way say what does not fit together."""
    documents = [Document.read(path) for path in sorted(DATA.glob("*.toml"))]
    proofs = collect()
    wrong = list(mistakes((row for document in documents for row in document.requirements), proofs))
    text = page(documents, proofs)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.is_file() or PAGE.read_text() != text:
        wrong.append(f"{PAGE.name} is out of date: run .venv/bin/python scripts/generate/conformance.py")
    print("".join(f"{each}\n" for each in wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
