"""PASSporTs as received."""

import json
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from stir import jws, limits
from stir.errors import ClaimError, HeaderError, NotFullFormError, PassportFormatError
from stir.passport import Claims, Passport
from stir.testing.jws import ABSENT, compact, encode, overridden
from stir.tn import Party

KEY = ec.generate_private_key(ec.SECP256R1())
HEADER = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://cr.example.net/1.pem"}
PAYLOAD = {
    "attest": "A",
    "dest": {"tn": ["12155551212"]},
    "iat": 1_700_000_000,
    "orig": {"tn": "12155550100"},
    "origid": "4aec94e2-508c-4c1c-907b-3737bac0a80e",
}
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats(allow_nan=False)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))


def token(header: dict[str, Any] | bytes | None = None, payload: dict[str, Any] | bytes | None = None) -> str:
    """Return a token whose members are overridden, or replaced by bytes."""
    parts = [
        given if isinstance(given, bytes) else overridden(usual, given)
        for usual, given in ((HEADER, header), (PAYLOAD, payload))
    ]
    return compact(*parts, KEY)


def claims(**overrides: Any) -> Claims:
    """Read the claims of a token with *overrides*."""
    return Claims.of(Passport.parse(token(payload=overrides)))


@pytest.mark.clause("passport-1.3-received")
def test_a_passport_is_typed_and_keeps_its_bytes() -> None:
    """Everything is there, and the signing input is the bytes received, not a serialization of our own."""
    text = token()
    passport = Passport.parse(text)

    assert ("ES256", "passport", HEADER["x5u"], "shaken") == (passport.alg, passport.typ, passport.x5u, passport.ppt)
    assert (HEADER, PAYLOAD, text) == (passport.header, passport.payload, passport.token)
    assert text.rpartition(".")[0].encode() == passport.compact.signing_input


@pytest.mark.clause("passport-1.3-lenient")
def test_members_out_of_order_are_read() -> None:
    """A verifier does not refuse another serialization than the deterministic one (RFC 8225, section 9)."""
    header = json.dumps(dict(reversed(HEADER.items())), indent=1).encode()
    passport = Passport.parse(token(header))

    assert HEADER == passport.header
    jws.verify(KEY.public_key(), passport.compact.signing_input, passport.compact.signature)


def test_a_passport_without_ppt_is_a_base_one() -> None:
    """A ppt is optional in the header of a PASSporT (RFC 8225, section 4)."""
    assert Passport.parse(token({"ppt": ABSENT})).ppt is None


@pytest.mark.parametrize("name", ["alg", "typ", "x5u"])
@pytest.mark.parametrize("value", [ABSENT, None, "", 1, True, ["ES256"], {}])
def test_a_header_parameter_that_is_missing_or_no_string_is_refused(name: str, value: object) -> None:
    """The header has alg, typ and x5u, all strings (RFC 8225, section 4; case E9)."""
    with pytest.raises(HeaderError, match=f"header: {name} is (missing|not a string)"):
        Passport.parse(token({name: value}))


@pytest.mark.parametrize("value", [None, "", 1, [], {}])
def test_a_ppt_that_is_no_string_is_refused(value: object) -> None:
    """A ppt that is there is a string."""
    with pytest.raises(HeaderError, match="header: ppt"):
        Passport.parse(token({"ppt": value}))


@pytest.mark.parametrize("name", ["alg", "ppt", "typ", "x5u"])
@pytest.mark.parametrize("inserted", ["\r\nX-Evil: 1", ";info=<https://evil.example>", ">", "<", '"', " ", "\x00", "é"])
def test_nothing_in_the_header_can_break_out_of_a_sip_header_field(name: str, inserted: str) -> None:
    """An Identity header is rebuilt from these values: none has a character that ends a parameter or a line."""
    with pytest.raises(HeaderError, match=f"header: {name} has a character that has no place in it"):
        Passport.parse(token({name: HEADER[name] + inserted}))


