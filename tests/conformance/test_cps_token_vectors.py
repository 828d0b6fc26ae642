"""The test vectors of the CPS interface: a PASSporT, request tokens of both generations, and their digests."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws as joserfc
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from stir import jws
from stir.decode import decode
from stir.errors import ClaimError, ForbiddenError, NotFullFormError, SignatureError, UnauthenticatedError
from stir.passport import Claims, Passport
from stir.policy import Freshness
from stir.testing.jws import ABSENT, compact, overridden
from stir.tn import Party
from stir.tnauthlist import TNAuthList
from stir.token import Action, RequestToken, Target, digest_of

JWK = {
    "crv": "P-256",
    "kty": "EC",
    "x": "mKKyGmunUdapFpTiSyMVRtQW4m8hKA7SmiRBUqt4CNM",
    "y": "IEsUBpZmwkKn5g2nQGANBG_2BhHWICJ4gfs4SUJ0PiQ",
}
HEADER = "eyJhbGciOiJFUzI1NiIsIng1dSI6Imh0dHBzOi8vY3IuZXhhbXBsZS5jb20vMTIzNC5wZW0ifQ"
PASSPORT = (
    "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jci5leGFtcGxlLmNvbS8xMjM0LnBlbSJ9"
    ".eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyIxOTAzMjQ2OTEwMyJdfSwiaWF0IjoxNzYwMDAwMDAwLCJvcmlnIjp7InRuIjoiMTIwMTM3NzYwNTEifSwi"
    "b3JpZ2lkIjoiNGFlYzk0ZTItNTA4Yy00YzFjLTkwN2ItMzczN2JhYzBhODBlIn0"
    ".BCi3Szfo1_SUpeVs0brrMYxQwc1l09YUoNIdmdb6ubvPOdxlxS1lPxV0idKgBuK6Dxiod9iAp9IVliDhTfRpew"
)
PUBLISH_1 = (
    f"{HEADER}.eyJhY3Rpb24iOiJwdWJsaXNoIiwiYXVkIjoiY3BzLmV4YW1wbGUuY29tIiwiZGVzdCI6eyJ0biI6WyIxOTAzMjQ2OTEwMyJdfSwiaWF0Ijox"
    "NzYwMDAwMDAxLCJpc3MiOiIxMjM0IiwianRpIjoiMGM0ZTZlMGUtNWQ0Yi00YTM5LTlkMGUtNmYyZjZkOWY5YTAxIiwib3JpZyI6eyJ0biI6IjEyMDEzNzc2MDUx"
    "In0sInBhc3Nwb3J0cyI6InNoYTI1Ni1CTVZpT1NBeXJlMDE2blh1cCtXVXhrMmVCalVDRTdZVUdmWnFvektkOXVFPSIsInN1YiI6IjEyMzQifQ"
    ".hK-cfnSA_uxK9qrPLObH9yq35fT4I46DCP0-KrDt2n5H-VMQzYoYMwNDV6V8thSvrktWId3lcwyBEvJBV-eeWg"
)
PUBLISH_2 = (
    f"{HEADER}.eyJhY3Rpb24iOiJwdWJsaXNoIiwiYXVkIjoiY3BzLmV4YW1wbGUuY29tIiwiZGVzdCI6eyJ0biI6WyIxOTAzMjQ2OTEwMyJdfSwiZXhwIjox"
    "NzYwMDAwMDExLCJpYXQiOjE3NjAwMDAwMDEsImlzcyI6IjEyMzQiLCJqdGkiOiIwYzRlNmUwZS01ZDRiLTRhMzktOWQwZS02ZjJmNmQ5ZjlhMDIiLCJvcmlnIjp7"
    "InRuIjoiMTIwMTM3NzYwNTEifSwicGFzc3BvcnRzIjoic2hhMjU2LUJNVmlPU0F5cmUwMTZuWHVwK1dVeGsyZUJqVUNFN1lVR2ZacW96S2Q5dUU9Iiwic3BjIjoi"
    "MTIzNCJ9.-E4l1h8hk1aC-tV208kM-FmhzHW0ta0k2sUPg-U_kdi8PHTJKa42dFwHeXFV8rLEJ9k73Ugd7DidbIT3YamAjQ"
)
RETRIEVE_2 = (
    f"{HEADER}.eyJhY3Rpb24iOiJyZXRyaWV2ZSIsImF1ZCI6ImNwcy5leGFtcGxlLmNvbSIsImRlc3QiOnsidG4iOlsiMTkwMzI0NjkxMDMiXX0sImlhdCI6"
    "MTc2MDAwMDAwMiwiaXNzIjoiMTIzNCIsImp0aSI6IjBjNGU2ZTBlLTVkNGItNGEzOS05ZDBlLTZmMmY2ZDlmOWEwMyIsIm9yaWciOnsidG4iOiIxMjAxMzc3NjA1"
    "MSJ9LCJzcGMiOiIxMjM0In0.4IelbbTjrRMemQEGupIRUT7uPn03wwsvPuZuvFAobiIKGK00RLSON2IC-3jdFO5JU5OBdokbWdojnZQQ9SgGkA"
)
DIGEST = "sha256-BMViOSAyre016nXup+WUxk2eBjUCE7YUGfZqozKd9uE="
VESPER_DIGEST = "sha256-q__EbHlgbCqi3mc9GN2SdXafZKgdRtG6aPXf2-7R2xk"
KEY = ECKey.import_key(JWK).public_key
NOW = datetime.fromtimestamp(1_760_000_001, UTC)
V1 = Target(Party.tn("19032469103"), Party.tn("12013776051"))
V2 = Target(V1.dest, V1.orig, "1234")
REQUESTS = {
    "publish-1": (PUBLISH_1, Action.PUBLISH, V1),
    "publish-2": (PUBLISH_2, Action.PUBLISH, V2),
    "retrieve-2": (RETRIEVE_2, Action.RETRIEVE, V2),
}
OWN_KEY = ec.generate_private_key(ec.SECP256R1())


def changed(token: str, **claims: object) -> RequestToken:
    """Return *token* with *claims* over its own, signed by somebody else."""
    decoded = decode(token)
    assert decoded.header
    assert decoded.payload
    return RequestToken.parse(compact(decoded.header, overridden(decoded.payload, claims), OWN_KEY))


@pytest.mark.clause("cps-13-tokens")
@pytest.mark.parametrize("token", [PASSPORT, PUBLISH_1, PUBLISH_2, RETRIEVE_2], ids=["passport", *REQUESTS])
def test_the_signatures_verify(token: str) -> None:
    """Each vector is signed by the printed key, by our reckoning and by joserfc's."""
    parts = jws.split(token)
    jws.verify(KEY, parts.signing_input, parts.signature)
    joserfc.deserialize_compact(token, ECKey.import_key(JWK), registry=JWSRegistry(strict_check_header=False))
    with pytest.raises(SignatureError):
        jws.verify(OWN_KEY.public_key(), parts.signing_input, parts.signature)


