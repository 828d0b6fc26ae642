"""The origid of a trunk group: stable for those who have the key, and nothing to anybody else."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cps_client.attestation import Policy
from cps_client.origid import origid_of, private_namespace
from cps_client.routes import Route

KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"


@pytest.mark.clause("use-2-uuid", "use-2-stable")
def test_it_depends_on_trunk_and_key_alone() -> None:
    """Each trunk of each provider has its own, a UUID of version 5, whenever it is asked for."""
    names = [None, "a", "b"]
    made = [origid_of(Route(name, ()), private_namespace(key)) for key in KEYS for name in names]

    assert 6 == len(set(made))
    assert {5} == {UUID(one).version for one in made}
    assert made[0] == origid_of(Route(None, (), generation=2), private_namespace(KEYS[0]))


def test_the_namespace_does_not_show_the_key() -> None:
    """It is a one-way function of the key, and another one for another key."""
    secret = KEYS[0].private_numbers().private_value.to_bytes(32)

    assert private_namespace(KEYS[0]).bytes not in secret
    assert private_namespace(KEYS[0]) != private_namespace(KEYS[1])


def test_a_configured_one_stands_over_it() -> None:
    """An operator may have given the origid to others already."""
    assert ORIGID == origid_of(Route("a", (), policy=Policy(origid=ORIGID)), private_namespace(KEYS[0]))
