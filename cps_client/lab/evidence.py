"""What can be seen of a running CPS from outside: its database file and its log."""

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ENTRY: Final = re.compile(r'INSERT INTO "?entries"? ')
_JWS: Final = "eyJ"
"""How every JWS, so every token and every PASSporT, begins."""


@dataclass(frozen=True)
class Dump:
    """A CPS's database as somebody sees it who got hold of the file."""

    text: str
    """As ``sqlite3 FILE .dump`` prints it."""
    raw: bytes
    """The bytes of the file and of its write-ahead log."""

    @classmethod
    def of(cls, database: Path) -> "Dump":
        """Read *database* while its CPS runs."""
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            text = "\n".join(connection.iterdump())
        files = [database, database.with_name(f"{database.name}-wal")]
        return cls(text, b"".join(file.read_bytes() for file in files if file.exists()))

    @property
    def entries(self) -> int:
        """How many publishes are in it."""
        return len(_ENTRY.findall(self.text))

    def readable(self, numbers: Iterable[str]) -> int:
        """Return how many of *numbers*, and whether a JWS, can be read in it."""
        return legible(self.text + self.raw.decode("latin-1"), numbers)


def legible(text: str, numbers: Iterable[str]) -> int:
    """Return how many of *numbers*, and whether the beginning of a JWS, stand in *text*."""
    return sum(secret in text for secret in {_JWS, *numbers})
