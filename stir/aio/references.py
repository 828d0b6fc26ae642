"""TNAuthLists by reference: fetched with the chain whose certificates refer to them (RFC 8226, section 10.1)."""

from dataclasses import replace
from weakref import WeakKeyDictionary, ref

from stir import limits, tnauthlist
from stir.aio.fetch import Fetcher
from stir.aio.verification import ChainSource
from stir.certificate import Chain
from stir.tnauthlist import TNAuthList


class ReferencedLists:
    """
    A source of chains that brings along the TNAuthLists that they refer to.

    Put around the certificate cache where policy allows it; without it such certificates are refused. A list is
    kept as long as its chain stays in the cache, and chains without a reference cost nothing.

    Args:
        chains: Where the chains come from.
        fetcher: Reads the lists, under the bounds and policy that hold for every x5u.
    """

    def __init__(self, chains: ChainSource, fetcher: Fetcher) -> None:
        self._chains = chains
        self._fetcher = fetcher
        self._complete: WeakKeyDictionary[Chain, Chain] = WeakKeyDictionary()
        self._bare: WeakKeyDictionary[Chain, ref[Chain]] = WeakKeyDictionary()

    async def chain(self, url: str) -> Chain:
        """
        Return the chain at *url* with its lists.

        Raises:
            UrlError: A URL is never fetched.
            FetchError: The chain or a list cannot be had.
            CertificateFormatError: The chain is unreadable, or a list is.
        """
        return await self._with_lists(await self._chains.chain(url))

    async def refetch(self, url: str, stale: Chain) -> Chain:
        """Return what is at *url* now; the same object if nothing new is. Raises what :meth:`chain` does."""
        held = self._bare[stale]() if stale in self._bare else stale
        found = await self._chains.refetch(url, held or stale)
        return stale if found is held else await self._with_lists(found)

    async def _with_lists(self, chain: Chain) -> Chain:
        wanted = _references(chain)
        if not wanted:
            return chain
        known = self._complete.get(chain)
        if known is None:
            lists = [(url, await self._read(url)) for url in wanted]
            known = self._complete[chain] = replace(chain, referenced=tuple(lists))
            self._bare[known] = ref(chain)
        return known

    async def _read(self, url: str) -> TNAuthList:
        answer = await self._fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES)
        return TNAuthList.from_der(answer.body)


def _references(chain: Chain) -> list[str]:
    """Return one URL for each certificate that has no list in itself, within the limit of certificates in a chain."""
    bare = (one for one in (chain.leaf, *chain.others) if tnauthlist.OID not in one.extensions)
    return list(dict.fromkeys(one.tn_auth_list_urls[0] for one in bare if one.tn_auth_list_urls))
