"""OpenSSL as the oracle for revocation lists: what it reads and verifies, and what we do."""

import re
import subprocess
from pathlib import Path

import pytest

from stir.certificate import load_certificates
from stir.errors import ListRefusedError
from stir.path import TrustAnchors
from stir.revocation import RevocationList
from stir.testing import World
from stir.testing.der import children

pytestmark = pytest.mark.system("openssl")


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run openssl."""
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)


def files(world: World, folder: Path, crl: bytes) -> tuple[Path, Path]:
    """Write the list and its signer's chain."""
    (folder / "crl.der").write_bytes(crl)
    (folder / "signers.pem").write_bytes(world.crl.signer.pem + world.sti_pa_anchors_pem)
    return folder / "crl.der", folder / "signers.pem"


@pytest.fixture
def world() -> World:
    """Return a world with revoked certificates of two CAs."""
    made = World()
    other = made.authority("Other CA")
    for provider in (
        made.service_provider("1"),
        made.service_provider("2"),
        made.service_provider("3", issuer=other),
        made.service_provider("4", issuer=other),
    ):
        made.crl.revoke(provider.leaf, reason=1)
    return made


@pytest.mark.clause("cert-6-entry-issuer")
def test_openssl_reads_the_same_serial_numbers(world: World, tmp_path: Path) -> None:
    """Every serial number that OpenSSL prints is on our list, under the issuer that it prints, and no other is."""
    crl, _ = files(world, tmp_path, world.crl.der())

    printed = openssl("crl", "-inform", "DER", "-in", crl, "-noout", "-text").stdout
    serials = [int(serial, 16) for serial in re.findall(r"Serial Number: ([0-9A-F]+)", printed)]

    found = RevocationList.from_bytes(crl.read_bytes())
    assert [entry.serial for entry in world.crl.entries] == serials
    assert len(serials) == found.entries
    assert set(serials) == {serial for known in found._revoked.values() for serial in known}
    assert f"{found.number}" == re.findall(r"CRL Number: \n +(\d+)", printed)[0]
    assert 4 == printed.count("X509v3 Certificate Issuer: critical")


@pytest.mark.clause("cert-6-signer")
@pytest.mark.parametrize("damage", [False, True])
def test_openssl_believes_the_same_signature(world: World, tmp_path: Path, damage: bool) -> None:  # noqa: FBT001 - a parameter
    """OpenSSL verifies the list under the signer's chain exactly when we do."""
    data = world.crl.der()
    if damage:
        serial = world.crl.entries[0].serial.to_bytes(20, "big").lstrip(b"\x00")
        data = data.replace(serial, serial[:-1] + bytes([serial[-1] ^ 1]))
        assert 3 == len(children(data))
    crl, signers = files(world, tmp_path, data)

    result = openssl("crl", "-inform", "DER", "-in", crl, "-noout", "-verify", "-CAfile", signers)

    anchors = TrustAnchors(load_certificates(world.sti_pa_anchors_pem)[0])
    found = RevocationList.from_bytes(data)
    assert ("verify OK" in result.stderr) is not damage
    if damage:
        with pytest.raises(ListRefusedError, match="signature"):
            found.require_signer([world.crl.signer.certificate], anchors, at=world.clock.now())
    else:
        found.require_signer([world.crl.signer.certificate], anchors, at=world.clock.now())
