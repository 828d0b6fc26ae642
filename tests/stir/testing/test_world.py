"""Tests of stir.testing: the pretend world is right where it means to be, and wrong only where it is told to be."""

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from ssl import CERT_REQUIRED, MemoryBIO, SSLCertVerificationError, SSLWantReadError
from time import perf_counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from stir import limits
from stir.errors import FetchError, UrlError
from stir.testing import ABSENT, ManualClock, RunningClock, TlsAuthority, World, der, tnauthlist
from stir.testing.jws import compact
from stir.testing.provider import digest_claim

ORIG, DEST = "12155550100", "12155551212"


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


def decoded(part: str) -> object:
    """Return the JSON of one part of a JWS."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def parts(token: str) -> tuple[dict, dict, bytes]:
    """Take a JWS apart."""
    header, payload, signature = token.split(".")
    return decoded(header), decoded(payload), base64.urlsafe_b64decode(signature + "==")


def test_a_world_is_cheap() -> None:
    """Tests make a world each, so it costs milliseconds; RSA keys are made on demand only."""
    started = perf_counter()
    for _ in range(5):
        World().service_provider("709J")

    assert (perf_counter() - started) / 5 < 0.1


@pytest.mark.clause("cert-2-made")
def test_the_leaf_follows_the_profile(world: World) -> None:
    """The default certificate is what ATIS-1000080 (section 6.4.1) demands, as another library reads it."""
    leaf = x509.load_pem_x509_certificate(world.service_provider("709J").leaf.pem)
    extensions = {extension.oid.dotted_string: extension for extension in leaf.extensions}

    assert x509.Version.v3 == leaf.version
    assert ["SHAKEN 709J"] == [each.value for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    assert {"2.5.29.19", "2.5.29.15"} == {oid for oid, extension in extensions.items() if extension.critical}
    assert {"2.5.29.19", "2.5.29.15", "2.5.29.32", "2.5.29.31", "2.5.29.14", "2.5.29.35", "1.3.6.1.5.5.7.1.26"} == set(
        extensions
    )
    assert bytes.fromhex("3008A00616043730394A") == extensions["1.3.6.1.5.5.7.1.26"].value.value
    point = extensions["2.5.29.31"].value[0]
    assert world.crl.url == point.full_name[0].value
    assert world.crl.signer.subject == point.crl_issuer[0].value
    assert "2.16.840.1.114569.1.1.4" == extensions["2.5.29.32"].value[0].policy_identifier.dotted_string
    assert extensions["2.5.29.15"].value.digital_signature
    assert leaf.serial_number.bit_length() > 64


@pytest.mark.system("openssl")
@pytest.mark.parametrize("knobs", [{}, {"null_parameters": True}, {"policy": None, "key_identifiers": False}], ids=str)
def test_openssl_believes_the_chain(world: World, tmp_path: Path, knobs: dict[str, object]) -> None:
    """OpenSSL verifies a provider's chain against the world's anchors."""
    provider = world.service_provider("709J", **knobs)
    for name, content in {
        "leaf": provider.leaf.pem,
        "chain": provider.chain_pem,
        "anchors": world.anchors_pem,
    }.items():
        (tmp_path / name).write_bytes(content)

    command = ["openssl", "verify", "-attime", str(world.clock.timestamp()), "-CAfile", "anchors"]

    result = subprocess.run(
        [*command, "-untrusted", "chain", "leaf"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "leaf: OK\n" == result.stdout, result.stderr


def test_a_passport_is_what_the_standard_says(world: World) -> None:
    """Deterministic JSON, the claims of RFC 8588 and a raw ES256 signature over both parts."""
    provider = world.service_provider("709J")
    token = provider.passport(orig=ORIG, dest=[DEST, "12155551111"], origid="4aec94e2-508c-4c1c-907b-3737bac0a80e")
    header, payload, signature = parts(token)

    assert {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": provider.x5u} == header
    assert {
        "attest": "A",
        "dest": {"tn": ["12155551111", DEST]},
        "iat": world.clock.timestamp(),
        "orig": {"tn": ORIG},
        "origid": "4aec94e2-508c-4c1c-907b-3737bac0a80e",
    } == payload
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = x509.load_pem_x509_certificate(provider.leaf.pem).public_key()
    key.verify(encode_dss_signature(r, s), token.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256()))


def test_overrides_make_defects(world: World) -> None:
    """Header parameters and claims can be changed, added and removed; uri identities are told from numbers."""
    provider = world.service_provider("709J")
    token = provider.passport(
        orig="sip:a@example.net",
        dest=[DEST, "urn:service:sos"],
        header={"ppt": ABSENT, "crit": ["x"]},
        claims={"attest": None, "iat": "now"},
    )
    header, payload, _ = parts(token)

    assert {"alg", "typ", "x5u", "crit"} == set(header)
    assert (None, "now") == (payload["attest"], payload["iat"])
    assert {"uri": "sip:a@example.net"} == payload["orig"]
    assert {"tn": [DEST], "uri": ["urn:service:sos"]} == payload["dest"]


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        ("raw", 64),
        ("der", None),
        ("other-key", 64),
        ("tampered", 64),
        ("zero", 64),
        ("short", 63),
        ("long", 65),
        ("empty", 0),
    ],
)
async def test_signatures_fail_as_told(world: World, kind: str, length: int | None) -> None:
    """Each kind of signature has its defect, and only the good one passes."""
    provider = world.service_provider("709J")
    identity = provider.sign(orig=ORIG, dest=DEST, signature=kind)
    signature = parts(identity.partition(";")[0])[2]

    assert len(signature) == length if length is not None else signature.startswith(b"\x30")
    assert (kind == "raw") is (await world.assess(identity)).passed


def test_padding_is_a_defect_of_its_own(world: World) -> None:
    """A padded signature has 88 characters instead of 86."""
    token = world.service_provider("709J").passport(orig=ORIG, dest=DEST, signature="padded")

    assert token.endswith("==")
    assert 88 == len(token.rpartition(".")[2])


def test_an_rsa_signer_makes_no_es256(world: World) -> None:
    """A provider with an RSA key can be made, and its tokens never verify."""
    provider = world.service_provider("709J", key_curve="RSA-2048")

    assert bytes(64) == parts(provider.passport(orig=ORIG, dest=DEST))[2]


def test_raw_bytes_can_be_signed(world: World) -> None:
    """Parts that are no deterministic JSON can be signed too."""
    token = compact(b"{}", b"[ ]", world.service_provider("709J").private_key)

    assert token.startswith("e30.WyBd.")


def test_the_identity_header_names_the_certificate(world: World) -> None:
    """The header field has info, alg and ppt, each of which can be another."""
    provider = world.service_provider("709J")
    identity = provider.sign(orig=ORIG, dest=DEST, attest="C", iat=1)

    assert identity.endswith(f";info=<{provider.x5u}>;alg=ES256;ppt=shaken")
    assert ("C", 1) == (parts(identity.partition(";")[0])[1]["attest"], parts(identity.partition(";")[0])[1]["iat"])
    assert "x;info=<https://y>;alg=z;ppt=w" == provider.identity("x", info="https://y", alg="z", ppt="w")


def test_request_tokens_have_the_claims_of_their_generation(world: World) -> None:
    """A token has iss and sub in the first generation; iss, spc and, to publish, exp in the second."""
    provider = world.service_provider("709J")
    first = parts(provider.request_token("publish", orig=ORIG, dest=DEST, passports=["a", "b"]))[1]
    second = parts(provider.request_token("publish", orig=ORIG, dest=DEST, passports=[], generation=2, jti="j"))[1]
    asked = parts(provider.request_token("retrieve", orig=ORIG, dest=DEST, generation=2, spc="1234", iat=5))[1]
    late = parts(provider.request_token("publish", orig=ORIG, dest=DEST, generation=2, exp=7, claims={"iss": 1}))[1]

    common = {"action", "aud", "dest", "iat", "iss", "jti", "orig"}
    assert common | {"sub", "passports"} == set(first)
    assert common | {"spc", "passports", "exp"} == set(second)
    assert common | {"spc"} == set(asked)
    assert ("709J", "709J", "localhost") == (first["iss"], first["sub"], first["aud"])
    assert (world.clock.timestamp() + 15, "j") == (second["exp"], second["jti"])
    assert ("709J", "1234", 5) == (asked["iss"], asked["spc"], asked["iat"])
    assert (7, 1) == (late["exp"], late["iss"])


PUBLISHED = (
    "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jci5leGFtcGxlLmNv"
    "bS8xMjM0LnBlbSJ9.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyIxOTAzMjQ2OTEwMyJdfSwiaWF0IjoxNzYwMDAwMDAwLCJ"
    "vcmlnIjp7InRuIjoiMTIwMTM3NzYwNTEifSwib3JpZ2lkIjoiNGFlYzk0ZTItNTA4Yy00YzFjLTkwN2ItMzczN2JhYzBhODBlIn0"
    ".BCi3Szfo1_SUpeVs0brrMYxQwc1l09YUoNIdmdb6ubvPOdxlxS1lPxV0idKgBuK6Dxiod9iAp9IVliDhTfRpew"
)


def test_the_digest_is_that_of_the_published_vector() -> None:
    """The passports claim is SHA-256 over the array's canonical JSON, in standard base64 (RFC 8785)."""
    assert "sha256-BMViOSAyre016nXup+WUxk2eBjUCE7YUGfZqozKd9uE=" == digest_claim([PUBLISHED])


