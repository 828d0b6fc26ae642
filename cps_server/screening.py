"""What a publish checks of its PASSporTs: nothing is kept of one that fails."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stir import jws
from stir.aio.clock import Clock
from stir.aio.verification import VerificationService
from stir.errors import FetchError, MalformedError, MismatchError, NoTrustError, StirError
from stir.passport import Passport
from stir.token import Target
from stir.verdict import case_of
from stir.verify import Candidate


class Check(StrEnum):
    """How closely a publish looks at each PASSporT."""

    OFF = "off"
    """That it is a JWS."""
    SHAPE = "shape"
    """That it is a PASSporT, about this call."""
    FULL = "full"
    """Everything: freshness, certificate and signature, too."""


class PassportRefusedError(MalformedError):
    """A PASSporT of a publish failed its check."""

    code = "passport-refused"

    def __init__(self, index: int, error: StirError) -> None:
        self.case = case_of(error).id
        super().__init__(f"passports[{index}]: case {self.case}: {error.detail}")


class Screening:
    """Looks at the PASSporTs of a publish as closely as the operator wants."""

    def __init__(self, check: Check, verification: VerificationService, clock: Clock) -> None:
        self._check = check
        self._verification = verification
        self._clock = clock
        self.unchecked: Counter[str] = Counter()
        """How many PASSporTs were let in although they could not be checked, by error code."""
        self.accepted: Counter[str] = Counter()
        """How many were let in, by how closely they were looked at; ``full`` has none of the unchecked ones."""
        self.refused: Counter[str] = Counter()
        """How many failed their check, by case."""

    async def screen(self, passports: Sequence[str], target: Target) -> None:
        """
        Check the *passports* that are published for *target*.

        Every one is about the caller, at least one about the called number (a
        div chain has others). One whose certificate cannot be had is let in
        and counted: its retriever judges it.

        Raises:
            PassportRefusedError: One of them failed.
            NoTrustError: Nothing is trusted here yet.
        """
        try:
            unchecked = await self._screen(passports, target)
        except PassportRefusedError as error:
            self.refused[error.case] += 1
            raise
        self.accepted[self._check] += len(passports) - unchecked

    async def _screen(self, passports: Sequence[str], target: Target) -> int:
        """Check the *passports*, and return how many of them are let in unchecked."""
        if self._check is Check.OFF:
            for index, token in enumerate(passports):
                with _Of(index):
                    jws.split(token)
            return 0
        candidates = [self._shape(index, token, target) for index, token in enumerate(passports)]
        if not any(target.dest in candidate.claims.dest for candidate in candidates):
            raise PassportRefusedError(0, MismatchError("no PASSporT of this publish has the called number in dest"))
        if self._check is Check.SHAPE:
            return 0
        now = self._clock.now()
        checks = [self._verify(index, candidate, now) for index, candidate in enumerate(candidates)]
        if len({candidate.passport.x5u for candidate in candidates}) == 1:
            return sum([not await check for check in checks])  # one certificate: there is nothing to fetch at once
        return sum(not checked for checked in await asyncio.gather(*checks))

    def _shape(self, index: int, token: str, target: Target) -> Candidate:
        with _Of(index):
            candidate = self._verification.verifier.shape(Passport.parse(token), any_type=True)
            if candidate.claims.orig != target.orig:
                raise MismatchError("orig is not the calling number of the path")
        return candidate

    async def _verify(self, index: int, candidate: Candidate, now: datetime) -> bool:
        """Check a PASSporT; return False for one that is let in although that was not possible."""
        with _Of(index):
            self._verification.verifier.require_current(candidate, at=now)
            try:
                await self._verification.confirm(candidate)
            except FetchError as error:
                self.unchecked[error.code] += 1
                return False
        return True


@dataclass(slots=True)
class _Of:
    """Names the PASSporT that an error is about; that we trust nobody is nobody's fault but ours."""

    index: int

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Let no error through without its PASSporT's place."""
        if isinstance(error, StirError) and not isinstance(error, NoTrustError):
            raise PassportRefusedError(self.index, error) from error
