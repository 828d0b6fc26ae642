"""Looking into a CPS's files."""

import sqlite3
from pathlib import Path

import pytest

from cps_client.lab.evidence import Dump, legible


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database as a CPS makes it, with two publishes in it."""
    path = tmp_path / "cps.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (key BLOB, blob BLOB)")
        connection.execute("CREATE TABLE marks (id BLOB)")
        connection.execute("INSERT INTO marks VALUES (x'00')")
        connection.executemany("INSERT INTO entries VALUES (?, ?)", [(b"\x01", b"\x02"), (b"\x03", b"\x04")])
    connection.close()
    return path


def add(database: Path, value: object) -> sqlite3.Connection:
    """Put *value* into the database, whose connection stays open as that of a running CPS does."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        connection.execute("INSERT INTO entries VALUES (x'05', ?)", (value,))
    return connection


def test_publishes_are_counted(database: Path) -> None:
    """Rows of the entries count, marks of used tokens do not."""
    assert 2 == Dump.of(database).entries
    assert 0 == Dump.of(database).readable({"12155550100"})


@pytest.mark.parametrize("value", ["12155550100", b"\xff12155550100\xff", "a eyJhbGciOi", b"\x00eyJ\x00"])
def test_what_can_be_read_is_seen(database: Path, value: object) -> None:
    """A number or a token is found as text, inside binary values, and while it is only in the write-ahead log."""
    connection = add(database, value)
    dump = Dump.of(database)
    connection.close()

    assert (3, 1) == (dump.entries, dump.readable({"12155550100", "12015550100"}))


def test_secrets_are_counted_once() -> None:
    """Each number counts once, and all tokens together once."""
    assert 2 == legible("eyJ eyJ 12155550100 12155550100", ["12155550100", "12155550100", "1"[:0] or "9"])
    assert 0 == legible("", ["12155550100"])
