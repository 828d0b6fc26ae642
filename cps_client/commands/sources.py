"""Time, chain and trust from files and options, in place of clock, network and settings."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cps_client.commands.frame import read_file
from cps_client.errors import UsageError
from stir import limits
from stir.aio.verification import ChainSource
from stir.certificate import Chain, load_certificates, load_chain
from stir.errors import CertificateFormatError, RevocationListError
from stir.path import TrustAnchors
from stir.revocation import RevocationList
from stir.trust import Trust


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        """Return that instant."""
        return self.at


@dataclass(frozen=True, slots=True)
class FixedChain:
    """One chain for every x5u."""

    held: Chain

    async def chain(self, url: str) -> Chain:
        """Return it."""
        del url
        return self.held

    async def refetch(self, url: str, stale: Chain) -> Chain:
        """Return the same: a file does not change."""
        del url
        return stale


@dataclass(frozen=True, slots=True)
class RememberedChains:
    """A source of chains that keeps what it gave out, for whoever explains a verdict."""

    source: ChainSource
    given: dict[str, Chain] = field(default_factory=dict)
    """By x5u, the last chain of each."""

    async def chain(self, url: str) -> Chain:
        """Return the chain at *url*, and keep it."""
        found = self.given[url] = await self.source.chain(url)
        return found

    async def refetch(self, url: str, stale: Chain) -> Chain:
        """Return what is there now, and keep it."""
        found = self.given[url] = await self.source.refetch(url, stale)
        return found


def read_chain(path: Path) -> Chain:
    """
    Read a chain file.

    Raises:
        UsageError: It cannot be read, or holds no chain.
    """
    try:
        return load_chain(read_file(path, limits.CHAIN_BYTES))
    except CertificateFormatError as error:
        raise UsageError(f"{path}: {error.detail}") from error


def read_trust(anchors: Path, crl: Path | None) -> Trust:
    """
    Read roots, and perhaps a revocation list, whose signer the user vouches for.

    Raises:
        UsageError: A file cannot be read, or holds none.
    """
    try:
        roots = TrustAnchors(load_certificates(read_file(anchors, limits.ANCHORS_BYTES))[0])
        revoked = RevocationList.from_bytes(read_file(crl, limits.CRL_BYTES)) if crl else None
    except (CertificateFormatError, RevocationListError) as error:
        raise UsageError(error.detail) from error
    if not len(roots):
        raise UsageError(f"{anchors} holds no root that can be used")
    return Trust(roots, revoked)