async def test_the_sketch_of_the_style_guide_works(world: World) -> None:
    """A PASSporT signed after its certificate was revoked is not believed."""
    provider = world.service_provider("709J")
    identity = provider.sign(orig=ORIG, dest=DEST)
    assert (await world.assess(identity)).passed
    world.crl.revoke(provider.leaf)

    verdict = await world.assess(identity)

    assert "TN-Validation-Failed" == verdict.verstat
    assert not verdict.passed


async def test_a_provider_may_replace_its_certificate_at_the_same_url(world: World) -> None:
    """Key and certificate change while the URL stays, as seen at 279 URLs."""
    before = world.service_provider("709J")
    after = world.renew(before)

    assert before.x5u == after.x5u
    assert before.leaf.serial != after.leaf.serial
    assert (await world.assess(after.sign(orig=ORIG, dest=DEST))).passed
    assert not (await world.assess(before.sign(orig=ORIG, dest=DEST))).passed


def test_an_authority_can_have_a_ca_below(world: World) -> None:
    """Longer paths are made by a CA below the issuing CA."""
    now = world.clock.now()
    lower = world.issuer.subordinate(world.issuer.template("x", at=now))
    leaf = lower.certify(lower.template("709J", at=now))

    assert leaf.certificate.is_issued_by(lower.issuing.certificate)
    assert lower.issuing.certificate.is_issued_by(world.issuer.issuing.certificate)


