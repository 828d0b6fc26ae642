"""The policy administrator's list of STI-CAs, kept fresh."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stir import limits
from stir.aio.clock import Clock
from stir.aio.fetch import Fetcher
from stir.aio.refresh import Edition, Observer, Refresher, Sleep
from stir.certificate import Chain, load_chain
from stir.errors import ListRefusedError
from stir.path import TrustAnchors
from stir.trustlist import TrustList

_ACCEPT: Final = {"Accept": "application/jose+json"}
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class TrustListRefresher(Refresher[TrustList]):
    """
    Reads the signed CA list, and its signer's certificate.

    Args:
        fetcher: Reads URLs, within bounds and policy of its own.
        url: Where the list is.
        anchors: The policy administrator's own roots.
        headers: More request header fields; the national endpoint wants an access token in Authorization.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        url: str,
        anchors: TrustAnchors,
        clock: Clock,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        sleep: Sleep = asyncio.sleep,
        observe: Observer | None = None,
    ) -> None:
        super().__init__("ca-list", url, clock, sleep=sleep, observe=observe)
        self._fetcher = fetcher
        self._anchors = anchors
        self._headers = {**_ACCEPT, **headers}
        self._chain: Chain | None = None

    def rebase(self, anchors: TrustAnchors) -> None:
        """Take other anchors into use; a list whose signer is not below them is forgotten."""
        self._anchors = anchors
        if self.held is None or self._chain is None:
            return
        try:
            self.held.require_signer(self._chain, anchors, at=self._clock.now())
        except ListRefusedError:
            self._drop()

    async def _load(self, held: TrustList | None) -> TrustList:
        answer = await self._fetcher.fetch(self.status.url, max_bytes=limits.ANCHORS_BYTES, headers=self._headers)
        found = await asyncio.to_thread(TrustList.from_bytes, answer.body)
        chain = found.embedded or await self._chain_at(found.signer_url)
        found.require_signer(chain, self._anchors, at=self._clock.now())
        found.require_current(self._clock.now())
        if held is not None:
            found.require_not_older(held)
        self._chain = chain
        return found

    async def _chain_at(self, url: str | None) -> Chain:
        assert url is not None, "a list that embeds no signer names one"  # noqa: S101 - TrustList sees to it
        return load_chain((await self._fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES)).body)

    def _edition(self, found: TrustList) -> Edition:
        return Edition(None, found.exp, found.sequence, len(found.anchors), found.complaints)
