"""Tests of stir.trustlist: the policy administrator's signed list of STI-CAs."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import limits
from stir.certificate import Chain, load_certificates
from stir.errors import ListRefusedError, TrustListError
from stir.path import TrustAnchors
from stir.testing import ABSENT, World
from stir.testing.certificates import Credential
from stir.trustlist import TrustList


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


def read(world: World) -> TrustList:
    """Return the world's CA list as the product reads it."""
    return TrustList.from_bytes(world.ca_list.body())


def sti_pa(world: World) -> TrustAnchors:
    """Return the policy administrator's roots."""
    return TrustAnchors(load_certificates(world.sti_pa_anchors_pem)[0])


def check(world: World, signer: Credential | None = None) -> None:
    """Check the world's CA list with the certificate of *signer*."""
    chain = Chain((signer or world.ca_list.signer).certificate)
    read(world).require_signer(chain, sti_pa(world), at=world.clock.now())


@pytest.mark.clause("cert-4.1-jws", "cert-4.1-payload")
def test_a_genuine_list_is_read_and_believed(world: World) -> None:
    """The list holds the roots, its version, sequence and exp, and is signed by the STI-PA (ATIS-1000084)."""
    world.authority("Other CA")

    found = read(world)
    signer = found.require_signer(Chain(world.ca_list.signer.certificate), sti_pa(world), at=world.clock.now())

    assert [one.root.certificate for one in world.trusted] == list(found.anchors.certificates)
    assert ("1", 3, world.clock.now() + timedelta(days=1)) == (found.version, found.sequence, found.exp)
    assert (world.ca_list.signer_url, None, ()) == (found.signer_url, found.embedded, found.complaints)
    assert world.ca_list.signer.certificate == signer
    assert "<TrustList 3 until 2026-03-03T12:00:00Z with 2 roots>" == repr(found)


@pytest.mark.clause("cert-4-wrapped")
def test_the_wrapped_form_is_the_same_list(world: World) -> None:
    """One endpoint serves the JWS in a JSON object under caList; white space around either does not matter."""
    world.ca_list.wrapped = True
    wrapped = read(world)
    world.ca_list.wrapped = False

    assert wrapped.anchors.certificates == read(world).anchors.certificates
    assert 1 == len(TrustList.from_bytes(b"\n " + world.ca_list.body() + b"\r\n").anchors)


@pytest.mark.clause("cert-4.1-jws")
def test_an_embedded_signer_is_found(world: World) -> None:
    """The signer's chain may stand in x5c, in base64 with padding (RFC 7515, section 4.1.6)."""
    world.ca_list.embedded = True

    found = read(world)

    assert found.embedded is not None
    assert world.ca_list.signer.certificate == found.embedded.leaf
    assert found.signer_url is None
    found.require_signer(found.embedded, sti_pa(world), at=world.clock.now())


@pytest.mark.clause("pki-c3-one")
def test_one_bad_root_does_not_take_the_others_down(world: World) -> None:
    """Roots that cannot be read or are no CAs are reported, and the rest is in force."""
    leaf = world.service_provider("709J").leaf
    world.ca_list.trust(leaf)
    world.ca_list.roots += ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    world.ca_list.claims = {"trustList": [*world.ca_list.roots, 7]}

    found = read(world)

    assert (world.issuer.root.certificate,) == found.anchors.certificates
    assert 4 == len(found.complaints)
    assert "root 3: it is not a PEM certificate" == found.complaints[0]
    assert found.complaints[1].startswith("root 4: certificate 1:")
    assert "root 5: it is not text" == found.complaints[2]
    assert f"root {leaf.certificate.fingerprint[:16]}: it may not issue certificates" == found.complaints[3]


def test_roots_with_null_parameters_are_roots(world: World) -> None:
    """A large carrier's root writes NULL behind ecdsa-with-SHA256; it must not be lost."""
    world.authority("Other CA", null_parameters=True)

    assert 2 == len(read(world).anchors)


@pytest.mark.clause("cert-4.1-payload")
@pytest.mark.parametrize(
    ("header", "claims", "complaint"),
    [
        ({"alg": "none"}, {}, "alg is not ES256"),
        ({"alg": ABSENT}, {}, "alg is not ES256"),
        ({"crit": ["exp"]}, {}, "has crit"),
        ({"x5u": ABSENT}, {}, "does not name its signer"),
        ({"x5c": []}, {}, "x5c is not a short array"),
        ({"x5u": ABSENT, "x5c": ["AA=="] * 7}, {}, "x5c is not a short array"),
        ({"x5u": ABSENT, "x5c": "AA=="}, {}, "x5c is not a short array"),
        ({"x5u": ABSENT, "x5c": [1]}, {}, "x5c is not base64"),
        ({"x5u": ABSENT, "x5c": ["*"]}, {}, "x5c is not base64"),
        ({"x5u": ABSENT, "x5c": ["é"]}, {}, "x5c is not base64"),
        ({"x5u": ABSENT, "x5c": ["AA=="]}, {}, "cannot be read: the certificate"),
        ({"x5u": 1}, {}, "x5u is not text"),
        ({}, {"trustList": ABSENT}, "no trustList"),
        ({}, {"trustList": "x"}, "no trustList"),
        ({}, {"trustList": []}, "no usable root"),
        ({}, {"sequence": ABSENT}, "sequence is not a whole number"),
        ({}, {"sequence": -1}, "sequence is not a whole number"),
        ({}, {"sequence": True}, "sequence is not a whole number"),
        ({}, {"sequence": "1.5"}, "sequence is not a whole number"),
        ({}, {"sequence": "9" * 5000}, "sequence is not a whole number"),
        ({}, {"exp": None}, "exp is not a whole number"),
        ({}, {"exp": 1.5}, "exp is not a whole number"),
    ],
    ids=str,
)
def test_what_is_no_ca_list_is_refused(
    world: World, header: dict[str, object], claims: dict[str, object], complaint: str
) -> None:
    """A list that does not say what it must is refused whole, with a sentence that says why."""
    world.ca_list.header, world.ca_list.claims = header, claims

    with pytest.raises(TrustListError, match=complaint):
        read(world)


