"""The STI-VS as a service: verdicts for calls, with certificates fetched as needed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from stir import limits
from stir.aio.clock import Clock
from stir.assess import conclude, read_call
from stir.certificate import Chain
from stir.errors import SignatureError, StirError
from stir.trust import Signatory, Trust
from stir.verdict import Source, Verdict, combine
from stir.verify import Call, Candidate, Verifier

T = TypeVar("T")


class ChainSource(Protocol):
    """Where the chain of an x5u comes from: the certificate cache, or a file when working offline."""

    async def chain(self, url: str) -> Chain:
        """Return the chain at *url*; UrlError, FetchError or CertificateFormatError when there is none."""
        ...

    async def refetch(self, url: str, stale: Chain) -> Chain:
        """Return what is at *url* now, because a signature failed under *stale*; the same object if nothing new is."""
        ...


class TrustSource(Protocol):
    """What is trusted at present."""

    def current(self) -> Trust:
        """Return it; NoTrustError while nothing is."""
        ...


class VerificationService:
    """Verifies calls and signatures against the present trust, fetching certificates as needed."""

    def __init__(self, verifier: Verifier, certificates: ChainSource, trust: TrustSource, clock: Clock) -> None:
        self.verifier = verifier
        self._certificates = certificates
        self._trust = trust
        self._clock = clock

    async def verify(self, values: Sequence[str], call: Call, *, source: Source) -> Verdict:
        """
        Return the verdict on *call*; whatever *values* are, this never raises.

        Args:
            values: Identity header field values, or PASSporTs alone; those past the limit are not looked at.
            call: The call in progress.
            source: Which way they came, for the record.
        """
        readings = read_call(self.verifier, values[: limits.IDENTITIES], call, at=self._clock.now())
        candidates = [reading for reading in readings if isinstance(reading, Candidate)]
        if len(candidates) > 1:
            found = iter(await asyncio.gather(*map(self._signer, candidates)))
        else:  # most calls: no task is needed
            found = iter([await self._signer(candidate) for candidate in candidates])
        signers = [next(found) if isinstance(reading, Candidate) else None for reading in readings]
        return combine(conclude(readings, signers, call), source)

    async def confirm(self, candidate: Candidate) -> Signatory:
        """
        Return the signer of *candidate*.

        Raises:
            VerificationError: It must not be believed.
            CertificateFormatError: Its certificate cannot be read.
            UnavailableError: Its certificate cannot be had, or nothing is trusted yet.
        """
        at = self._clock.now()
        return await self.with_chain(
            candidate.passport.x5u,
            lambda chain, trust: self.verifier.confirm(candidate, chain, trust, at=at),
        )

    async def with_chain(self, x5u: str, judge: Callable[[Chain, Trust], T]) -> T:
        """
        Return what *judge* makes of the chain at *x5u*.

        When a signature fails under a cached certificate, the certificate may
        have been replaced at its URL: it is fetched once more, and judged again.
        """
        trust = self._trust.current()
        chain = await self._certificates.chain(x5u)
        try:
            return judge(chain, trust)
        except SignatureError:
            fresh = await self._certificates.refetch(x5u, chain)
            if fresh is chain:
                raise
            return judge(fresh, trust)

    async def _signer(self, candidate: Candidate) -> Signatory | StirError:
        """Return the signer of *candidate*, or why it has none: one that fails leaves the others alone."""
        try:
            return await self.confirm(candidate)
        except StirError as error:
            return error
