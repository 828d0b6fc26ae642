"""
Entries in one SQLite file, shared by the worker processes of one machine.

Write-ahead log with ``synchronous=NORMAL``: what was acknowledged survives the death of the process, not always that
of the machine, which is right for what lives for seconds. A retrieve uses up a nonce, so it is a write, too, and reads
inside the same transaction.
"""

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from cps_server.store.base import RECLAIMED_ROWS, Entry, Mark
from cps_server.store.transactions import Connector, Transactions, patiently
from stir.errors import StoreError

SECONDS: Final = 1.0
"""Longest wait for an answer, in seconds: a publish has about as long before its call goes on without it."""

FILE_BYTES: Final = 4 * 1024**3
"""Largest database file, in bytes: 60 s of 30,000 publishes a second; beyond it the store is full."""

_APPLICATION_ID: Final = 0x43505331  # "CPS1"
_VERSION: Final = 1
_PAGE_BYTES: Final = 4_096
_LOG_BYTES: Final = 4 * 1024**2
_SPARE_PAGES: Final = 64  # not worth giving back
_VACUUM_PAGES: Final = 512  # most pages given back by one reclaim

_SCHEMA: Final = (
    """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,  -- order of the publishes: always above every row that is there
        key BLOB NOT NULL,
        id BLOB NOT NULL,
        expires INTEGER NOT NULL,  -- Unix time in milliseconds
        blob BLOB NOT NULL,
        UNIQUE (key, id)
    ) STRICT
    """,
    "CREATE INDEX entries_by_end ON entries (expires)",
    "CREATE TABLE marks (id BLOB NOT NULL PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX marks_by_end ON marks (expires)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)

_KEEP_MARK: Final = """
    INSERT INTO marks (id, expires) VALUES (?1, ?2)
    ON CONFLICT (id) DO UPDATE SET expires = excluded.expires WHERE expires <= ?3
"""
_DROP_FORMER: Final = "DELETE FROM entries WHERE key = ? AND id = ? AND expires <= ?"
_KEEP_ENTRY: Final = "INSERT INTO entries (key, id, expires, blob) VALUES (?, ?, ?, ?) ON CONFLICT (key, id) DO NOTHING"
_FIND: Final = "SELECT id, expires, blob FROM entries WHERE key = ? AND expires > ? ORDER BY seq DESC LIMIT ?"
_RECLAIM_ENTRIES: Final = """
    DELETE FROM entries WHERE seq IN (SELECT seq FROM entries WHERE expires <= ? ORDER BY expires LIMIT ?)
"""
_RECLAIM_MARKS: Final = """
    DELETE FROM marks WHERE id IN (SELECT id FROM marks WHERE expires <= ? ORDER BY expires LIMIT ?)
"""
_CHECK: Final = Mark(b"check", 0)


class SqliteStore:
    """A :class:`~cps_server.store.base.RawStore` in the file *path*, which is made with mode 0600 if absent."""

    def __init__(self, path: Path, *, timeout: float = SECONDS, max_bytes: int = FILE_BYTES) -> None:
        self._transactions = Transactions(_File(path, timeout / 2, max_bytes), timeout=timeout)

    async def put(self, entry: Entry, mark: Mark, *, now: int) -> bool:
        """Keep *entry* and *mark*, or neither."""
        return await self._transactions.run(partial(_put, entry, mark, now))

    async def get(self, key: bytes, mark: Mark, *, now: int, limit: int) -> Sequence[Entry] | None:
        """Return the live entries under *key*, newest first, and keep *mark*."""
        return await self._transactions.run(partial(_get, key, mark, now, limit))

    async def check(self) -> None:
        """Write a mark and read it back."""
        await self._transactions.run(_check)

    async def reclaim(self, now: int) -> int:
        """Drop expired rows, and give pages back to the file system when many are free."""
        return await self._transactions.run(partial(_reclaim, now))

    async def close(self) -> None:
        """Finish what waits and close the file."""
        await self._transactions.close()


def _keep_mark(mark: Mark, now: int, connection: sqlite3.Connection) -> bool:
    return connection.execute(_KEEP_MARK, (mark.id, mark.expires, now)).rowcount == 1


def _put(entry: Entry, mark: Mark, now: int, connection: sqlite3.Connection) -> bool:
    if not _keep_mark(mark, now, connection):
        return False
    connection.execute(_DROP_FORMER, (entry.key, entry.id, entry.expires))
    connection.execute(_KEEP_ENTRY, (entry.key, entry.id, entry.expires, entry.blob))
    return True


def _get(key: bytes, mark: Mark, now: int, limit: int, connection: sqlite3.Connection) -> list[Entry] | None:
    if not _keep_mark(mark, now, connection):
        return None
    rows = connection.execute(_FIND, (key, now, limit))
    return [Entry(key, entry_id, expires, blob) for entry_id, expires, blob in rows]


def _check(connection: sqlite3.Connection) -> None:
    _keep_mark(_CHECK, _CHECK.expires, connection)
    if connection.execute("SELECT expires FROM marks WHERE id = ?", (_CHECK.id,)).fetchone() is None:
        raise StoreError("the database does not keep what is written")
    connection.execute("SELECT count(*) FROM (SELECT seq FROM entries LIMIT 1)").fetchone()


def _reclaim(now: int, connection: sqlite3.Connection) -> int:
    dropped = connection.execute(_RECLAIM_ENTRIES, (now, RECLAIMED_ROWS)).rowcount
    dropped += connection.execute(_RECLAIM_MARKS, (now, RECLAIMED_ROWS)).rowcount
    free = _pragma(connection, "freelist_count")
    # Pages that will be used again within a second are better kept than given back.
    if free > max(_SPARE_PAGES, _pragma(connection, "page_count") // 4):
        for _ in range(min(free, _VACUUM_PAGES)):
            # One by one: sqlite3 takes only the first step of this statement, which has rows without columns.
            connection.execute("PRAGMA incremental_vacuum(1)")
    return dropped


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


class _File(Connector):
    """Opens the database file, and knows whether it was replaced or removed since."""

    def __init__(self, path: Path, patience: float, max_bytes: int) -> None:
        self._path = path
        self._patience = patience
        self._max_pages = max_bytes // _PAGE_BYTES
        self._identity: tuple[int, int] | None = None

    def connect(self) -> sqlite3.Connection:
        """Open the file, made if absent, and bring it to this version's schema."""
        with suppress(FileExistsError):
            # Made without opening it: closing a file drops this process's locks on it, SQLite's included.
            os.mknod(self._path, stat.S_IFREG | stat.S_IRUSR | stat.S_IWUSR)
        self._identity = self._now()
        connection = sqlite3.connect(self._path, timeout=self._patience, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def is_current(self) -> bool:
        """Return whether the name still leads to the file that was opened."""
        return self._now() == self._identity

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before anything is written
        self._use_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
        if _pragma(connection, "user_version") != _VERSION:
            connection.execute("BEGIN IMMEDIATE")
            self._create(connection)
            connection.execute("COMMIT")
        if _pragma(connection, "application_id") != _APPLICATION_ID:
            raise _foreign()
        connection.execute("PRAGMA busy_timeout = 0")  # from here on waiting is ours

    def _use_log(self, connection: sqlite3.Connection) -> None:
        """Switch to the write-ahead log; while another process does the same, SQLite does not wait but refuses."""
        patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone(), self._patience)

    def _create(self, connection: sqlite3.Connection) -> None:
        if _pragma(connection, "user_version") == _VERSION:
            return  # another process was faster
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise _foreign()
        for statement in _SCHEMA:
            connection.execute(statement)


def _foreign() -> StoreError:
    return StoreError("the database file is not a store of this version; move it away or name another file")