def test_both_kinds_of_signer_at_once_are_refused(world: World) -> None:
    """With x5u and x5c together nobody knows which is meant."""
    signer = base64.b64encode(world.ca_list.signer.der).decode()
    world.ca_list.header = {"x5c": [signer]}

    with pytest.raises(TrustListError, match="either x5u or x5c"):
        read(world)


@pytest.mark.clause("cert-4.1-jws")
@pytest.mark.parametrize(
    "data", [b"", b"x", b"{}", b'{"caList":1}', b"{", b"a.b", b"..", b"\xff", b"e30.e30.AAAA", b'{"caList":"a.b.c"}']
)
def test_bytes_that_are_no_jws_are_refused(data: bytes) -> None:
    """Anything but a compact JWS of JSON objects is malformed."""
    with pytest.raises(TrustListError):
        TrustList.from_bytes(data)


def test_an_overlong_list_is_refused() -> None:
    """The list is bounded."""
    with pytest.raises(TrustListError, match="over"):
        TrustList.from_bytes(bytes(limits.ANCHORS_BYTES + 1))


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    """Whatever the bytes are, the answer is a list or TrustListError."""
    with pytest.raises(TrustListError):
        TrustList.from_bytes(data)


def test_numbers_in_strings_are_numbers(world: World) -> None:
    """Version, sequence and exp are read whether written as numbers or as strings of digits."""
    world.ca_list.claims = {"version": "1.0", "sequence": "12", "exp": "99999999999999"}

    found = read(world)

    assert ("1.0", 12, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == (
        found.version,
        found.sequence,
        found.exp,
    )


@pytest.mark.clause("cert-4.1-signer")
@pytest.mark.parametrize("kind", ["tampered", "der", "other-key", "zero"])
def test_a_list_with_another_signature_is_refused(world: World, kind: str) -> None:
    """The signature is the signer's, in the form of RFC 7518."""
    world.ca_list.signature = kind

    with pytest.raises(ListRefusedError, match="not believed: the signature"):
        check(world)


@pytest.mark.clause("cert-4.1-signer")
def test_an_sti_ca_cannot_sign_the_ca_list(world: World) -> None:
    """The signer is below the policy administrator's own root, not below an STI-CA's."""
    world.ca_list.signer = world.service_provider("709J").leaf

    with pytest.raises(ListRefusedError, match="not believed: no path"):
        check(world)


def test_the_crl_signer_cannot_sign_the_ca_list(world: World) -> None:
    """The signer's KeyUsage, when there is one, allows digital signatures."""
    world.ca_list.signer = world.crl.signer

    with pytest.raises(ListRefusedError, match="may not sign data"):
        check(world)


def test_a_signer_without_key_usage_may_sign(world: World) -> None:
    """Without KeyUsage everything is allowed (RFC 5280, section 4.2.1.3)."""
    world.ca_list.signer = world.administrator.signer("STI-PA", key_usage=None)

    check(world)


@pytest.mark.parametrize("curve", ["P-384", "RSA-2048"])
def test_a_signer_with_another_key_is_refused(world: World, curve: str) -> None:
    """ES256 needs a key on P-256."""
    world.ca_list.signer = world.administrator.signer("STI-PA", key_usage=None, key_curve=curve)

    with pytest.raises(ListRefusedError, match=r"not believed: the (key|signature) is"):
        check(world)


def test_an_expired_signer_is_refused(world: World) -> None:
    """The signer's certificate is valid when the list is read."""
    world.clock.advance(timedelta(days=1826))

    with pytest.raises(ListRefusedError, match="has expired"):
        check(world)


@pytest.mark.clause("cert-4.1-exp")
def test_a_list_past_its_exp_is_not_taken_into_use(world: World) -> None:
    """At exp a list has expired; a second before it has not."""
    found = read(world)

    found.require_current(found.exp - timedelta(seconds=1))
    with pytest.raises(ListRefusedError, match="expired at 2026-03-03T12:00:00Z"):
        found.require_current(found.exp)


@pytest.mark.clause("cert-4.1-sequence", "pki-r4-daily")
def test_the_sequence_never_falls(world: World) -> None:
    """A replayed list must not bring back a root that was taken off; the same list again is fine."""
    world.authority("Second CA")
    old = read(world)
    world.ca_list.distrust(world.trusted[1].root)
    new = read(world)

    new.require_not_older(old)
    new.require_not_older(new)
    with pytest.raises(ListRefusedError, match="fell from 4 to 3"):
        old.require_not_older(new)
