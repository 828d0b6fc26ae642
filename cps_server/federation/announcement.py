"""What the peers are told of an accepted publish."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stir.token import Target


@dataclass(frozen=True, slots=True)
class Announcement:
    """An accepted publish, for the peers."""

    target: Target = field(repr=False)
    passports: Sequence[str] = field(repr=False)
    token: str = field(repr=False)
    """The publisher's own token."""
    publisher: str
    """The publisher's SPC."""
    dies_at: datetime
