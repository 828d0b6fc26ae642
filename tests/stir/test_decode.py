"""Decoding: what is in a PASSporT or Identity header, and what is odd about it."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir import decode as decode_module
from stir import limits
from stir.decode import Decoded, decode
from stir.errors import StirError
from stir.findings import ADVICE
from stir.passport import Claims, Passport
from stir.testing import World
from stir.testing.jws import ABSENT, compact

WORLD = World()
SP = WORLD.service_provider("709J")
ORIGID = "4aec94e2-508c-4c1c-907b-3737bac0a80e"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
MEMBERS = st.sampled_from(["alg", "typ", "ppt", "x5u", "crit", "orig", "dest", "iat", "attest", "origid", "action"])


def passport(header: dict[str, object] | None = None, **claims: object) -> str:
    """Return a PASSporT with overrides."""
    return SP.passport(orig="12155550100", dest="12155551212", origid=ORIGID, header=header, claims=claims)


def codes(decoded: Decoded) -> set[str]:
    """Return the codes of all findings."""
    return {finding.code for finding in decoded.findings}


def test_a_good_passport_has_no_findings() -> None:
    """Nothing is odd about a PASSporT as it should be, alone or in its header field with or without the name."""
    token = passport()
    for value in (token, SP.identity(token), f"Identity: {SP.identity(token)}\r\n", f"y:{token}", f" {token} "):
        decoded = decode(value, at=WORLD.clock.now())
        assert () == decoded.findings
        assert decoded.well_formed
        assert token == decoded.passport.token
        assert (Claims.of(decoded.passport), ORIGID) == (decoded.claims, decoded.shaken.origid)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"alg": "RS256"}, {"ALG"}),
        ({"alg": ABSENT}, {"ALG"}),
        ({"typ": "JWT"}, {"TYP"}),
        ({"typ": ABSENT}, {"TYP"}),
        ({"ppt": "fancy"}, {"PPT_UNKNOWN"}),
        ({"ppt": None}, {"PPT_UNKNOWN"}),
        ({"ppt": ["shaken"]}, {"PPT_UNKNOWN"}),
        ({"ppt": {}}, {"PPT_UNKNOWN"}),
        ({"ppt": "msec"}, set()),
        ({"ppt": ABSENT}, set()),
        ({"crit": ["b64"]}, {"HEADER"}),
        ({"x5u": ABSENT}, {"X5U"}),
        ({"x5u": 7}, {"X5U"}),
        ({"x5u": ""}, {"X5U_NOT_ABSOLUTE_URL"}),
        ({"x5u": "/etc/cert.pem"}, {"X5U_NOT_ABSOLUTE_URL"}),
        ({"x5u": "cr.example.net/1.pem"}, {"X5U_NOT_ABSOLUTE_URL"}),
        ({"x5u": "https:///1.pem"}, {"X5U_NOT_ABSOLUTE_URL"}),
        ({"x5u": "https://[::1/1.pem"}, {"X5U_NOT_ABSOLUTE_URL"}),
        ({"x5u": "https://cr.example.net/1.pem\r\nX: 1"}, {"X5U_REFUSED", "HEADER"}),
    ],
)
def test_what_is_wrong_with_a_header_is_found(header: dict[str, object], expected: set[str]) -> None:
    """Header parameters that a strict verifier refuses are errors (RFC 8225, section 4)."""
    decoded = decode(passport(header))

    assert expected == codes(decoded)
    assert (not expected) is decoded.well_formed


@pytest.mark.parametrize(
    ("x5u", "expected"),
    [
        ("https://cr.example.net:8443/1.pem", set()),
        ("http://cr.example.net/1.pem", {"X5U_NOT_HTTPS"}),
        ("http://cr.example.net:8080/1.pem", {"X5U_NOT_HTTPS", "X5U_PORT"}),
        ("https://cr.example.net:8080/1.pem", {"X5U_PORT"}),
        ("https://cr.example.net:99999/1.pem", {"X5U_PORT"}),
        ("https://cr.example.net/1.pem?x=1", {"X5U_REFUSED"}),
        ("https://user@cr.example.net/1.pem", {"X5U_REFUSED"}),
        ("https://192.0.2.1/1.pem", {"X5U_REFUSED"}),
        ("https://cr.example.net", {"X5U_REFUSED"}),
    ],
)
def test_a_url_that_is_never_fetched_is_told_and_tolerated(x5u: str, expected: set[str]) -> None:
    """A carrier would not fetch it (case E7), but the PASSporT itself is well formed."""
    decoded = decode(passport({"x5u": x5u}))

    assert expected == codes(decoded)
    assert decoded.well_formed


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iat": ABSENT}, {"IAT"}),
        ({"iat": -1}, {"IAT"}),
        ({"iat": 10**13}, {"IAT"}),
        ({"iat": "1700000000"}, {"IAT_NOT_INTEGER"}),
        ({"iat": 1.5}, {"IAT_NOT_INTEGER"}),
        ({"iat": True}, {"IAT_NOT_INTEGER"}),
        ({"orig": ABSENT}, {"ORIG"}),
        ({"orig": "12155550100"}, {"ORIG"}),
        ({"orig": {}}, {"ORIG"}),
        ({"orig": {"tn": "1", "uri": "a:b"}}, {"ORIG"}),
        ({"orig": {"mailto": "a@b"}}, {"ORIG"}),
        ({"orig": {"tn": "Alice"}}, {"ORIG_TN"}),
        ({"orig": {"tn": ["1"]}}, {"ORIG_TN"}),
        ({"orig": {"uri": "Alice"}}, {"ORIG_URI"}),
        ({"dest": ABSENT}, {"DEST"}),
        ({"dest": []}, {"DEST"}),
        ({"dest": {}}, {"DEST"}),
        ({"dest": {"tn": []}}, {"DEST"}),
        ({"dest": {"tn": ["1"], "x": ["1"]}}, {"DEST"}),
        ({"dest": {"tn": "12155551212"}}, {"DEST_NOT_ARRAY"}),
        ({"dest": {"tn": ["12155551212", ""]}}, {"DEST_TN"}),
        ({"dest": {"tn": [1]}}, {"DEST_TN"}),
        ({"dest": {"uri": ["x"]}}, {"DEST_URI"}),
        ({"dest": {"tn": [""], "uri": "a:b"}}, {"DEST_TN", "DEST_NOT_ARRAY"}),
        ({"attest": "D"}, {"ATTEST"}),
        ({"attest": ["A"]}, {"ATTEST"}),
        ({"attest": ABSENT}, {"ATTEST"}),
        ({"origid": ABSENT}, {"ORIGID"}),
        ({"origid": ""}, {"ORIGID"}),
        ({"origid": 1}, {"ORIGID"}),
    ],
)
def test_what_is_wrong_with_the_claims_is_found(claims: dict[str, object], expected: set[str]) -> None:
    """Claims that a strict verifier refuses are errors (RFC 8225, section 5; RFC 8588, section 4)."""
    decoded = decode(passport(None, **claims))

    assert expected == codes(decoded)
    assert decoded.well_formed is False


@pytest.mark.clause("passport-4.1-uuid", "pki-t3-tolerated")
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"orig": {"tn": "+12155550100"}}, {"TN_LEADING_PLUS"}),
        ({"dest": {"tn": ["911", "+1 215-555-1212"]}}, {"TN_LEADING_PLUS", "TN_SEPARATORS"}),
        ({"dest": {"tn": ["1-215-555-1212"]}}, {"TN_SEPARATORS"}),
        ({"origid": "some-id"}, {"ORIGID_NOT_UUID"}),
        ({"origid": ORIGID.upper()}, set()),
        ({"origid": ORIGID.replace("-", "")}, set()),
        ({"origid": ORIGID.replace("-", "", 1)}, {"ORIGID_NOT_UUID"}),
        ({"orig": {"uri": "sip:alice@example.com"}}, set()),
    ],
)
def test_what_is_tolerated_is_told(claims: dict[str, object], expected: set[str]) -> None:
    """Deviations that a verifier puts up with are warnings."""
    decoded = decode(passport(None, **claims))

    assert expected == codes(decoded)
    assert decoded.well_formed
    assert {"warning"} >= {finding.severity for finding in decoded.findings}


@pytest.mark.clause("passport-1.3-warning", "pki-t3-tolerated")
def test_members_out_of_order_are_told() -> None:
    """The deterministic serialization is a signer's duty (RFC 8225, section 9); its lack is a warning."""
    made = decode(passport())
    spaced = [repr(part).replace("'", '"').encode() for part in (made.header, made.payload)]
    decoded = decode(compact(*spaced, SP.private_key))

    assert {"HEADER_NOT_CANONICAL", "PAYLOAD_NOT_CANONICAL"} == codes(decoded)
    assert decoded.well_formed


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", {"NOT_FULL_FORM"}),
        ("hello", {"NOT_FULL_FORM"}),
        ("a.b", {"NOT_FULL_FORM"}),
        ("..AAAA", {"NOT_FULL_FORM"}),
        ("e30.e30.AAAA.AAAA", {"NOT_FULL_FORM"}),
        ("bm8.bm8.!", {"HEADER_NOT_JSON", "PAYLOAD_NOT_JSON", "SIGNATURE_UNDECODABLE"}),
        ("bm8=.a.", {"HEADER_UNDECODABLE", "PAYLOAD_UNDECODABLE", "SIGNATURE_UNDECODABLE"}),
        ("W10.W10.AAAA", {"HEADER_NOT_JSON", "PAYLOAD_NOT_JSON", "SIGNATURE_NOT_64_BYTES"}),
    ],
)
def test_what_does_not_come_apart_is_told(token: str, expected: set[str]) -> None:
    """As much is read as can be, and each part's trouble is told."""
    decoded = decode(token)

    assert expected == codes(decoded)
    assert decoded.well_formed is False
    assert decoded.passport is None


