"""Calls and publications for tests of the store."""

import uuid
from datetime import UTC, datetime, timedelta

from cps_server.store import CallKey, Nonce, Publication

NOW = datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)
"""When tests begin, on a whole millisecond."""

MILLISECOND = timedelta(milliseconds=1)
"""The store's grain of time."""

KEY = CallKey("19032469103", "12013776051")
"""A call of the first generation."""

KEY_2 = CallKey("19032469103", "12013776051", "709J")
"""The same call of the second generation."""


def publication(
    name: str = "one", *, publisher: str = "1234", token: str = "", at: datetime = NOW, seconds: float = 15
) -> Publication:
    """Return a publication whose PASSporTs are made from *name*."""
    passports = (f"eyJhbGciOiJFUzI1NiJ9.eyJ{name}.first", f"eyJhbGciOiJFUzI1NiJ9.eyJ{name}.second")
    return Publication((token or f"eyJ-token-{name}",), passports, publisher, at + timedelta(seconds=seconds))


def nonce(jti: str | None = None, *, issuer: str = "1234", at: datetime = NOW, seconds: float = 120) -> Nonce:
    """Return a nonce, by default one that was never used."""
    return Nonce(issuer, jti or str(uuid.uuid4()), at + timedelta(seconds=seconds))
