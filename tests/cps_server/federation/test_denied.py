"""Deny lists hold for what comes through the mesh, too; the list of partners does not."""

import pytest

from cps_server import keys
from cps_server.partners import Mode, Rules
from tests.cps_server.federation.conftest import Meshed


@pytest.mark.parametrize(
    ("denied", "status"), [(frozenset(), 201), (frozenset(["709J"]), 403), (frozenset(["CPS0"]), 403)]
)
async def test_deny_lists_reach_through_the_mesh(mesh: Meshed, denied: frozenset[str], status: int) -> None:
    """In closed mode a peer republishes without being a partner, unless it or the publisher is on a deny list."""
    node = mesh.others[0]
    node.app[keys.partners].rules = Rules(Mode.CLOSED, denied_spcs=denied)
    passports = [mesh.first.passport()]
    original = mesh.first.token("publish", passports=passports, aud="cps-0.example")
    token = mesh.republish_token(original, passports)
    answer = await node.publish(passports, token=token, body={"passports": passports, "token": original})
    assert status == answer.status
