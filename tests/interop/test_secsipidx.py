"""secsipidx, the verifier inside Kamailio, as an independent signer and judge."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from stir.sign import Signer
from stir.testing import ServiceProvider, World
from stir.testing.clock import RunningClock
from stir.testing.world import DEST, ORIG
from stir.tn import Party
from stir.verdict import Verstat

pytestmark = pytest.mark.system("secsipidx")

ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"


class Files(TypedDict):
    """Where the key and the certificate of a provider are."""

    key: Path
    certificate: Path


@pytest.fixture
def world() -> World:
    """Return a world on the machine's clock, because secsipidx knows no other."""
    return World(RunningClock())


@pytest.fixture
def provider(world: World) -> ServiceProvider:
    """Return a provider whose TNAuthList is not critical: secsipidx refuses extensions that it does not know."""
    return world.service_provider("709J", tn_auth_list_critical=False)


@pytest.fixture
def files(tmp_path: Path, provider: ServiceProvider) -> Files:
    """Write the provider's key and certificate."""
    found = Files(key=tmp_path / "key.pem", certificate=tmp_path / "certificate.pem")
    found["key"].write_bytes(provider.leaf.key_pem)
    found["certificate"].write_bytes(provider.leaf.pem)
    return found


def secsipidx(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run secsipidx."""
    return subprocess.run(["secsipidx", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=30)


def signed(provider: ServiceProvider, files: Files) -> str:
    """Return the Identity header value that secsipidx makes."""
    call = ("-orig-tn", ORIG, "-dest-tn", DEST, "-attest", "A", "-orig-id", ORIGID)
    done = secsipidx("-sign-full", *call, "-x5u", provider.x5u, "-fprvkey", files["key"])
    assert 0 == done.returncode, done
    return done.stdout.strip()


def believed(identity: str, files: Files, folder: Path) -> bool:
    """Return whether secsipidx believes the signature and the age of an Identity header value."""
    (folder / "identity").write_text(identity)
    done = secsipidx("-check", "-fidentity", folder / "identity", "-fpubkey", files["certificate"], "-expire", 60)
    return done.returncode == 0 and "ok" in done.stdout


def ours(provider: ServiceProvider, age: timedelta = timedelta()) -> str:
    """Return the Identity header value that this project's signer makes for the same call."""
    key = provider.private_key
    assert isinstance(key, EllipticCurvePrivateKey)
    dest = [Party.parse(DEST)]
    at = datetime.now(UTC) - age
    return str(Signer(key, provider.x5u).shaken(Party.parse(ORIG), dest, attest="A", origid=ORIGID, at=at))


async def test_what_secsipidx_signs_is_believed(world: World, provider: ServiceProvider, files: Files) -> None:
    """An Identity header that Kamailio's signer made verifies here."""
    verdict = await world.assess(signed(provider, files))

    assert (Verstat.PASSED, "A", ORIGID) == (verdict.verstat, verdict.attest, verdict.origid)


async def test_it_is_believed_for_its_own_call_only(world: World, provider: ServiceProvider, files: Files) -> None:
    """The same header on a call from another number fails."""
    verdict = await world.assess(signed(provider, files), orig="12155550199")

    assert Verstat.PASSED != verdict.verstat


def test_secsipidx_believes_what_is_signed_here(provider: ServiceProvider, files: Files, tmp_path: Path) -> None:
    """An Identity header that this project's signer made satisfies Kamailio's verifier."""
    assert believed(ours(provider), files, tmp_path)


def test_secsipidx_refuses_what_is_stale(provider: ServiceProvider, files: Files, tmp_path: Path) -> None:
    """Our iat is the second of signing, in seconds: the other verifier counts its age from there."""
    assert not believed(ours(provider, timedelta(seconds=90)), files, tmp_path)


def test_secsipidx_refuses_another_key(world: World, provider: ServiceProvider, files: Files, tmp_path: Path) -> None:
    """What another provider signed is not believed under this provider's certificate."""
    other = world.service_provider("123A", tn_auth_list_critical=False)

    assert not believed(ours(other), files, tmp_path)
