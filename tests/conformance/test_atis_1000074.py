"""ATIS-1000074: what a verifier makes of the certificates that it fetches."""

import pytest

from stir.testing import World, der

POLICIES = der.sequence(der.sequence(der.oid("2.16.840.1.114569.1.1.4")))
"""The value of CertificatePolicies by CP 1.4."""


@pytest.mark.clause("passport-5-type", "pki-p3-type")
@pytest.mark.parametrize(
    "kind", ["application/x-pem-file", "text/plain; charset=utf-8", "application/octet-stream", "text/html", None]
)
async def test_the_content_type_of_a_chain_is_not_insisted_on(kind: str | None) -> None:
    """A third of the repositories name another type than RFC 8555, section 9.1, or none: the PEM body counts."""
    world = World()
    sp = world.service_provider("709J")
    world.fetcher.serve(sp.x5u, sp.chain_pem, **({"Content_Type": kind} if kind else {}))

    assert (await world.assess(sp.sign(orig="12155550100", dest="12155551212"))).passed


@pytest.mark.clause("pki-c7-policies")
async def test_a_critical_policy_is_understood() -> None:
    """A few production certificates mark CertificatePolicies as critical: it is an extension that we know."""
    world = World()
    sp = world.service_provider("709J", policy=None, extensions=(("2.5.29.32", POLICIES, True),))

    assert (await world.assess(sp.sign(orig="12155550100", dest="12155551212"))).passed


@pytest.mark.clause("pki-c9-lint")
async def test_a_short_serial_number_is_no_ground_for_refusal() -> None:
    """One certificate in twenty has less than 64 bits of serial number, and is believed all the same."""
    world = World()
    sp = world.service_provider("709J", serial=77)

    assert (await world.assess(sp.sign(orig="12155550100", dest="12155551212"))).passed
