"""Tests of stir.aio.references: TNAuthLists that certificates only refer to."""

import gc
from dataclasses import dataclass

import pytest

from stir.aio.certificates import CertificateCache
from stir.aio.references import ReferencedLists
from stir.errors import FetchError, ProfileError, TNAuthListError
from stir.testing import ServiceProvider, World, tnauthlist
from stir.tnauthlist import TNAuthList
from stir.trust import Scope

URL = "https://cr.example.net/709J/list"
HELD = tnauthlist.numbers("12155550100")


@dataclass
class Bench:
    """A provider whose certificate refers to its list, and a source of its chain."""

    world: World
    provider: ServiceProvider
    source: ReferencedLists


@pytest.fixture
def bench() -> Bench:
    """Return a fresh bench whose list is served."""
    world = World()
    provider = world.service_provider("709J", tn_auth_list=None, extensions=(tnauthlist.reference(URL),))
    world.fetcher.serve(URL, lambda: HELD)
    return Bench(world, provider, ReferencedLists(CertificateCache(world.fetcher, clock=world.clock), world.fetcher))


@pytest.mark.clause("passport-6.1-reference")
async def test_a_list_comes_with_its_chain_and_is_kept_with_it(bench: Bench) -> None:
    """The list is fetched once, and is what the signer speaks for; without it the certificate is refused."""
    first = await bench.source.chain(bench.provider.x5u)
    second = await bench.source.chain(bench.provider.x5u)

    assert first is second
    assert (1, 1) == (bench.world.fetcher.fetches[URL], bench.world.fetcher.fetches[bench.provider.x5u])
    trust, at = bench.world.trust, bench.world.clock.now()
    assert TNAuthList.from_der(HELD) == trust.signer(first, at=at, scope=Scope.DELEGATE).authorized
    bare = await CertificateCache(bench.world.fetcher, clock=bench.world.clock).chain(bench.provider.x5u)
    with pytest.raises(ProfileError, match="only a reference"):
        trust.signer(bare, at=at, scope=Scope.DELEGATE)


async def test_chains_without_references_pass_untouched(bench: Bench) -> None:
    """What has its list inside costs no fetch, even if it refers to one as well."""
    provider = bench.world.service_provider("709J", extensions=(tnauthlist.reference(URL),))
    chain = await bench.source.chain(provider.x5u)

    assert () == chain.referenced
    assert 0 == bench.world.fetcher.fetches[URL]
    assert chain is await bench.source.refetch(provider.x5u, chain)


async def test_a_list_that_cannot_be_had_or_read_is_told(bench: Bench) -> None:
    """An outage is none of the certificate's faults; a broken list is. Neither is remembered."""
    bench.world.fetcher.down(URL)
    with pytest.raises(FetchError):
        await bench.source.chain(bench.provider.x5u)
    bench.world.fetcher.up(URL)
    bench.world.fetcher.serve(URL, lambda: b"\x30")
    with pytest.raises(TNAuthListError):
        await bench.source.chain(bench.provider.x5u)
    bench.world.fetcher.serve(URL, lambda: HELD)

    assert 1 == len((await bench.source.chain(bench.provider.x5u)).referenced)


async def test_a_replaced_certificate_is_refetched_with_its_list(bench: Bench) -> None:
    """After a failed signature the chain is fetched again, once it may be; the same object says that nothing is new."""
    chain = await bench.source.chain(bench.provider.x5u)
    assert chain is await bench.source.refetch(bench.provider.x5u, chain)  # it was fetched just now

    other = "https://cr.example.net/709J/other"
    bench.world.fetcher.serve(other, lambda: tnauthlist.spc("709J"))
    extensions = (tnauthlist.reference(other),)
    bench.world.service_provider("709J", tn_auth_list=None, extensions=extensions, x5u=bench.provider.x5u)
    bench.world.clock.advance(60)
    fresh = await bench.source.refetch(bench.provider.x5u, chain)

    assert chain != fresh
    assert ((other, TNAuthList.of(spcs=["709J"])),) == fresh.referenced


async def test_nothing_is_kept_alive_by_the_lists(bench: Bench) -> None:
    """When a chain is gone, so is what was remembered of it."""
    source = ReferencedLists(CertificateCache(bench.world.fetcher, clock=bench.world.clock), bench.world.fetcher)
    chain = await source.chain(bench.provider.x5u)
    source._chains = CertificateCache(bench.world.fetcher, clock=bench.world.clock)
    del chain
    gc.collect()

    assert (0, 0) == (len(source._complete), len(source._bare))
