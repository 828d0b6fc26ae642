"""RFC 8588: what is signed where nobody says otherwise."""

from uuid import UUID

import pytest

from cps_client.origin import signed
from stir.passport import Passport
from stir.sign import Signer
from stir.testing import World


@pytest.mark.clause("use-2-uuid")
def test_section_5_an_origid_is_a_uuid_of_its_own() -> None:
    """Without a given one each call gets a random UUID, which tells nothing of its source."""
    world = World()
    sp = world.service_provider("709J")
    signer = Signer(sp.private_key, sp.x5u)
    made = [
        signed(signer, orig="12155550100", dest="12155551212", attest="C", origid=None, at=world.clock.now())
        for _ in range(2)
    ]
    origids = [UUID(str(Passport.parse(identity.token).payload["origid"])) for identity in made]

    assert [4, 4] == [each.version for each in origids]
    assert origids[0] != origids[1]