@pytest.mark.clause("cps-13-passport")
def test_the_passport_is_read() -> None:
    """The PASSporT holds what the text says it does, with nothing odd about it."""
    passport = Passport.parse(PASSPORT)

    assert Claims(V1.orig, (V1.dest,), 1_760_000_000) == Claims.of(passport)
    assert () == decode(PASSPORT).findings


@pytest.mark.clause("passport-1.5-shaken", "cps-13-passport")
def test_the_compact_form_is_refused() -> None:
    """The compact form of the PASSporT is no full form."""
    with pytest.raises(NotFullFormError, match="compact form"):
        Passport.parse(f"..{PASSPORT.rpartition('.')[2]}")


@pytest.mark.clause("cps-8-jcs", "cps-13-digest")
def test_the_digest_is_the_printed_one() -> None:
    """The digest is over the array alone; rfc8785 agrees."""
    assert DIGEST == digest_of([PASSPORT])
    assert DIGEST == "sha256-" + b64encode(sha256(rfc8785.dumps([PASSPORT])).digest()).decode()
    for token in (PUBLISH_1, PUBLISH_2):
        RequestToken.parse(token).check_digest([PASSPORT])


@pytest.mark.clause("cps-13-tokens")
@pytest.mark.parametrize("name", REQUESTS)
def test_the_tokens_are_good_for_their_requests(name: str) -> None:
    """Every check of the order of section 6.4 that needs no certificate passes, and the scope with the right SPC."""
    token, action, target = REQUESTS[name]
    request = RequestToken.parse(token)

    assert "https://cr.example.com/1234.pem" == request.x5u
    request.check_audience("cps.example.com")
    request.check_time(Freshness(), NOW)
    request.check_target(action, target)
    request.check_scope(TNAuthList.of(spcs=["1234"]))
    request.check_signature(KEY)


def test_the_exp_of_the_publish_is_ten_seconds_after_iat() -> None:
    """The second-generation publish says when its PASSporTs are to be deleted."""
    assert NOW + timedelta(seconds=10) == RequestToken.parse(PUBLISH_2).deletion_time(NOW)
    assert RequestToken.parse(PUBLISH_1).deletion_time(NOW) is None


@pytest.mark.clause("cps-6.2-aud", "cps-13-aud")
@pytest.mark.parametrize("name", REQUESTS)
def test_another_audience_is_refused(name: str) -> None:
    """A token for another CPS."""
    with pytest.raises(UnauthenticatedError, match="aud"):
        RequestToken.parse(REQUESTS[name][0]).check_audience("cps.example.net")


