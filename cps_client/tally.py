"""What is worth counting on the call path, as plain data; whoever has metrics makes some of it."""

from collections import Counter
from typing import Final, Protocol

from cps_client.errors import CpsError
from stir.errors import StirError

ANSWERED: Final = "answered"
"""The outcome of a request to a CPS that was answered; any other one is the reason why it was not."""


class Tally(Protocol):
    """Is told what happens; it must return at once."""

    def failed_open(self, operation: str, reason: str) -> None:
        """Count a call that goes on without what was asked for: publish, retrieve or verify, and why in one word."""
        ...

    def asked(self, cps: str, outcome: str) -> None:
        """Count a request to the CPS *cps*, host and port, by how it came out."""
        ...

    def hedged(self, cps: str) -> None:
        """Count a request to *cps* that was made because another CPS is slow."""
        ...


class Counts:
    """Keeps the numbers."""

    def __init__(self) -> None:
        self.fail_open: Counter[tuple[str, str]] = Counter()
        """By operation and reason."""
        self.requests: Counter[tuple[str, str]] = Counter()
        """By CPS and outcome."""
        self.hedges: Counter[str] = Counter()
        """By the CPS that was asked as well."""

    def failed_open(self, operation: str, reason: str) -> None:
        """Count a call that goes on without what was asked for."""
        self.fail_open[operation, reason] += 1

    def asked(self, cps: str, outcome: str) -> None:
        """Count a request."""
        self.requests[cps, outcome] += 1

    def hedged(self, cps: str) -> None:
        """Count a second CPS that was asked."""
        self.hedges[cps] += 1


def reason_of(error: StirError) -> str:
    """Return why in one word, from a small fixed set."""
    return error.reason if isinstance(error, CpsError) else error.code
