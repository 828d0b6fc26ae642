"""
Group commit: what has piled up runs on the SQLite connection in one transaction.

A commit costs more than what it commits, so jobs that arrive while one is going on share the next. Each job has its
own answer; only a failing database fails them all. aiosqlite owns the connection and its thread; a whole transaction
is handed to it at once, since each statement by itself would cost a trip between the threads.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import aiosqlite
import structlog

from stir.errors import StoreError

_Answer = TypeVar("_Answer")

JOBS_PER_TRANSACTION: Final = 64
"""Most jobs that share a transaction; beyond some 50 a commit's share of the cost no longer shrinks."""

JOBS_WAITING: Final = 1_024
"""Most jobs waiting for their transaction: a fifth of a second's work; more would only time out later."""

SHORTEST_PAUSE: Final = 0.000_2
"""First pause before a busy database is tried again, in seconds: half of a short transaction."""

LONGEST_PAUSE: Final = 0.002
"""Longest such pause; each is twice the one before."""

_log = structlog.get_logger(__name__)


class Connector(Protocol):
    """Opens the database, in aiosqlite's thread. Errors are StoreError, OSError or sqlite3.Error."""

    def connect(self) -> sqlite3.Connection:
        """Open the database, in autocommit mode, ready for statements."""
        ...

    def is_current(self) -> bool:
        """Return whether what was opened last is still what lies under the database's name."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    answer: asyncio.Future[Any]


class _Database(aiosqlite.Connection):
    """An aiosqlite connection that runs whole transactions in its thread."""

    def __init__(self, connector: Connector, patience: float) -> None:
        super().__init__(connector.connect, iter_chunk_size=64)
        self._is_current = connector.is_current
        self._patience = patience
        self._thread.daemon = True  # a disk that hangs for ever must not keep the process

    async def ended(self) -> None:
        """Wait for the thread of a database that could not be opened; aiosqlite stops it but does not wait."""
        await asyncio.to_thread(self._thread.join)

    async def transact(self, jobs: Sequence[_Job]) -> list[Any] | None:
        """Return the answers of *jobs* after their commit, or None, with nothing done, if the file was replaced."""
        # aiosqlite gives subclasses this one way to run a function in its thread, without types.
        answers: list[Any] | None = await self._execute(self._transact, self._conn, jobs)  # type: ignore[no-untyped-call]  # aiosqlite has no public way
        return answers

    def _transact(self, connection: sqlite3.Connection, jobs: Sequence[_Job]) -> list[Any] | None:
        if not self._is_current():
            return None
        patiently(partial(connection.execute, "BEGIN IMMEDIATE"), self._patience)
        answers = [job.work(connection) for job in jobs]
        connection.execute("COMMIT")
        return answers


class Transactions:
    """Runs jobs on the database in the order they come, several in one transaction, each within *timeout* seconds."""

    def __init__(self, connector: Connector, *, timeout: float, waiting: int = JOBS_WAITING) -> None:
        self._connector = connector
        self._timeout = timeout
        self._waiting = waiting
        self._jobs: deque[_Job] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._database: _Database | None = None
        self._healthy = True
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """
        Return what *work* returns, after the transaction that it ran in is committed.

        Raises:
            StoreError: The database failed, or did not answer in time; then *work* may or may not have been done.
        """
        if self._closed:
            raise StoreError("the store is closed")
        if len(self._jobs) >= self._waiting:
            raise StoreError(f"the store has {self._waiting} requests waiting")
        job = _Job(work, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="store transactions")
        try:
            async with asyncio.timeout(self._timeout):
                answer: _Answer = await job.answer
        except TimeoutError as error:
            raise StoreError(f"the store did not answer within {self._timeout} s") from error
        return answer

    async def close(self) -> None:
        """Finish what waits, then close the database; wait for that as long as for a job."""
        self._closed = True
        with suppress(TimeoutError):  # it hangs: its thread is a daemon, and nobody else has it
            async with asyncio.timeout(self._timeout):
                if self._worker is not None:
                    await self._worker
                await self._disconnect()

    async def _work(self) -> None:
        """Commit what has piled up until nothing is left."""
        while self._jobs:
            jobs = [self._jobs.popleft() for _ in range(min(len(self._jobs), JOBS_PER_TRANSACTION))]
            # Who no longer waits was told that it may or may not be done.
            jobs = [job for job in jobs if not job.answer.done()]
            if jobs:
                _deliver(jobs, await self._commit(jobs))

    async def _commit(self, jobs: Sequence[_Job]) -> list[Any] | Exception:
        try:
            answers = await self._transact(jobs)
        except (StoreError, sqlite3.Error, OSError) as error:
            await self._disconnect()
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - a programming error is for those who wait, not for the worker
            await self._disconnect()
            return error
        if not self._healthy:
            self._healthy = True
            _log.info("store_healed")
        return answers

    async def _transact(self, jobs: Sequence[_Job]) -> list[Any]:
        for _ in range(2):
            answers = await (await self._connected()).transact(jobs)
            if answers is not None:
                return answers
            await self._disconnect()
        raise StoreError("the database file is being replaced again and again")

    async def _connected(self) -> _Database:
        if self._database is None:
            self._database = await _opened(self._connector, self._timeout / 2)
        return self._database

    async def _disconnect(self) -> None:
        """Close the connection, which rolls back; the next job opens another and so finds out what has changed."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(sqlite3.Error):  # it is unusable already, and another one comes
                await database.close()

    def _failed(self, error: Exception) -> StoreError:
        reason = getattr(error, "sqlite_errorname", None) or type(error).__name__
        if self._healthy:
            self._healthy = False
            _log.error("store_failed", reason=reason)
        if isinstance(error, StoreError):
            return error
        failure = StoreError(f"the database cannot be used now: {reason}")
        failure.__cause__ = error
        return failure


def patiently(act: Callable[[], object], patience: float) -> None:
    """
    Do *act*, again and again for *patience* seconds while another process has the database.

    SQLite would wait by itself, but in steps that soon are 10 times as long as a transaction, and not at all for
    some locks.

    Raises:
        OperationalError: The database is still busy, or something else is wrong.
    """
    deadline = time.monotonic() + patience
    pause = SHORTEST_PAUSE
    while True:
        try:
            act()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _opened(connector: Connector, patience: float) -> _Database:
    database = _Database(connector, patience)
    try:
        await database
    except BaseException:
        await database.ended()
        raise
    return database


def _deliver(jobs: Sequence[_Job], outcome: list[Any] | Exception) -> None:
    for position, job in enumerate(jobs):
        if job.answer.done():
            continue
        if isinstance(outcome, Exception):
            job.answer.set_exception(outcome)
        else:
            job.answer.set_result(outcome[position])