@pytest.mark.parametrize("name", ["alg", "ppt"])
@pytest.mark.parametrize("inserted", [",", "=", "/", "?", "@", "(", "\\"])
def test_what_goes_bare_into_a_header_field_is_a_token_of_sip(name: str, inserted: str) -> None:
    """A comma would end the header field value for readers that take Identity for a list (RFC 3261, section 25.1)."""
    with pytest.raises(HeaderError):
        Passport.parse(token({name: HEADER[name] + inserted}))


@pytest.mark.parametrize(("name", "longest"), [("alg", 64), ("ppt", 64), ("typ", 64), ("x5u", 2_048)])
def test_a_header_field_of_any_passport_can_be_read_again(name: str, longest: int) -> None:
    """What is rebuilt from a PASSporT is no longer than what an Identity header may be: its parameters are bounded."""
    value = HEADER[name].ljust(longest, "a")
    fits = Passport.parse(token({name: value}))

    assert value == getattr(fits, name)
    with pytest.raises(HeaderError, match=f"header: {name} is longer than {longest} characters"):
        Passport.parse(token({name: value + "a"}))


@pytest.mark.clause("passport-1.1-crit")
@pytest.mark.parametrize("value", [["b64"], [], None, "x"])
def test_a_crit_parameter_is_refused(value: object) -> None:
    """No extension that must be understood is understood here (RFC 7515, section 4.1.11)."""
    with pytest.raises(HeaderError, match="crit"):
        Passport.parse(token({"crit": value}))


@pytest.mark.clause("passport-1.4-objects")
@pytest.mark.parametrize("part", [b"", b"[]", b"{", b'{"alg":"ES256","alg":"ES256"}', b"\xff", b'"x"'])
def test_parts_that_are_no_strict_json_object_are_refused(part: bytes) -> None:
    """The header is judged as header, the payload as claims; an empty part is not even the full form."""
    expected = (HeaderError, ClaimError) if part else (NotFullFormError, NotFullFormError)
    for error, text in zip(expected, (token(header=part), token(payload=part)), strict=True):
        with pytest.raises(error):
            Passport.parse(text)


def test_the_header_is_judged_before_the_payload() -> None:
    """Where both are bad the header's case comes first, as in the table (E9 before E14)."""
    with pytest.raises(HeaderError):
        Passport.parse(token({"typ": ABSENT}, b"nonsense"))


