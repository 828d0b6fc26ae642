"""
The audit log of a running CPS: who published, retrieved or was denied what, and when.

Recording never waits and never fails: a record goes into a bounded queue, from which a task writes batches in a
thread. What the queue or the disk does not take is counted, and the log itself says so in a ``gap`` line.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

from cps_server import limits
from cps_server.audit.chain import Secret, parties
from cps_server.audit.file import AuditFile, Fields, instant
from cps_server.store.secret import load_secret
from stir.aio.clock import Clock
from stir.errors import StirError, StoreError
from stir.token import Target

log = structlog.get_logger()


class AuditError(StirError):
    """The audit log cannot be written or read."""

    code = "audit-unavailable"


def open_secret(path: Path) -> Secret:
    """
    Return the secret in the file *path*, made at first use.

    Raises:
        AuditError: It cannot be used.
    """
    try:
        return Secret(load_secret(path))
    except StoreError as error:
        raise AuditError(error.detail) from error


class AuditLog:
    """
    Records in the background; without a *file* it records nothing.

    Args:
        file: Where the lines go.
        secret: The keys of the lines and of the numbers' hashes.
        clock: The time.
    """

    def __init__(self, file: AuditFile | None, secret: Secret | None, clock: Clock) -> None:
        self.lost = 0
        """How many records did not get into the log so far, for a metric."""
        self._file = file
        self._secret = secret
        self._clock = clock
        self._queue: deque[Fields] = deque()
        self._gap = 0
        self._gap_since: datetime | None = None
        self._more = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, file: Path | None, key_file: Path | None, *, rotate_bytes: int, clock: Clock) -> "AuditLog":
        """
        Return the audit log in *file*, with its secret in *key_file* (by default beside it); its first line is written.

        Raises:
            AuditError: One of the files cannot be used.
        """
        if file is None:
            return cls(None, None, clock)
        secret = open_secret(key_file or file.with_suffix(".key"))
        try:
            opened = AuditFile(file, secret, rotate_bytes=rotate_bytes)
            opened.append([], clock.now())
        except OSError as error:
            raise AuditError(f"the audit log {file} cannot be written: {error.strerror or error}") from error
        return cls(opened, secret, clock)

    @property
    def records(self) -> bool:
        """Whether anything is written down at all."""
        return self._file is not None

    def record(self, target: Target, fields: Mapping[str, object]) -> None:
        """Write down that something was done about the call *target*; never waits, never fails."""
        if self._file is None or self._secret is None:
            return
        if len(self._queue) >= limits.AUDIT_QUEUE:
            self._lose(1)
            return
        hashes = parties(self._secret, orig=target.orig.value, dest=target.dest.value)
        self._queue.append({"time": instant(self._clock.now()), "kind": "request", **fields, **hashes})
        self._more.set()

    def start(self) -> None:
        """Begin to write in the background."""
        if self._file is not None:
            self._task = asyncio.create_task(self._run(), name="audit log")

    async def close(self) -> None:
        """Write what is left and a line that says that this was all."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._file is not None:
            self._queue.append({"time": instant(self._clock.now()), "kind": "stop"})
            await self._flush()
            self._file.close()
            self._file = None

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            await asyncio.sleep(limits.AUDIT_FLUSH_SECONDS)
            self._more.clear()
            # A batch once begun is finished, so that none is written twice.
            writing = asyncio.ensure_future(self._flush())
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await writing
                raise

    async def _flush(self) -> None:
        assert self._file is not None  # noqa: S101 - only an open log has a task
        now = self._clock.now()
        batch = list(self._queue)
        self._queue.clear()
        gap, since = self._gap, self._gap_since
        self._gap, self._gap_since = 0, None
        if gap and since is not None:
            batch.append({"time": instant(now), "kind": "gap", "lost": gap, "since": instant(since)})
        try:
            await asyncio.to_thread(self._file.append, batch, now)
        except OSError as error:
            self._gap, self._gap_since = self._gap + gap, since or self._gap_since
            self._lose(sum(record["kind"] == "request" for record in batch))
            if not self._failing:
                log.error("audit_failed", error=error.strerror or type(error).__name__)
            self._failing = True
        else:
            if self._failing:
                log.info("audit_recovered", lost=self.lost)
            self._failing = False

    def _lose(self, count: int) -> None:
        self.lost += count
        self._gap += count
        self._gap_since = self._gap_since or self._clock.now()
        if count:
            self._more.set()
