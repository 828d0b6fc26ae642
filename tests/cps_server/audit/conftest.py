"""An audit log that a test fills, and time that stands still."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cps_server.audit.chain import Secret, parties
from cps_server.audit.file import AuditFile, instant

NOW = datetime(2026, 11, 21, 12, 0, 0, 123_456, tzinfo=UTC)
SECRET = Secret(b"k" * 32)
ORIG, DEST = "12155550100", "12155551212"


def request(number: int = 0, *, at: datetime = NOW, orig: str = ORIG, dest: str = DEST, **fields) -> dict[str, object]:
    """Return the record of a request."""
    usual = {"time": instant(at), "kind": "request", "action": "retrieve", "spc": "456B", "result": "done", "n": number}
    return usual | fields | parties(SECRET, orig=orig, dest=dest)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the log is."""
    return tmp_path / "audit.jsonl"


@pytest.fixture
def writer(path: Path) -> Callable[..., AuditFile]:
    """Return what opens the file, in the default or another size, as a process would."""

    def opened(*, rotate_bytes: int = 10**9, secret: Secret = SECRET, path: Path = path) -> AuditFile:
        return AuditFile(path, secret, rotate_bytes=rotate_bytes)

    return opened
