"""
PASSporT signatures before three judges: this project, secsipidx (Kamailio's) and OpenSSL.

200 PASSporTs each way, most of them spoilt. Where the judges differ, the difference is listed in
docs/explanation/verification-proofs.md, and here: a difference that is not listed fails.
"""

import base64
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stir import jws
from stir.errors import PassportFormatError, VerificationError
from stir.identity import Identity
from stir.passport import Passport
from stir.testing import ServiceProvider, World
from stir.testing.clock import RunningClock
from stir.testing.jws import compact

pytestmark = [pytest.mark.system("secsipidx"), pytest.mark.system("openssl")]

COUNT = 200
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group of P-256: what r and s are less than."""

DIFFERENCES = {
    # ours, secsipidx, OpenSSL
    "DER signature": (False, False, True),
    "stray bits": (False, True, True),
}
"""Defects on which the judges are known to differ."""


@dataclass(frozen=True)
class Sample:
    """A PASSporT and what was done to it."""

    what: str
    token: str


@dataclass(frozen=True)
class Desk:
    """Where the judges find the signer's key."""

    provider: ServiceProvider
    other: ServiceProvider
    folder: Path

    def write(self) -> None:
        """Write the key in the forms that the judges want."""
        (self.folder / "certificate.pem").write_bytes(self.provider.leaf.pem)
        (self.folder / "key.pem").write_bytes(self.provider.leaf.key_pem)
        key = self.provider.leaf.certificate.public_key
        (self.folder / "public.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return two providers on the machine's clock, the first with its files written."""
    world = World(RunningClock())
    made = Desk(*(world.service_provider(spc, tn_auth_list_critical=False) for spc in ("709J", "123A")), tmp_path)
    made.write()
    return made


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run another judge."""
    return subprocess.run([str(each) for each in command], check=False, capture_output=True, text=True, timeout=60)


# The judges ----------------------------------------------------------------------------------------------------


def ours(desk: Desk, token: str) -> bool:
    """Whether this project believes the signature."""
    try:
        compact = Passport.parse(token).compact
        jws.verify(desk.provider.leaf.certificate.public_key, compact.signing_input, compact.signature)
    except (PassportFormatError, VerificationError):
        return False
    return True


def secsipidx(desk: Desk, token: str) -> bool:
    """Whether Kamailio's verifier believes it."""
    file = desk.folder / f"identity-{abs(hash(token))}"
    file.write_text(f"{token};info=<{desk.provider.x5u}>;alg=ES256;ppt=shaken")
    done = run("secsipidx", "-check", "-fidentity", file, "-fpubkey", desk.folder / "certificate.pem", "-expire", 300)
    return done.returncode == 0 and "ok" in done.stdout


def openssl(desk: Desk, token: str) -> bool:
    """Whether OpenSSL does; a DER signature is given to it as it is."""
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    half = len(raw) // 2
    pair = (int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
    der = raw if raw[:1] == b"\x30" and len(raw) != jws.SIGNATURE_BYTES else encode_dss_signature(*pair)
    name = str(abs(hash(token)))
    (desk.folder / f"{name}.der").write_bytes(der)
    (desk.folder / f"{name}.data").write_text(signed)
    key, files = desk.folder / "public.pem", (desk.folder / f"{name}.der", desk.folder / f"{name}.data")
    done = run("openssl", "dgst", "-sha256", "-verify", key, "-signature", *files)
    return done.returncode == 0 and "OK" in done.stdout


JUDGES: tuple[Callable[[Desk, str], bool], ...] = (ours, secsipidx, openssl)


# What is judged ------------------------------------------------------------------------------------------------


def parts(token: str) -> list[bytes]:
    """Return header, payload and signature, decoded."""
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]


def joined(*pieces: bytes) -> str:
    """Return the token of these parts."""
    return ".".join(base64.urlsafe_b64encode(piece).rstrip(b"=").decode() for piece in pieces)


def with_signature(token: str, change: Callable[[int, int], tuple[int, int]]) -> str:
    """Return *token* with r and s changed."""
    header, payload, signature = parts(token)
    r, s = change(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    return joined(header, payload, r.to_bytes(32) + s.to_bytes(32))


def with_stray_bits(token: str) -> str:
    """Return *token* with bits behind the last byte of the signature, of which base64url leaves room for four."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


def spoilt(desk: Desk, token: str, foreign: str, random: Random) -> Sample:
    """Return *token*, spoilt in one of many ways or in none."""
    header, payload, signature = parts(token)
    at = random.randrange(64)
    changes: dict[str, Callable[[], str]] = {
        "nothing": lambda: token,
        "another attestation": lambda: joined(header, re.sub(rb'(?<="attest":")[ABC]', b"D", payload), signature),
        "another caller": lambda: joined(header, payload.replace(b'"orig":{"tn":"1', b'"orig":{"tn":"2'), signature),
        "another certificate": lambda: joined(header.replace(b"https://", b"https://x"), payload, signature),
        "a bit of the signature": lambda: joined(
            header, payload, signature[:at] + bytes([signature[at] ^ 1 << random.randrange(8)]) + signature[at + 1 :]
        ),
        "another key": lambda: compact(header, payload, desk.other.private_key),
        "another PASSporT's signature": lambda: joined(header, payload, parts(foreign)[2]),
        "r and s exchanged": lambda: with_signature(token, lambda r, s: (s, r)),
        "s from the other half": lambda: with_signature(token, lambda r, s: (r, ORDER - s)),
        "r is zero": lambda: with_signature(token, lambda _, s: (0, s)),
        "s is zero": lambda: with_signature(token, lambda r, _: (r, 0)),
        "r is the order": lambda: with_signature(token, lambda _, s: (ORDER, s)),
        "all ones": lambda: joined(header, payload, b"\xff" * 64),
        "DER signature": lambda: joined(
            header, payload, encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        ),
        "stray bits": lambda: with_stray_bits(token),
    }
    what = "nothing" if random.random() < 0.25 else random.choice(list(changes))
    return Sample(what, changes[what]())


def call(random: Random) -> dict[str, str]:
    """Return a call."""
    origid = f"{random.getrandbits(32):08x}-0000-4000-8000-{random.getrandbits(48):012x}"
    numbers = (f"1{random.randrange(2_000_000_000, 9_999_999_999)}" for _ in range(2))
    return {**dict(zip(("orig", "dest"), numbers, strict=True)), "attest": random.choice("ABC"), "origid": origid}


def signed_here(desk: Desk, random: Random) -> str:
    """Return a PASSporT of the pretend world."""
    return desk.provider.passport(**call(random))


def signed_there(desk: Desk, random: Random) -> str:
    """Return a PASSporT that secsipidx signs."""
    made = call(random)
    fields = ("-orig-tn", made["orig"], "-dest-tn", made["dest"], "-attest", made["attest"], "-orig-id", made["origid"])
    done = run("secsipidx", "-sign-full", *fields, "-x5u", desk.provider.x5u, "-fprvkey", desk.folder / "key.pem")
    return Identity.parse(done.stdout.strip()).token


@pytest.mark.parametrize("signer", [signed_here, signed_there])
def test_three_judges_agree_on_signatures(desk: Desk, signer: Callable[[Desk, Random], str]) -> None:
    """All three believe and refuse the same PASSporTs, but for the differences that are listed and argued."""
    random = Random(8225)
    foreign = desk.other.passport(**call(random))
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda number: signer(desk, Random(number)), range(COUNT)))
        samples = [spoilt(desk, token, foreign, random) for token in tokens]
        found = list(pool.map(lambda sample: tuple(judge(desk, sample.token) for judge in JUDGES), samples))
    seen = Counter((sample.what, opinions) for sample, opinions in zip(samples, found, strict=True))
    sys.stdout.write("\n".join(f"{count:4} {what}: {opinions}" for (what, opinions), count in sorted(seen.items())))

    good = {"nothing", "s from the other half"}  # ECDSA itself believes (r, n - s), and no standard forbids it
    unlisted = {
        (what, opinions)
        for (what, opinions) in seen
        if opinions != DIFFERENCES.get(what, (what in good,) * len(JUDGES))
    }
    assert set() == unlisted
    assert COUNT == seen.total()
