"""
How long a fetched certificate may be used without asking again (RFC 9111, then ATIS-1000074).

Pure functions over header fields, for a private cache of one user: s-maxage, proxy-revalidate, public and
private say nothing to it. Where a field can be read in two ways, the shorter time is taken.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from stir import limits

_DIRECTIVE: Final = re.compile(
    r"""
    [\s,]*
    (?P<name>[^\s,="]+)
    (?: [ \t]* = [ \t]* (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>[^\s,"]*) ) )?
    (?P<junk>[^,]*)
    """,
    re.VERBOSE | re.DOTALL,
)
_SECONDS: Final = re.compile(r"[0-9]+")
_MOST_SECONDS: Final = 2**31
_MOST_DIGITS: Final = 10
_NOTHING: Final = timedelta(0)


def fresh_until(headers: Mapping[str, str], *, at: datetime, not_after: datetime) -> datetime:
    """
    Return the instant until which a certificate fetched at *at* is used without asking its server again.

    ATIS-1000074 has caching honoured, and the certificate kept 24 hours where the server says nothing or
    less. A no-store or no-cache is such a "less": it asks for no time at all, so it too gets 24 hours. That
    is harmless here, where it would not be for other content: a certificate is public and immutable, its
    revocation comes by another way, and a key replaced under the same URL shows as a failing signature,
    which makes the cache fetch again. must-revalidate forbids nothing more for the same reason.

    A certificate is not kept past *not_after*; one that had expired already is kept just long enough that
    calls in a row do not fetch it again each.

    Args:
        headers: Of the response, by names without regard to case; several fields of one name joined by commas.
        at: Aware UTC instant just before the request was sent, so that the answer's way counts as age.
        not_after: When the certificate expires.
    """
    if not_after <= at:
        return at + limits.CACHE_RETRY
    said = freshness(headers, at=at)
    kept = min(max(said if said is not None else _NOTHING, limits.CACHE_FLOOR), limits.CACHE_CEILING)
    return min(at + kept, not_after)


def freshness(headers: Mapping[str, str], *, at: datetime) -> timedelta | None:
    """
    Return how long a response received at *at* stays fresh by RFC 9111 alone; None if it does not say.

    Never negative: a response that was stale on arrival has no time left. There is no heuristic freshness
    (section 4.2.2), the 24 hours of ATIS-1000074 stand in its place.
    """
    lifetime = _lifetime(headers, at=at)
    return None if lifetime is None else max(lifetime - _age(headers, at=at), _NOTHING)


def directives(cache_control: str) -> Iterator[tuple[str, str | None]]:
    """
    Yield the directives of a Cache-Control field, names in lower case, values without quotes.

    Whatever follows a directive up to the next comma makes its value unusable, and is yielded with it.
    """
    for match in _DIRECTIVE.finditer(cache_control):
        quoted, plain, junk = match["quoted"], match["plain"], match["junk"].strip()
        value = quoted if quoted is not None else plain
        yield match["name"].lower(), f"{value or ''} {junk}" if junk else value


def _lifetime(headers: Mapping[str, str], *, at: datetime) -> timedelta | None:
    """Freshness lifetime (RFC 9111, section 4.2.1); of several max-age the shortest, an invalid one is none left."""
    found = list(directives(headers.get("Cache-Control", "")))
    if any(name in {"no-store", "no-cache"} and not _names_fields(value) for name, value in found):
        return _NOTHING
    ages = [_seconds(value) or _NOTHING for name, value in found if name == "max-age"]
    if ages:
        return min(ages)
    if "Expires" not in headers:
        return None
    expires = _instant(headers["Expires"])
    if expires is None:
        return _NOTHING  # "0" and other invalid dates have expired (section 5.3)
    return expires - (_instant(headers.get("Date", "")) or at)


def _age(headers: Mapping[str, str], *, at: datetime) -> timedelta:
    """Age on arrival (RFC 9111, section 4.2.3): by the Age field or by the Date field, whichever is more."""
    date = _instant(headers.get("Date", "")) or at
    ages = [_seconds(value.strip()) or _NOTHING for value in headers.get("Age", "").split(",")]
    return max(_NOTHING, at - date, *ages)


def _names_fields(value: str | None) -> bool:
    """Whether no-cache is limited to some header fields (section 5.2.2.4), none of which is kept here."""
    return value is not None and value.strip() != ""


def _seconds(value: str | None) -> timedelta | None:
    """Parse delta-seconds (section 1.2.2); too large ones mean for ever, that is, some 68 years."""
    if value is None or _SECONDS.fullmatch(value) is None:
        return None
    digits = value.lstrip("0")
    return timedelta(seconds=_MOST_SECONDS if len(digits) > _MOST_DIGITS else min(int(digits or "0"), _MOST_SECONDS))


def _instant(value: str) -> datetime | None:
    """Parse an HTTP-date in any of its forms (RFC 9110, section 5.6.7)."""
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        return None