@pytest.mark.clause("passport-1.4-size")
def test_length_ends_at_the_limit() -> None:
    """A PASSporT as long as allowed is read; what is longer is refused unread."""
    room = limits.PASSPORT_BYTES - len(token(payload={"rcd": ""}))
    longest = token(payload={"rcd": "x" * (room * 3 // 4)})
    assert limits.PASSPORT_BYTES - 4 <= len(longest) <= limits.PASSPORT_BYTES
    Passport.parse(longest)
    with pytest.raises(NotFullFormError, match=f"the limit is {limits.PASSPORT_BYTES}"):
        Passport.parse(longest + "AAAAAAAA")


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{1,9}(\.[A-Za-z0-9_-]{0,9}){0,4}", fullmatch=True))
def test_any_text_is_a_passport_or_one_error(text: str) -> None:
    """Arbitrary text is refused with PassportFormatError and nothing else."""
    with pytest.raises(PassportFormatError):
        Passport.parse(text)


@given(
    st.dictionaries(st.sampled_from([*HEADER, "crit"]), VALUES), st.dictionaries(st.sampled_from([*PAYLOAD]), VALUES)
)
def test_any_values_are_claims_or_one_error(header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Whatever types header parameters and claims have, nothing but PassportFormatError comes out."""
    with suppress(PassportFormatError):
        read = Claims.of(Passport.parse(token(header, payload)))
        assert read.dest
        assert 0 <= read.iat


@given(st.integers(0), st.binary(min_size=1, max_size=3))
def test_a_mutated_passport_is_read_or_refused(place: int, replacement: bytes) -> None:
    """Flipped bytes in the JSON of a good PASSporT leave nothing but PassportFormatError behind."""
    for part in (0, 1):
        made = [json.dumps(HEADER).encode(), json.dumps(PAYLOAD).encode()]
        at = place % len(made[part])
        made[part] = made[part][:at] + replacement + made[part][at + 1 :]
        with suppress(PassportFormatError):
            Claims.of(Passport.parse(".".join([*map(encode, made), encode(bytes(64))])))


def test_claims_are_read_into_parties() -> None:
    """Numbers come before URIs, each in canonical form."""
    read = claims(
        dest={"uri": ["SIP:bob@Example.com"], "tn": ["+1 215 555 1212", "911"]}, orig={"uri": "urn:service:sos"}
    )

    assert Party("uri", "urn:service:sos") == read.orig
    assert (Party("tn", "12155551212"), Party("tn", "911"), Party("uri", "sip:bob@example.com")) == read.dest
    assert 1_700_000_000 == read.iat


@pytest.mark.clause("passport-1.2-orig")
@pytest.mark.parametrize(
    "orig",
    [
        ABSENT,
        None,
        "12155550100",
        [],
        {},
        {"tn": ["12155550100"]},
        {"tn": 12155550100},
        {"tn": None},
        {"tn": "1", "uri": "sip:a@b"},
        {"tn": "1", "x": 1},
        {"uri": 1},
        {"tn": "Alice"},
        {"tn": ""},
        {"uri": "Alice"},
        {"mailto": "a@b"},
    ],
)
def test_orig_is_exactly_one_identity(orig: object) -> None:
    """An orig has one string, tn or uri, that is one (RFC 8225, section 5.2.1; case E14)."""
    with pytest.raises(ClaimError, match="orig"):
        claims(orig=orig)


@pytest.mark.clause("passport-1.2-dest")
@pytest.mark.parametrize(
    "dest",
    [
        ABSENT,
        None,
        "12155551212",
        [],
        {},
        {"tn": "12155551212"},
        {"tn": {}},
        {"tn": []},
        {"tn": [12155551212]},
        {"tn": ["12155551212", None]},
        {"tn": ["12155551212"], "uri": []},
        {"tn": ["12155551212"], "x": ["1"]},
        {"tn": [""]},
        {"tn": ["12155551212", "Alice"]},
        {"uri": ["Alice"]},
    ],
)
def test_dest_is_at_least_one_identity(dest: object) -> None:
    """A dest has arrays of strings, tn or uri, each with at least one (RFC 8225, section 5.2.1; case E14)."""
    with pytest.raises(ClaimError, match="dest"):
        claims(dest=dest)


@pytest.mark.parametrize("kind", ["tn", "uri"])
def test_dest_has_no_thousands_of_entries(kind: str) -> None:
    """A dest has at most as many entries as are read in good time, of either kind."""
    entry = "sip:a@b.example" if kind == "uri" else "1"

    assert limits.DESTINATIONS == len(claims(dest={kind: [entry] * limits.DESTINATIONS}).dest)
    with pytest.raises(ClaimError, match="entries"):
        claims(dest={kind: [entry] * (limits.DESTINATIONS + 1)})


@pytest.mark.clause("passport-1.2-iat")
@pytest.mark.parametrize("iat", [ABSENT, None, "1700000000", 1.7e9, True, -1, 253_402_300_800, [], 10**30])
def test_iat_is_whole_seconds(iat: object) -> None:
    """An iat is an integer that is an instant (RFC 8225, section 5.1.1; case E14)."""
    with pytest.raises(ClaimError, match="iat"):
        claims(iat=iat)


@pytest.mark.parametrize("iat", [0, 253_402_300_799])
def test_the_first_and_last_instants_are_read(iat: int) -> None:
    """Every instant that a date can tell is an iat."""
    assert iat == claims(iat=iat).iat


def test_details_hold_no_number() -> None:
    """What is wrong is told without the value, which may be a telephone number."""
    for overrides in ({"orig": {"tn": "12155550100x"}}, {"dest": {"tn": ["12155550100x"]}}, {"iat": "12155550100"}):
        with pytest.raises(ClaimError) as caught:
            claims(**overrides)
        assert "1215" not in caught.value.detail