@pytest.mark.parametrize(
    ("ppt", "claims", "expected"),
    [
        ("div", {}, {"DIV"}),
        ("div", {"div": {"tn": "12155551212", "hi": "1.1"}}, set()),
        ("div-o", {"div": {"tn": "12155551212"}}, {"DIV_O"}),
        ("div-o", {"div": {"tn": "12155551212"}, "opt": "a.b.c"}, set()),
        ("rph", {"rph": {"auth": "ets.0"}}, {"RPH"}),
        ("rph", {"rph": {"auth": ["ets.0"]}}, set()),
        ("rcd", {}, {"RCD"}),
        ("rcd", {"rcd": {"nam": "Alice"}}, set()),
        ("rcd", {"rcd": {"nam": "Alice", "icn": "https://example.com/a.png"}}, set()),
        ("shaken", {"rcd": {"nam": "Alice", "icn": "https://example.com/a.png"}}, set()),
        ("shaken", {"rcd": 7}, set()),
    ],
)
def test_what_is_wrong_with_the_claims_of_a_type_is_found(
    ppt: str, claims: dict[str, object], expected: set[str]
) -> None:
    """Each type has claims of its own (RFC 8946, 8443, 9795); what must not be shown is no fault of the number."""
    decoded = decode(passport({"ppt": ppt}, **claims))

    assert expected == codes(decoded)
    assert (not expected) is decoded.well_formed
    assert (ppt == "shaken") is (decoded.shaken is not None)
    assert (not expected) is (decoded.extension is not None)


