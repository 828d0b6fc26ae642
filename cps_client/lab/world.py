"""The pretend STI world, as it stands on this machine's loopback interface."""

from stir.testing import RunningClock, World
from stir.testing.calist import CaList
from stir.testing.revocation import RevocationAuthority


def loopback_world(base: str) -> World:
    """Return a running world whose every URL begins with *base*, on the system's clock."""
    world = World(RunningClock(), repository=f"{base}/certificates")
    _move(world, world.crl, f"{base}/crl", "application/pkix-crl")
    _move(world, world.ca_list, f"{base}/ca-list", "application/jose+json")
    # The first STI-CA's certificates still name the CRL's former place.
    world.ca_list.distrust(world.issuer.root)
    world.trusted.remove(world.issuer)
    world.issuer = world.authority("Laboratory CA")
    return world


def _move(world: World, moved: CaList | RevocationAuthority, url: str, content_type: str) -> None:
    """Serve a list of the policy administrator, and its signer's certificate, at *url*."""
    moved.url, moved.signer_url = url, f"{url}.pem"
    body = moved.der if isinstance(moved, RevocationAuthority) else moved.body
    world.fetcher.serve(moved.url, body, Content_Type=content_type)
    world.fetcher.serve_chain(moved.signer_url, moved.signer.pem)
