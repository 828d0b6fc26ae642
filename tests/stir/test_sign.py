"""The STI-AS: what it signs verifies with others' code, and with ours."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws as joserfc
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from stir.errors import AlgorithmError, AttestationError, ClaimError
from stir.identity import Identity
from stir.passport import Claims, Passport
from stir.sign import Signer
from stir.testing import World
from stir.tn import Party

ORIG, DEST = Party.tn("+12155550100"), Party.tn("12155551212")
FIRST, SECOND = Party.tn("12155550111"), Party.tn("12155550122")
ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"
WORLD = World()
SP = WORLD.service_provider("709J")
NOW = WORLD.clock.now()
SIGNER = Signer(SP.private_key, SP.x5u)


def shaken(*dest: Party, attest: str = "A", origid: str = ORIGID, signer: Signer = SIGNER) -> Identity:
    """Sign a call to *dest*."""
    return signer.shaken(ORIG, dest or (DEST,), attest=attest, origid=origid, at=NOW + timedelta(milliseconds=999))


@pytest.mark.clause("passport-1.1-typ", "passport-1.2-names", "passport-4.1-header", "passport-4.1-claims")
def test_a_shaken_passport_is_that_of_the_standard() -> None:
    """Header and payload are the deterministic bytes of RFC 8588; joserfc verifies them."""
    key = ECKey.import_key(SP.private_key.public_key())
    read = joserfc.deserialize_compact(shaken().token, key, registry=JWSRegistry(strict_check_header=False))

    assert {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": SP.x5u} == read.headers()
    assert (
        f'{{"attest":"A","dest":{{"tn":["12155551212"]}},"iat":{WORLD.clock.timestamp()},'
        f'"orig":{{"tn":"12155550100"}},"origid":"{ORIGID}"}}'
    ).encode() == read.payload


def test_the_bytes_are_those_of_an_independent_signer() -> None:
    """The test world's own signer makes the same header and payload."""
    theirs = SP.passport(orig=ORIG.value, dest=DEST.value, origid=ORIGID)

    assert theirs.rpartition(".")[0] == shaken().token.rpartition(".")[0]


async def test_what_is_signed_verifies() -> None:
    """A verifier of the same world passes the call, with the attestation that was given."""
    for attest in "ABC":
        verdict = await WORLD.assess(str(shaken(attest=attest)), orig=ORIG.value, dest=DEST.value)
        assert (attest, ORIGID) == (verdict.attest, verdict.origid)


@pytest.mark.clause("passport-2-write")
def test_the_header_field_goes_with_the_passport() -> None:
    """Info, alg and ppt repeat what the PASSporT says (RFC 8224, section 4)."""
    identity = shaken()

    assert f"{identity.token};info=<{SP.x5u}>;alg=ES256;ppt=shaken" == str(identity)
    assert identity == Identity.of(Passport.parse(identity.token))


@pytest.mark.clause("passport-1.2-dest-order")
def test_destinations_are_in_order() -> None:
    """Numbers and URIs each in lexicographic order, once, however they were given (RFC 8225, section 5.2.1)."""
    dest = (Party.uri("sip:b@x"), Party.tn("3"), Party.tn("12"), Party.uri("sip:a@x"), Party.tn("3"))
    passport = Passport.parse(shaken(*dest).token)

    assert b'"dest":{"tn":["12","3"],"uri":["sip:a@x","sip:b@x"]}' in passport.compact.payload
    assert 4 == len(Claims.of(passport).dest)
    assert {"tn": ["12155551212"]} == json.loads(Passport.parse(shaken().token).compact.payload)["dest"]


@pytest.mark.parametrize(("attest", "origid"), [("D", ORIGID), ("", ORIGID), ("a", ORIGID), ("A", "")])
def test_what_a_verifier_would_refuse_is_not_signed(attest: str, origid: str) -> None:
    """Attest is one of three and origid is there (RFC 8588, section 4)."""
    with pytest.raises(AttestationError):
        shaken(attest=attest, origid=origid)


@pytest.mark.parametrize(
    "sign",
    [
        partial(SIGNER.shaken, attest="A", origid=ORIGID),
        partial(SIGNER.div, div=FIRST),
        partial(SIGNER.rph, auth=["ets.0"]),
    ],
)
def test_a_call_to_nobody_is_not_signed(sign: Callable[..., Identity]) -> None:
    """A dest has at least one number or URI (RFC 8225, section 5.2.1)."""
    with pytest.raises(ClaimError, match="dest"):
        sign(ORIG, (), at=NOW)