def test_keys_are_written_as_pem(world: World) -> None:
    """A provider's key can be handed to a program under test."""
    key = load_pem_private_key(world.service_provider("709J").leaf.key_pem, None)

    assert isinstance(key, ec.EllipticCurvePrivateKey)


async def test_the_repository_serves_and_counts(world: World) -> None:
    """Bodies, headers and fetches per URL; unknown URLs are 404, forbidden ones are not even counted."""
    provider = world.service_provider("709J")

    answer = await world.fetcher.fetch(provider.x5u, max_bytes=limits.CHAIN_BYTES)

    assert (200, provider.chain_pem) == (answer.status, answer.body)
    assert "public, max-age=86400" == answer.headers["cache-control"]
    assert 1 == world.fetcher.fetches[provider.x5u]
    with pytest.raises(FetchError, match="404"):
        await world.fetcher.fetch("https://cr.example.net/none", max_bytes=1)
    with pytest.raises(UrlError):
        await world.fetcher.fetch("http://cr.example.net/none", max_bytes=1)
    assert 0 == world.fetcher.fetches["http://cr.example.net/none"]


async def test_the_repository_fails_on_demand(world: World) -> None:
    """Down, an error status, too slow and too long are FetchErrors with their reason; up undoes them."""
    url = world.service_provider("709J").x5u
    fetcher = world.fetcher
    for break_it, reason in (
        (lambda: fetcher.down(url), "connect"),
        (lambda: fetcher.fail(url, 503), "status"),
        (lambda: fetcher.slow(url, 10), "timeout"),
    ):
        break_it()
        with pytest.raises(FetchError) as raised:
            await fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES)
        assert reason == raised.value.reason
        fetcher.up(url)
    with pytest.raises(FetchError, match="longer than 10 bytes"):
        await fetcher.fetch(url, max_bytes=10)
    fetcher.replace(url, b"short")
    fetcher.headers(url, {"ETag": '"1"'})

    assert b"short" == (await fetcher.fetch(url, max_bytes=10)).body
    unchanged = await fetcher.fetch(url, max_bytes=10, headers={"If-None-Match": '"1"'})
    assert (304, b"") == (unchanged.status, unchanged.body)