@pytest.mark.clause("cps-6.4-4", "cps-13-iat")
@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("away", [timedelta(minutes=-10), timedelta(minutes=10)])
def test_ten_minutes_either_way_are_too_much(name: str, away: timedelta) -> None:
    """An iat that is ten minutes old, or ten minutes ahead."""
    with pytest.raises(UnauthenticatedError, match="iat"):
        RequestToken.parse(REQUESTS[name][0]).check_time(Freshness(), NOW + away)


@pytest.mark.clause("cps-6.2-exp", "cps-13-exp")
def test_exp_more_than_a_minute_after_iat_is_refused() -> None:
    """A second-generation publish with exp = iat + 61."""
    with pytest.raises(ClaimError, match="60 s"):
        changed(PUBLISH_2, exp=1_760_000_062).deletion_time(NOW)


@pytest.mark.clause("cps-8-base64", "cps-13-alphabet")
@pytest.mark.parametrize("digest", [DIGEST.replace("+", "-").rstrip("="), VESPER_DIGEST, "a" * 44])
def test_a_digest_in_another_alphabet_is_refused(digest: str) -> None:
    """A digest in base64url, or that of VESPER, is none."""
    with pytest.raises(UnauthenticatedError):
        changed(PUBLISH_1, passports=digest)


@pytest.mark.clause("cps-8-array", "cps-13-body")
def test_a_digest_of_the_whole_body_is_refused() -> None:
    """The digest covers the array, not the object around it."""
    whole = b64encode(sha256(rfc8785.dumps({"passports": [PASSPORT]})).digest()).decode()
    with pytest.raises(UnauthenticatedError, match="digest"):
        changed(PUBLISH_1, passports=f"sha256-{whole}").check_digest([PASSPORT])


@pytest.mark.clause("cps-6.2-dest", "cps-13-dest", "cps-14-7")
@pytest.mark.parametrize("name", REQUESTS)
def test_two_destinations_are_refused(name: str) -> None:
    """A dest with two numbers is not the one of the path."""
    token, action, target = REQUESTS[name]
    with pytest.raises(ForbiddenError, match="orig and dest"):
        changed(token, dest={"tn": ["19032469103", "19032469104"]}).check_target(action, target)


@pytest.mark.clause("passport-1.1-alg", "cps-6.1-alg", "cps-13-none")
def test_no_algorithm_is_no_signature() -> None:
    """The alg none, with or without a signature, is refused before any key is looked for."""
    payload = PUBLISH_1.split(".")[1]
    for header in (b'{"alg":"none","x5u":"https://cr.example.com/1234.pem"}',):
        for signature in ("", "AAAA"):
            with pytest.raises(UnauthenticatedError):
                RequestToken.parse(f"{jws.encode(header)}.{payload}.{signature}")


@pytest.mark.clause("cps-6.2-signature", "cps-13-der")
def test_a_signature_in_der_is_refused() -> None:
    """The ASN.1 form of a good signature is not that of a JWS."""
    decoded = decode(PUBLISH_1)
    token = compact(decoded.header, decoded.payload, OWN_KEY, signature="der")
    with pytest.raises(SignatureError, match=r"ASN\.1"):
        RequestToken.parse(token).check_signature(OWN_KEY.public_key())


@pytest.mark.clause("cps-6.4-9", "cps-13-spc")
@pytest.mark.parametrize("name", REQUESTS)
def test_a_certificate_with_another_code_is_refused(name: str) -> None:
    """The provider's SPC has to be in the certificate."""
    with pytest.raises(ForbiddenError, match="TNAuthList"):
        RequestToken.parse(REQUESTS[name][0]).check_scope(TNAuthList.of(spcs=["5678"]))


@pytest.mark.clause("cps-1-plus", "cps-13-plus")
def test_a_plus_in_the_path_makes_no_difference() -> None:
    """A leading plus is dropped from a path's number as from a claim's."""
    RequestToken.parse(PUBLISH_1).check_target(
        Action.PUBLISH, Target(Party.tn("+19032469103"), Party.tn("+12013776051"))
    )


@pytest.mark.clause("cps-0-claims", "cps-13-mixed")
def test_the_generations_do_not_mix() -> None:
    """A first-generation token on a second-generation path is forbidden, and the reverse."""
    for token, target in ((PUBLISH_1, V2), (PUBLISH_2, V1)):
        with pytest.raises(ForbiddenError, match="generation"):
            RequestToken.parse(token).check_target(Action.PUBLISH, target)


@pytest.mark.clause("cps-6.2-sub")
@pytest.mark.parametrize("claim", ["action", "aud", "dest", "iat", "iss", "jti", "orig", "sub"])
def test_no_claim_of_the_first_generation_may_be_left_out(claim: str) -> None:
    """Every claim of the table in section 6.2 is required."""
    with pytest.raises(UnauthenticatedError, match=f"{claim} is"):
        changed(PUBLISH_1, **{claim: ABSENT})
