"""The world's URLs on a real HTTPS server, read by the product's own fetcher."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import NETWORKS
from stir import limits
from stir.aio.fetch import HttpsFetcher
from stir.certificate import load_chain
from stir.errors import FetchError
from stir.revocation import RevocationList
from stir.x5u import X5uPolicy


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """Yield a lab without a CPS."""
    async with Lab.open(tmp_path) as lab:
        yield lab


@pytest.fixture
async def fetcher(lab: Lab) -> AsyncIterator[HttpsFetcher]:
    """Yield the fetcher that a gateway in the lab has."""
    policy = X5uPolicy(frozenset({lab.port}), tuple(map(ip_network, NETWORKS)))
    async with HttpsFetcher(policy, tls_ca_file=lab.tls_ca, timeout=5) as fetcher:
        yield fetcher


async def test_a_chain_is_served(lab: Lab, fetcher: HttpsFetcher) -> None:
    """A provider's chain comes over HTTPS with the type and the freshness of a well-kept repository, and is trusted."""
    provider = lab.world.service_provider("123A")

    answer = await fetcher.fetch(provider.x5u, max_bytes=limits.CHAIN_BYTES)

    assert "application/pem-certificate-chain" == answer.headers["Content-Type"]
    assert "public, max-age=86400" == answer.headers["Cache-Control"]
    signer = lab.world.trust.signer(load_chain(answer.body), at=lab.world.clock.now())
    assert "123A" == signer.spc


async def test_the_crl_is_served(lab: Lab, fetcher: HttpsFetcher) -> None:
    """A revocation counts for whoever fetches the CRL afterwards; the CRL's own URLs are the lab's."""
    provider = lab.world.service_provider("123A")
    lab.world.crl.revoke(provider.leaf)

    answer = await fetcher.fetch(lab.world.crl.url, max_bytes=limits.CRL_BYTES)

    assert "application/pkix-crl" == answer.headers["Content-Type"]
    assert RevocationList.from_bytes(answer.body).is_revoked(provider.leaf.certificate)
    signer = await fetcher.fetch(lab.world.crl.signer_url, max_bytes=limits.CHAIN_BYTES)
    assert lab.world.crl.signer.der == load_chain(signer.body).leaf.der


async def test_the_ca_list_is_served(lab: Lab, fetcher: HttpsFetcher) -> None:
    """The signed list of STI-CAs holds the one CA of the lab, and its signer's certificate is served, too."""
    answer = await fetcher.fetch(lab.world.ca_list.url, max_bytes=limits.ANCHORS_BYTES)

    assert "application/jose+json" == answer.headers["Content-Type"]
    assert 3 == len(answer.body.split(b"."))
    assert [lab.world.issuer.root.pem.decode()] == lab.world.ca_list.roots
    assert [lab.world.issuer] == lab.world.trusted
    signer = await fetcher.fetch(lab.world.ca_list.signer_url, max_bytes=limits.CHAIN_BYTES)
    assert lab.world.ca_list.signer.der == load_chain(signer.body).leaf.der


async def test_certificates_name_the_lab_s_crl(lab: Lab) -> None:
    """No certificate points outside the lab."""
    provider = lab.world.service_provider("123A")

    assert lab.world.crl.url.startswith(lab.base)
    assert lab.world.crl.url.encode() in provider.leaf.der
    assert b"example.net" not in provider.leaf.der


async def test_nothing_else_is_served(lab: Lab, fetcher: HttpsFetcher) -> None:
    """A path that the world does not know is 404."""
    with pytest.raises(FetchError, match="404") as caught:
        await fetcher.fetch(f"{lab.base}/certificates/none.pem", max_bytes=limits.CHAIN_BYTES)

    assert "status" == caught.value.reason


async def test_the_world_s_defects_show(lab: Lab, fetcher: HttpsFetcher) -> None:
    """A repository that is told to fail, to vanish or to hold back its answer does so on the wire."""
    provider = lab.world.service_provider("123A")
    repository = lab.world.fetcher

    repository.fail(provider.x5u, 503)
    with pytest.raises(FetchError, match="503"):
        await fetcher.fetch(provider.x5u, max_bytes=limits.CHAIN_BYTES)
    repository.up(provider.x5u)
    repository.down(provider.x5u)
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(provider.x5u, max_bytes=limits.CHAIN_BYTES)
    assert "broken" == caught.value.reason
    repository.up(provider.x5u)
    gate = repository.hold(provider.x5u)
    held = asyncio.create_task(fetcher.fetch(provider.x5u, max_bytes=limits.CHAIN_BYTES))
    assert not (await asyncio.wait([held], timeout=0.1))[0]
    gate.set()
    assert provider.chain_pem == (await held).body


async def test_an_unchanged_chain_is_not_sent_again(lab: Lab, fetcher: HttpsFetcher) -> None:
    """A conditional request for what has not changed is answered with 304."""
    url = f"{lab.base}/certificates/tagged.pem"
    lab.world.fetcher.serve(url, b"chain", ETag='"1"')

    answer = await fetcher.fetch(url, max_bytes=100, headers={"If-None-Match": '"1"'})

    assert (304, b"") == (answer.status, answer.body)
    assert 200 == (await fetcher.fetch(url, max_bytes=100, headers={"If-None-Match": '"0"'})).status
