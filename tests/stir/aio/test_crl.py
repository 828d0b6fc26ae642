"""Tests of stir.aio.crl: fetching the CRL and its signer's certificate."""

import pytest

from stir.aio.crl import CrlRefresher
from stir.certificate import load_certificates
from stir.path import TrustAnchors
from stir.testing import Template, World, der
from stir.testing.certificates import issue


def anchors(pem: bytes) -> TrustAnchors:
    """Read a file of roots."""
    return TrustAnchors(load_certificates(pem)[0])


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.fixture
def refresher(world: World) -> CrlRefresher:
    """Return a refresher of the world's CRL."""
    return CrlRefresher(world.fetcher, world.crl.url, anchors(world.sti_pa_anchors_pem), world.clock)


@pytest.mark.clause("cert-4-crl", "cert-6-aia")
async def test_the_crl_and_its_signer_are_fetched(world: World, refresher: CrlRefresher) -> None:
    """The signer's certificate is found through the CRL's caIssuers, and then remembered."""
    provider = world.service_provider("709J")
    world.crl.revoke(provider.leaf)

    assert await refresher.refresh()
    assert await refresher.refresh()

    assert refresher.held.is_revoked(provider.leaf.certificate)
    assert (1, 2) == (refresher.status.edition.entries, refresher.status.edition.sequence)
    assert 2 == world.fetcher.fetches[world.crl.url]
    assert 1 == world.fetcher.fetches[world.crl.signer_url]


@pytest.mark.parametrize("layout", ["der", "chain"])
async def test_the_signer_may_be_served_in_der_or_as_a_chain(
    world: World, refresher: CrlRefresher, layout: str
) -> None:
    """A caIssuers URL serves one DER certificate (RFC 5280, section 4.2.2.1), in practice also PEM."""
    now = world.clock.now()
    middle = issue(
        Template(
            "STI-PA CA",
            now,
            now.replace(year=2030),
            organization="STI-PA",
            is_ca=True,
            key_usage=("key_cert_sign",),
            policy=None,
        ),
        world.administrator.root,
    )
    below = Template("STI-PA CRL", now, now.replace(year=2030), organization="STI-PA", key_usage=("crl_sign",))
    if layout == "chain":
        world.crl.signer = issue(below, middle)
        world.fetcher.serve_chain(world.crl.signer_url, world.crl.signer.pem + middle.pem)
    else:
        world.crl.signer = issue(below, world.administrator.root)
        world.fetcher.serve(world.crl.signer_url, world.crl.signer.der)

    assert await refresher.refresh()


async def test_a_signer_in_the_anchor_file_needs_no_fetch(world: World) -> None:
    """The operator may put the signer's certificate beside the roots, for CRLs that do not say where it is."""
    world.fetcher.down(world.crl.signer_url)
    both = anchors(world.sti_pa_anchors_pem + world.crl.signer.pem)
    refresher = CrlRefresher(world.fetcher, world.crl.url, both, world.clock)

    assert await refresher.refresh()
    assert 0 == world.fetcher.fetches[world.crl.signer_url]


@pytest.mark.clause("cert-6-last")
@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda w: w.fetcher.down(w.crl.url), "fetch-failed"),
        (lambda w: w.fetcher.down(w.crl.signer_url), "fetch-failed"),
        (lambda w: w.fetcher.replace(w.crl.url, b"<html>"), "malformed-crl"),
        (lambda w: w.fetcher.replace(w.crl.url, bytes(5 * 1024 * 1024)), "fetch-failed"),
        (lambda w: w.fetcher.replace(w.crl.signer_url, b"<html>"), "malformed-certificate"),
        (lambda w: w.fetcher.replace(w.crl.signer_url, w.issuer.issuing.pem), "list-refused"),
        (lambda w: setattr(w.crl, "signer", w.issuer.issuing), "list-refused"),
    ],
)
async def test_a_failure_leaves_the_held_list_in_force(world: World, break_it, code: str) -> None:
    """Whatever goes wrong, the status names it and the last good list stays; so it is without one."""
    good = CrlRefresher(world.fetcher, world.crl.url, anchors(world.sti_pa_anchors_pem), world.clock)
    fresh = CrlRefresher(world.fetcher, world.crl.url, anchors(world.sti_pa_anchors_pem), world.clock)
    await good.refresh()
    held = good.held
    good._signer = None
    break_it(world)

    for refresher in (good, fresh):
        assert not await refresher.refresh()
        assert code == refresher.status.last_error.code
    assert held is good.held
    assert fresh.held is None


async def test_a_list_without_a_hint_is_refused_when_its_signer_is_unknown(world: World) -> None:
    """Without caIssuers and without the signer's certificate nobody can verify the list."""
    world.crl.signer_url = ""
    refresher = CrlRefresher(world.fetcher, world.crl.url, anchors(world.sti_pa_anchors_pem), world.clock)
    location = der.implicit(6, b"")
    blank = der.sequence(der.sequence(der.oid("1.3.6.1.5.5.7.48.2"), location))
    other = der.sequence(der.sequence(der.oid("1.3.6.1.5.5.7.48.1"), location))
    world.fetcher.replace(world.crl.url, lambda: world.crl.der().replace(blank, other))

    assert not await refresher.refresh()
    assert "signature" in refresher.status.last_error.detail or "no certificate" in refresher.status.last_error.detail


async def test_no_more_than_two_hints_are_followed(world: World, refresher: CrlRefresher) -> None:
    """A list that names many URLs does not make us a tool against others."""
    urls = [f"https://cr.example.net/{number}" for number in range(5)]
    for url in urls:
        world.fetcher.serve_chain(url, world.issuer.issuing.pem)
    world.crl.extra_signer_urls = urls
    world.fetcher.replace(world.crl.signer_url, world.issuer.issuing.pem)

    assert not await refresher.refresh()

    assert 2 == sum(world.fetcher.fetches[url] for url in [world.crl.signer_url, *urls])


async def test_an_older_list_is_refused(world: World, refresher: CrlRefresher) -> None:
    """A replayed CRL does not take back a revocation."""
    provider = world.service_provider("709J")
    old = world.crl.der()
    world.crl.revoke(provider.leaf)
    await refresher.refresh()
    world.fetcher.replace(world.crl.url, old)

    assert not await refresher.refresh()
    assert "list-refused" == refresher.status.last_error.code
    assert refresher.held.is_revoked(provider.leaf.certificate)


@pytest.mark.clause("pki-r3-anchor")
async def test_an_indirect_list_needs_the_policy_administrators_anchors(world: World) -> None:
    """With STI-CA roots alone only an STI-CA's own direct list is believed."""
    world.crl.signer, world.crl.entries = world.issuer.issuing, []
    world.fetcher.serve_chain(world.crl.signer_url, world.issuer.issuing.pem)
    refresher = CrlRefresher(world.fetcher, world.crl.url, anchors(world.anchors_pem), world.clock, direct_only=True)

    assert not await refresher.refresh()
    assert "indirect" in refresher.status.last_error.detail
    world.crl.indirect = None
    assert await refresher.refresh()


async def test_other_anchors_drop_a_list_that_they_do_not_vouch_for(world: World, refresher: CrlRefresher) -> None:
    """After the operator replaced the roots, a list whose signer is below none of them is forgotten."""
    refresher.rebase(anchors(world.sti_pa_anchors_pem))
    await refresher.refresh()
    refresher.rebase(anchors(world.sti_pa_anchors_pem))
    assert refresher.held is not None

    refresher.rebase(anchors(world.anchors_pem))

    assert refresher.held is None
    assert refresher.status.edition is None
