"""The revocation list, kept fresh."""

import asyncio
from collections.abc import Iterable
from typing import Final

from stir import limits
from stir.aio.clock import Clock
from stir.aio.fetch import Fetcher
from stir.aio.refresh import Edition, Observer, Refresher, Sleep
from stir.certificate import Certificate, load_chain
from stir.errors import ListRefusedError
from stir.path import TrustAnchors
from stir.revocation import RevocationList

_ACCEPT: Final = {"Accept": "application/pkix-crl, */*;q=0.5"}
_PEM: Final = b"-----BEGIN"


class CrlRefresher(Refresher[RevocationList]):
    """
    Reads the CRL, and its signer's certificate where the CRL says that it is.

    Args:
        fetcher: Reads URLs, within bounds and policy of its own.
        url: Where the CRL is.
        anchors: Roots that its signer must be below. What the anchor file holds besides roots is looked at
            as the signer's certificate, for CRLs that do not say where theirs is.
        direct_only: Refuse indirect lists: the anchors are STI-CAs', and none speaks for another.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        url: str,
        anchors: TrustAnchors,
        clock: Clock,
        *,
        direct_only: bool = False,
        sleep: Sleep = asyncio.sleep,
        observe: Observer | None = None,
    ) -> None:
        super().__init__("crl", url, clock, sleep=sleep, observe=observe)
        self._fetcher = fetcher
        self._anchors = anchors
        self._direct_only = direct_only
        self._signer: Certificate | None = None

    def rebase(self, anchors: TrustAnchors, *, direct_only: bool = False) -> None:
        """Take other anchors into use; a list whose signer is not below them is forgotten."""
        self._anchors = anchors
        self._direct_only = direct_only
        if self.held is None:
            return
        try:
            self._require_signer(self.held, self._known())
        except ListRefusedError:
            self._drop()

    async def _load(self, held: RevocationList | None) -> RevocationList:
        answer = await self._fetcher.fetch(self.status.url, max_bytes=limits.CRL_BYTES, headers=_ACCEPT)
        found = await asyncio.to_thread(RevocationList.from_bytes, answer.body)
        try:
            self._signer = self._require_signer(found, self._known())
        except ListRefusedError:
            if not found.signer_urls:
                raise
            self._signer = self._require_signer(found, [*self._known(), *await self._named(found)])
        if held is not None:
            found.require_not_older(held)
        return found

    def _require_signer(self, found: RevocationList, candidates: Iterable[Certificate]) -> Certificate:
        if self._direct_only and found.is_indirect:
            raise ListRefusedError("the CRL is indirect, and no roots of the policy administrator are configured")
        return found.require_signer(candidates, self._anchors, at=self._clock.now())

    def _known(self) -> list[Certificate]:
        return [*self._anchors.refused, *([self._signer] if self._signer else ())]

    async def _named(self, found: RevocationList) -> list[Certificate]:
        """Fetch what caIssuers names; nobody vouches for it, but only a good certificate can verify the list."""
        certificates: list[Certificate] = []
        for url in found.signer_urls[: limits.LIST_SIGNER_URLS]:
            body = (await self._fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES)).body
            if _PEM in body:
                chain = load_chain(body)
                certificates += [chain.leaf, *chain.others]
            else:
                certificates.append(Certificate.from_der(body))
        return certificates

    def _edition(self, found: RevocationList) -> Edition:
        return Edition(found.this_update, found.next_update, found.number, found.entries)
