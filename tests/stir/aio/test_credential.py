"""The own key, and that it is the one of the published certificate."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from stir.aio.credential import Credential, CredentialError, load_key
from stir.certificate import Certificate
from stir.testing import World

PREFIX = "CPS_CLIENT_"


def written(path: Path, key: object, encryption: KeySerializationEncryption | None = None) -> Path:
    """Write a private key."""
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    return path


def test_p256_is_read(tmp_path: Path) -> None:
    """A P-256 key in PEM is what ES256 needs."""
    key = ec.generate_private_key(ec.SECP256R1())

    assert key.private_numbers() == load_key(PREFIX, written(tmp_path / "key.pem", key)).private_numbers()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "secp256k1", "Ed25519", "RSA"],
)
def test_other_keys_are_refused(key: object, tmp_path: Path) -> None:
    """Any other key is refused when it is loaded, not when the first call comes."""
    with pytest.raises(CredentialError, match=r"CPS_CLIENT_PRIVATE_KEY: .* is not a P-256 key"):
        load_key(PREFIX, written(tmp_path / "key.pem", key))


def test_unusable_files_are_named(tmp_path: Path) -> None:
    """An encrypted key, something else, and nothing at all are told apart, without a word of the content."""
    encrypted = written(
        tmp_path / "key.pem", ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"secret")
    )
    (tmp_path / "x").write_bytes(b"secret")

    for path, said in ((encrypted, "is encrypted"), (tmp_path / "x", "holds no private key"), (tmp_path, "be read")):
        with pytest.raises(CredentialError) as caught:
            load_key(PREFIX, path)
        assert said in caught.value.detail
        assert "secret" not in caught.value.detail


def test_key_is_held_against_the_certificate(tmp_path: Path) -> None:
    """Key and SPC have to be those of the published certificate; the SPC's case does not matter."""
    world = World()
    own, other, nobody = (
        world.service_provider("709J"),
        world.service_provider("709J"),
        world.service_provider("709J", tn_auth_list=None),
    )
    (tmp_path / "key.pem").write_bytes(own.leaf.key_pem)
    (tmp_path / "nobody.pem").write_bytes(nobody.leaf.key_pem)
    credential = Credential.load(PREFIX, spc="709j", x5u=own.x5u, private_key=tmp_path / "key.pem")
    unlisted = Credential.load(PREFIX, spc="709J", x5u=own.x5u, private_key=tmp_path / "nobody.pem")

    credential.require_match(Certificate.from_der(own.leaf.der))
    with pytest.raises(CredentialError, match="CPS_CLIENT_PRIVATE_KEY is not the key"):
        credential.require_match(Certificate.from_der(other.leaf.der))
    with pytest.raises(CredentialError, match="CPS_CLIENT_SPC is not in"):
        unlisted.require_match(Certificate.from_der(nobody.leaf.der))


def test_key_is_not_shown() -> None:
    """No key stands in the text of a credential."""
    assert "signer" not in repr(Credential(signer=None, spc="709J", prefix=PREFIX))
