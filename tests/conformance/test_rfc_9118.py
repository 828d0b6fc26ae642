"""RFC 9118: what a certificate may forbid its holder."""

import pytest

from stir.constraints import ENHANCED
from stir.testing import World, der


@pytest.mark.clause("passport-6.2-base")
@pytest.mark.parametrize("name", [b"iat", b"orig", b"dest"])
async def test_section_3_base_claims_cannot_be_excluded(name: bytes) -> None:
    """Every PASSporT has iat, orig and dest, so a certificate that excludes one of them signs nothing: E17."""
    value = der.sequence(der.explicit(2, der.sequence(der.tlv(0x16, name))))
    world = World()
    sp = world.service_provider("709J", extensions=((ENHANCED, value, False),))

    verdict = await world.assess(sp.sign(orig="12155550100", dest="12155551212"))
    assert "E17" == verdict.as_dict()["case"]
