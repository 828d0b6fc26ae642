"""Instants as people write them on the command line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from cps_client.errors import UsageError

At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="Judge as of then: RFC 3339 or seconds since 1970; by default now."),
]

AtOrIat = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="Judge as of then: RFC 3339, seconds since 1970, or iat; by default now."
    ),
]


def instant(text: str | None) -> datetime:
    """
    Return the instant that *text* names; None is now.

    Raises:
        UsageError: It names none.
    """
    if text is None:
        return datetime.now(UTC)
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise _refusal() from error
    if found.tzinfo is None:
        raise UsageError("--at needs an offset from UTC, like 2026-03-02T12:00:00Z")
    return found.astimezone(UTC)


def iat_of(values: Sequence[str]) -> datetime:
    """
    Return when the first readable one of these PASSporTs was made.

    Raises:
        UsageError: None of them says so.
    """
    from stir.decode import decode

    for value in values:
        claims = decode(value).claims
        if claims is not None:
            return datetime.fromtimestamp(claims.iat, UTC)
    raise UsageError("--at iat: no PASSporT with a readable iat was given")


def _refusal() -> UsageError:
    return UsageError("--at is an RFC 3339 time, like 2026-03-02T12:00:00Z, or seconds since 1970")