async def test_the_repository_can_be_held(world: World) -> None:
    """A held answer comes when the test says so, which is how simultaneous fetches are tested."""
    import asyncio

    url = world.service_provider("709J").x5u
    gate = world.fetcher.hold(url)
    task = asyncio.create_task(world.fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()

    assert 200 == (await task).status


def test_a_manual_clock_moves_when_told() -> None:
    """Time is a value in tests."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))

    assert datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC) == clock.advance(5)
    clock.move_to(datetime(2026, 1, 2, tzinfo=UTC))
    assert datetime(2026, 1, 2, tzinfo=UTC) == clock.now()
    assert datetime(2026, 1, 3, tzinfo=UTC) == clock.advance(timedelta(days=1))
    assert 1767398400 == clock.timestamp()


def test_a_running_clock_goes_on_and_can_be_moved() -> None:
    """A world on real sockets lives in real time, and still can be sent into the future."""
    clock = RunningClock()

    first = clock.now()
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)
    assert first < clock.now()
    clock.advance(timedelta(days=1))
    assert clock.now() - first > timedelta(hours=23)


def test_tls_certificates_are_accepted_for_their_hosts_only(tmp_path: Path) -> None:
    """A handshake with the throw-away CA's certificate succeeds for its names and addresses, and for no other."""
    authority = TlsAuthority()
    made = authority.certificate("localhost", "127.0.0.1")
    chain, key = made.write(tmp_path)

    assert 0o600 == key.stat().st_mode & 0o777
    names = x509.load_pem_x509_certificates(chain.read_bytes())[0].extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [IPv4Address("127.0.0.1")] == names.value.get_values_for_type(x509.IPAddress)
    _handshake(authority, made, "localhost")
    _handshake(authority, made, "127.0.0.1")
    with pytest.raises(SSLCertVerificationError):
        _handshake(authority, made, "example.net")
    with pytest.raises(SSLCertVerificationError):
        _handshake(TlsAuthority(), made, "localhost")


def _handshake(authority: TlsAuthority, made, host: str) -> None:
    """Let a client and a server shake hands in memory."""
    to_server, to_client = MemoryBIO(), MemoryBIO()
    context = authority.client_context()
    assert CERT_REQUIRED == context.verify_mode
    client = context.wrap_bio(to_client, to_server, server_hostname=host)
    server = made.server_context().wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except SSLWantReadError:
                continue
            waiting.remove(side)
        if not waiting:
            return
    raise AssertionError("the handshake does not end")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (der.integer(0), "020100"),
        (der.integer(127), "02017f"),
        (der.integer(128), "02020080"),
        (der.integer(-1), "0201ff"),
        (der.oid("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"),
        (der.oid("2.5.29.28"), "0603551d1c"),
        (der.tlv(0x04, bytes(200)), "0481c8" + "00" * 200),
        (der.time(datetime(2049, 12, 31, tzinfo=UTC)), "170d" + b"491231000000Z".hex()),
        (der.time(datetime(2050, 1, 1, tzinfo=UTC)), "180f" + b"20500101000000Z".hex()),
        (tnauthlist.spc("1234"), "3008a006160431323334"),
        (tnauthlist.numbers("12013776051"), "300fa20d160b3132303133373736303531"),
        (tnauthlist.span("12013776000", 100), "3014a1123010160b3132303133373736303030020164"),
    ],
)
def test_hand_written_der_is_der(made: bytes, expected: str) -> None:
    """The encoder gives what X.690 and the published TNAuthList vectors say."""
    assert bytes.fromhex(expected) == made
