"""
How the numbers of a trunk are written in full: both ends of a call have to come to the same digits.

Each rule that was applied is recorded, so that a miss can be explained. Nothing here guesses: what the plan and the
nature of address do not decide stays as it is signalled, or is no number (RFC 8224, section 8.3).
"""

from dataclasses import dataclass
from enum import StrEnum


class Nature(StrEnum):
    """The nature of address, as ISUP signals it beside the digits (ITU-T Q.763, section 3.10)."""

    SUBSCRIBER = "subscriber"
    UNKNOWN = "unknown"
    NATIONAL = "national"
    INTERNATIONAL = "international"


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """What the digits on a trunk mean; without any of it numbers are taken as they come."""

    country_code: str | None = None
    area_code: str | None = None
    """What stands before a subscriber number inside the country."""
    national_prefix: str = ""
    """What stands before a national number when it is dialled, such as 0, or 1 in North America."""
    international_prefixes: tuple[str, ...] = ()
    """What stands before a country code when it is dialled, such as 00 or 011."""
    strip_prefixes: tuple[str, ...] = ()
    """What carriers and switches put before a number, and has no meaning at the other end."""
    national_lengths: tuple[int, ...] = ()
    """How many digits a national number has, without prefix; empty: not fixed."""
    short_codes: tuple[str, ...] = ()
    """Numbers that are dialled alike everywhere in the country and stay as they are."""
    nature: Nature = Nature.UNKNOWN
    """What a number is whose nature of address is not signalled."""
