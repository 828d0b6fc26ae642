"""
One audit file at a time, written by one process, and its successors.

Blocking throughout: the log runs it in a thread. A second worker that finds the file taken writes the next one
beside it (``audit.jsonl``, ``audit.2.jsonl``, …), each with a chain of its own.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cps_server import limits
from cps_server.audit.chain import FORMAT, LineError, Link, Secret, is_whole, torn

_MODE: Final = 0o600
_MOST_WRITERS: Final = 1_024
_TAIL_BYTES: Final = 16 * limits.AUDIT_LINE_BYTES
_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

Fields = Mapping[str, object]


class AuditFile:
    """
    The file that this process appends to; whole lines, synchronised to the disk.

    Args:
        path: The first choice of its name.
        secret: Its keys.
        rotate_bytes: Size after which a new one is begun; it is begun with each UTC day anyway.
    """

    def __init__(self, path: Path, secret: Secret, *, rotate_bytes: int) -> None:
        self._secret = secret
        self._rotate_bytes = rotate_bytes
        self._lock, self.path = _claim(path)
        self._descriptor: int | None = None
        self._link = Link.begin()
        self._size = 0
        self._day = ""
        self._failed = False

    def append(self, records: Iterable[Fields], now: datetime) -> None:
        """
        Write *records* and make sure that they are on the disk.

        Raises:
            OSError: They are not, or not all; the next call looks at what is there and goes on from that.
        """
        try:
            if self._descriptor is None:
                self._open(now)
            if self._size >= self._rotate_bytes or self._day != _day(now):
                self._rotate(now)
            self._write(records)
        except OSError:
            self._failed = True
            self._release()
            raise
        self._failed = False

    def close(self) -> None:
        """Let go of the file; others may go on with it."""
        self._release()
        os.close(self._lock)

    def _open(self, now: datetime) -> None:
        """Go on with what is there, after a line that says so."""
        self._descriptor = os.open(self.path, _APPEND, _MODE)
        _synchronise_folder(self.path)
        self._size = os.fstat(self._descriptor).st_size
        self._day = _day(now)
        self._link = Link.begin()
        last, rest, ended = _tail(self.path)
        start: dict[str, object] = {"time": instant(now), "kind": "start", "format": FORMAT}
        if self._failed:
            start["reopened"] = True
        try:
            if last is not None:
                line = self._secret.open(last)
                self._link, self._day = line.link, str(line.fields["time"])[:10]
        except LineError:
            # Not ours, or no more what we wrote: it stays as it is, and a new chain begins in a file of its own.
            self._set_aside(now)
            self._write([start | {"set_aside": True}])
        else:
            self._write([start | {"torn": torn(rest)}] if rest else [start], b"" if ended else b"\n")

    def _rotate(self, now: datetime) -> None:
        self._set_aside(now)
        self._day = _day(now)
        self._write([{"time": instant(now), "kind": "start", "format": FORMAT, "continues": True}])

    def _set_aside(self, now: datetime) -> None:
        """Give the file the name under which it stays, and begin a new one."""
        self._release()
        stem, suffix = self.path.stem, self.path.suffix
        name = f"{stem}.{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{self._link.seq}-{secrets.token_hex(2)}{suffix}"
        self.path.rename(self.path.with_name(name))
        self._descriptor = os.open(self.path, _APPEND | os.O_EXCL, _MODE)
        _synchronise_folder(self.path)
        self._size = 0

    def _write(self, records: Iterable[Fields], before: bytes = b"") -> None:
        link, lines = self._link, [before]
        for record in records:
            line, link = self._secret.seal(record, link)
            lines.append(line)
        self._raw(b"".join(lines))
        self._link = link

    def _raw(self, data: bytes) -> None:
        assert self._descriptor is not None  # noqa: S101 - append opens it
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)
        self._size += len(data)

    def _release(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):  # what was not synchronised was reported already
                os.close(descriptor)


def instant(at: datetime) -> str:
    """Return *at* as it stands in a line."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _day(at: datetime) -> str:
    return instant(at)[:10]


def _claim(path: Path) -> tuple[int, Path]:
    """Return the lock on the first name that no other process writes under, and the name."""
    for number in range(1, _MOST_WRITERS):
        mine = path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")
        lock = os.open(mine.with_name(f".{mine.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        except OSError:
            os.close(lock)
            raise
        else:
            return lock, mine
    raise OSError(None, f"{_MOST_WRITERS} processes write there already")


def _tail(path: Path) -> tuple[bytes | None, bytes, bool]:
    """
    Return the last line that has the form of one, the bytes after it and its end, and whether those end a line.

    Instead of the line None stands for an empty file, and nothing for one that has no such line near its end.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().split(b"\n")
    ended = not lines[-1]
    if ended:
        lines.pop()
    for index in range(len(lines) - 1, -1, -1):
        if is_whole(lines[index]):
            return lines[index], b"\n".join(lines[index + 1 :]), ended
    return (b"" if size else None), b"", ended


def _synchronise_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