def test_every_finding_has_a_clause_and_advice() -> None:
    """Whoever reads a finding learns which text wants it otherwise, and what to do."""
    finding = decode("hello").findings[0]
    assert {
        "code": "NOT_FULL_FORM",
        "severity": "error",
        "detail": "expected three non-empty parts of base64url, got 1 parts",
        "clause": "RFC 8588, section 5; RFC 7515, section 7.1",
        "advice": "send header.payload.signature in base64url",
    } == finding.as_dict()
    source = Path(decode_module.__file__).read_text()
    assert set(re.findall(r'Finding\(\s*"([A-Z0-9_]+)"', source)) <= ADVICE.keys()
    assert all(clause and advice for clause, advice in ADVICE.values())


def test_stray_bits_are_told() -> None:
    """A spelling of base64url that the verifier refuses is an error, although it can be read."""
    token = passport()
    last = token[-1]
    stray = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "AQ" and c != last)

    assert {"NOT_FULL_FORM"} == codes(decode(token[:-1] + stray))


@pytest.mark.parametrize(
    ("parameters", "expected", "well_formed"),
    [
        (f";info=<{SP.x5u}>", set(), True),
        (f';info=<{SP.x5u}>;alg=ES256;ppt="shaken"', set(), True),
        (";info=<https://other.example/1.pem>;alg=ES256;ppt=shaken", {"INFO_NOT_X5U"}, True),
        (f";info=<{SP.x5u}>;alg=RS256;ppt=div", {"PARAM_ALG_MISMATCH", "PARAM_PPT_MISMATCH"}, True),
        (";alg=ES256;ppt=shaken", {"INFO_MISSING"}, True),
        (f";info={SP.x5u}", {"INFO_NOT_URI"}, True),
        (";;", {"IDENTITY"}, False),
    ],
)
def test_the_header_field_is_held_against_the_token(parameters: str, expected: set[str], *, well_formed: bool) -> None:
    """Info, alg and ppt have to agree with the PASSporT (RFC 8224, section 4); the token stays what it is."""
    decoded = decode(passport() + parameters)

    assert expected == codes(decoded)
    assert well_formed is decoded.well_formed
    assert decoded.passport is not None


