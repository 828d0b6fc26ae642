"""What the client's operations come out as; on the call path an error is a value here, never raised."""

from dataclasses import dataclass

from cps_client.errors import CpsError
from stir.errors import StirError
from stir.verdict import PassportResult, Source, Verdict, case_of


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to one CPS."""

    cps: str
    """Host and port."""
    seconds: float
    status: int | None = None
    """Status of the answer; None if there was none."""
    error: CpsError | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the attempt as JSON has it."""
        return {
            "cps": self.cps,
            "status": self.status,
            "milliseconds": round(self.seconds * 1000, 1),
            "error": self.error.reason if self.error else None,
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a publish came out. The call goes on either way."""

    identities: tuple[str, ...]
    """Identity header values of what was published, or would have been."""
    attempts: tuple[Attempt, ...] = ()
    error: StirError | None = None
    """Why nothing was published."""
    dropped: int = 0
    """How many of the given values are no PASSporTs, or were too many."""

    @property
    def published(self) -> bool:
        """Whether a CPS has taken them."""
        return self.error is None

    @property
    def status(self) -> int | None:
        """Status of the last answer of a CPS."""
        return _status(self.attempts)

    @property
    def reason(self) -> str | None:
        """Why nothing was published, as a sentence."""
        return self.error.detail if self.error else None

    def as_dict(self) -> dict[str, object]:
        """Return the receipt as JSON has it."""
        return {
            "published": self.published,
            "passports": len(self.identities) if self.published else 0,
            "reason": self.reason,
            "status": self.status,
            "dropped": self.dropped,
            "identity": list(self.identities),
            "attempts": [attempt.as_dict() for attempt in self.attempts],
        }


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a CPS had for a call; not verified."""

    passports: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    """The publishers' request tokens, as handed out; nobody has verified them."""
    attempts: tuple[Attempt, ...] = ()
    error: StirError | None = None
    """Why it is not known what there is; None also when there is nothing."""
    dropped: int = 0
    """How many entries of the answer are no PASSporTs, or were too many."""

    @property
    def found(self) -> bool:
        """Whether there is anything."""
        return bool(self.passports)

    @property
    def status(self) -> int | None:
        """Status of the last answer of a CPS."""
        return _status(self.attempts)

    @property
    def reason(self) -> str | None:
        """Why there is nothing, as a sentence."""
        if self.error is not None:
            return self.error.detail
        return None if self.found else "the CPS has no PASSporT for this call"

    def as_dict(self) -> dict[str, object]:
        """Return the retrieval as JSON has it."""
        return {
            "found": self.found,
            "passports": list(self.passports),
            "tokens": list(self.tokens),
            "reason": self.reason,
            "status": self.status,
            "dropped": self.dropped,
            "attempts": [attempt.as_dict() for attempt in self.attempts],
        }


@dataclass(frozen=True, slots=True)
class Termination:
    """What goes on with a call at the far end of TDM: the verdict, and the Identity headers to insert again."""

    verdict: Verdict
    identities: tuple[str, ...]
    retrieval: Retrieval

    @property
    def reason(self) -> str | None:
        """Why the calling number is not verified, as a sentence; None if it is."""
        return self.verdict.decisive.detail

    def as_dict(self) -> dict[str, object]:
        """Return the verdict as JSON has it, and with it the Identity headers, the reason and the attempts."""
        return self.verdict.as_dict() | {
            "detail": self.reason,
            "identity": list(self.identities),
            "attempts": [attempt.as_dict() for attempt in self.retrieval.attempts],
        }


def not_known(error: StirError, source: Source) -> Verdict:
    """Return the verdict No-TN-Validation, because of *error*."""
    return Verdict(PassportResult(None, case_of(error), error.detail, error=type(error)), source, ())


def _status(attempts: tuple[Attempt, ...]) -> int | None:
    return next((attempt.status for attempt in reversed(attempts) if attempt.status is not None), None)