@pytest.mark.clause("passport-4.2-claims", "passport-4.2-hi", "passport-4.2-orig")
@pytest.mark.parametrize("hi", [None, "1", "1.2.10"])
@pytest.mark.parametrize("first", ["12155550111", "sip:help@example.com"])
def test_a_div_passport_is_that_of_an_independent_signer(first: str, hi: str | None) -> None:
    """The test world's own signer makes the same bytes: base claims, and in div who was called before (RFC 8946)."""
    theirs = SP.div(orig=ORIG.value, dest=DEST.value, div=first, hi=hi)
    ours = SIGNER.div(ORIG, [DEST], div=Party.parse(first), hi=hi, at=NOW)

    assert theirs.rpartition(".")[0] == ours.token.rpartition(".")[0]
    assert f"{ours.token};info=<{SP.x5u}>;alg=ES256;ppt=div" == str(ours)


@pytest.mark.clause("passport-4.3-auth", "passport-4.3-sph")
@pytest.mark.parametrize("sph", [None, "psap-callback"])
@pytest.mark.parametrize("dest", [DEST.value, "911", "urn:service:sos"])
def test_an_rph_passport_is_that_of_an_independent_signer(dest: str, sph: str | None) -> None:
    """The test world's own signer makes the same bytes: base claims, rph.auth and sph (RFC 8443, RFC 9027)."""
    theirs = SP.rph(orig=ORIG.value, dest=dest, auth=["ets.0", "esnet.1"], sph=sph)
    ours = SIGNER.rph(ORIG, [Party.parse(dest)], auth=("ets.0", "esnet.1"), sph=sph, at=NOW)

    assert theirs.rpartition(".")[0] == ours.token.rpartition(".")[0]
    assert f"{ours.token};info=<{SP.x5u}>;alg=ES256;ppt=rph" == str(ours)


async def test_a_chain_of_diversions_verifies() -> None:
    """Shaken for the first number and a div for each one after lead a verifier to the number that rings."""
    chain = [shaken(FIRST), SIGNER.div(ORIG, [SECOND], div=FIRST, at=NOW), SIGNER.div(ORIG, [DEST], div=SECOND, at=NOW)]
    verdict = await WORLD.assess(*map(str, chain), orig=ORIG.value, dest=DEST.value)
    broken = await WORLD.assess(str(chain[0]), str(chain[2]), orig=ORIG.value, dest=DEST.value)

    assert (True, False) == (verdict.passed, broken.passed)
    assert [FIRST.value, SECOND.value] == [one["div"]["tn"] for one in verdict.as_dict()["diversions"]]


async def test_priority_verifies() -> None:
    """A verifier lets Resource-Priority pass up to what was authorized."""
    identity = str(SIGNER.rph(ORIG, [DEST], auth=["ets.0"], at=NOW))
    told = [
        (await WORLD.assess(identity, orig=ORIG.value, dest=DEST.value, resource_priority=(asked,))).as_dict()
        for asked in ("ets.0", "ets.1")
    ]

    assert ["RPH-Validation-Passed", "No-RPH-Validation"] == [each["priority"]["verstat"] for each in told]


@pytest.mark.parametrize("hi", ["", "1.", ".1", "1.a", "1,1", "1\n"])
def test_an_index_that_is_none_is_not_signed(hi: str) -> None:
    """The hi is the index of a History-Info entry: numbers with dots between (RFC 7044, section 5)."""
    with pytest.raises(ClaimError, match="hi"):
        SIGNER.div(ORIG, [DEST], div=FIRST, hi=hi, at=NOW)


@pytest.mark.parametrize(("auth", "sph"), [((), None), (("ets",), None), (("ets.0", ""), None), (("ets.0",), "other")])
def test_priority_that_a_verifier_would_refuse_is_not_signed(auth: tuple[str, ...], sph: str | None) -> None:
    """Values are namespace and priority, at least one, and sph has one value (RFC 8443, section 4; RFC 9027)."""
    with pytest.raises(ClaimError):
        SIGNER.rph(ORIG, [DEST], auth=auth, sph=sph, at=NOW)


def test_a_key_of_another_curve_does_not_sign() -> None:
    """ES256 is P-256."""
    with pytest.raises(AlgorithmError):
        shaken(signer=Signer(ec.generate_private_key(ec.SECP256K1()), SP.x5u))