def test_freshness_is_told_when_an_instant_is_given() -> None:
    """Whether iat is fresh depends on when one asks, so it is a warning, and silent without an instant."""
    token = passport(None, iat=WORLD.clock.timestamp() - 3600)

    assert set() == codes(decode(token))
    assert {"IAT_NOT_FRESH"} == codes(decode(token, at=WORLD.clock.now()))
    assert decode(token, at=WORLD.clock.now()).well_formed


def test_a_request_token_is_no_passport() -> None:
    """A CPS request token or another JWT is read, and not held against the rules for PASSporTs."""
    request = SP.request_token("retrieve", orig="12155550100", dest="12155551212")
    other = compact({"alg": "ES256", "typ": "JWT"}, b'{"z":1,"a":2}', SP.private_key)
    for token in (request, other, f"{request};info=<{SP.x5u}>"):
        decoded = decode(token)
        assert set() == codes(decoded)
        assert not decoded.is_passport
        assert decoded.well_formed is None
        assert decoded.payload


def test_what_is_too_long_is_not_read() -> None:
    """The work spent on strangers' text is bounded."""
    assert {"TOO_LONG"} == codes(decode("a" * (limits.IDENTITY_BYTES + 1)))
    assert {"NOT_FULL_FORM"} == codes(decode("a" * limits.IDENTITY_BYTES))


@given(st.text(max_size=80) | st.text('y:identity ab.;=<>"\\\t\r\ninfoalgpt/,é\ud800', max_size=80))
def test_any_text_is_decoded(text: str) -> None:
    """Whatever the text is, decoding it raises nothing."""
    assert decode(text).findings
    decode(f"{passport()};{text}")


@given(st.dictionaries(MEMBERS, VALUES), st.dictionaries(MEMBERS, VALUES))
def test_any_members_are_decoded(header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Whatever a token holds, decoding it raises nothing, and well formed means that the verifier can read it."""
    token = compact(header, payload, SP.private_key)
    decoded = decode(token, at=WORLD.clock.now())
    try:
        Claims.of(Passport.parse(token))
    except StirError:
        assert not decoded.well_formed
    assert not any(
        str(value) in finding.detail
        for finding in decoded.findings
        for value in payload.values()
        if len(str(value)) > 8
    )
