"""Tests of stir.aio.trustlist: fetching the CA list and its signer's certificate."""

import pytest

from stir.aio.trustlist import TrustListRefresher
from stir.certificate import load_certificates
from stir.path import TrustAnchors
from stir.testing import World


def anchors(pem: bytes) -> TrustAnchors:
    """Read a file of roots."""
    return TrustAnchors(load_certificates(pem)[0])


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.fixture
def refresher(world: World) -> TrustListRefresher:
    """Return a refresher of the world's CA list."""
    return TrustListRefresher(world.fetcher, world.ca_list.url, anchors(world.sti_pa_anchors_pem), world.clock)


async def test_the_list_and_its_signer_are_fetched(world: World, refresher: TrustListRefresher) -> None:
    """The signer's certificate is fetched from x5u."""
    world.authority("Other CA")

    assert await refresher.refresh()

    assert 2 == len(refresher.held.anchors)
    assert (2, 3, refresher.held.exp) == (
        refresher.status.edition.entries,
        refresher.status.edition.sequence,
        refresher.status.edition.next_update,
    )
    assert 1 == world.fetcher.fetches[world.ca_list.signer_url]


async def test_an_embedded_signer_needs_no_fetch(world: World, refresher: TrustListRefresher) -> None:
    """With x5c nothing but the list is fetched."""
    world.ca_list.embedded = True

    assert await refresher.refresh()
    assert 0 == world.fetcher.fetches[world.ca_list.signer_url]


@pytest.mark.clause("cert-4-authorization")
async def test_the_access_token_is_sent_to_the_list_only(world: World) -> None:
    """The national endpoint wants Authorization; whoever serves the signer's certificate does not get it."""
    refresher = TrustListRefresher(
        world.fetcher,
        world.ca_list.url,
        anchors(world.sti_pa_anchors_pem),
        world.clock,
        headers={"Authorization": "secret"},
    )

    await refresher.refresh()

    sent = dict(world.fetcher.requests)
    assert "secret" == sent[world.ca_list.url]["Authorization"]
    assert "application/jose+json" == sent[world.ca_list.url]["Accept"]
    assert "Authorization" not in sent[world.ca_list.signer_url]


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda w: w.fetcher.fail(w.ca_list.url), "fetch-failed"),
        (lambda w: w.fetcher.slow(w.ca_list.signer_url, 60), "fetch-failed"),
        (lambda w: w.fetcher.replace(w.ca_list.url, b"<html>"), "malformed-ca-list"),
        (lambda w: w.fetcher.replace(w.ca_list.signer_url, b"<html>"), "malformed-certificate"),
        (lambda w: setattr(w.ca_list, "signature", "tampered"), "list-refused"),
        (lambda w: setattr(w.ca_list, "sequence", 1), "list-refused"),
        (lambda w: setattr(w.ca_list, "claims", {"exp": w.clock.timestamp()}), "list-refused"),
        (lambda w: setattr(w.ca_list, "header", {"x5u": "http://example.net/x"}), "refused-url"),
    ],
)
async def test_a_failure_leaves_the_held_list_in_force(
    world: World, refresher: TrustListRefresher, break_it, code: str
) -> None:
    """Whatever goes wrong, the status names it and the last good list stays."""
    await refresher.refresh()
    held = refresher.held
    break_it(world)

    assert not await refresher.refresh()

    assert code == refresher.status.last_error.code
    assert held is refresher.held


async def test_complaints_about_single_roots_are_in_the_status(world: World, refresher: TrustListRefresher) -> None:
    """A root that cannot be read does not stop the list, and is not hidden."""
    world.ca_list.roots.append("nothing")

    assert await refresher.refresh()
    assert ("root 2: it is not a PEM certificate",) == refresher.status.edition.complaints


async def test_other_anchors_drop_a_list_that_they_do_not_vouch_for(
    world: World, refresher: TrustListRefresher
) -> None:
    """After the operator replaced the roots, a list whose signer is below none of them is forgotten."""
    refresher.rebase(anchors(world.sti_pa_anchors_pem))
    await refresher.refresh()
    refresher.rebase(anchors(world.sti_pa_anchors_pem))
    assert refresher.held is not None

    refresher.rebase(anchors(world.anchors_pem))

    assert refresher.held is None
