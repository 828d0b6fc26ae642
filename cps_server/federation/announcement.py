"""What the peers are told of an accepted publish."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import quote

import orjson

from stir.token import Target


@dataclass(frozen=True)
class Announcement:
    """An accepted publish, for the peers."""

    target: Target = field(repr=False)
    passports: Sequence[str] = field(repr=False)
    token: str = field(repr=False)
    """The publisher's own token."""
    publisher: str
    """The publisher's SPC."""
    dies_at: datetime

    @cached_property
    def body(self) -> bytes:
        """What every peer is sent."""
        return orjson.dumps({"passports": list(self.passports), "token": self.token})

    @cached_property
    def path(self) -> str:
        """Where every peer is sent it."""
        return "/".join(
            ("/passports", *(quote(party.value, safe="") for party in (self.target.dest, self.target.orig)))
        )
