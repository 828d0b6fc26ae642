"""The one door to JOSE: compact JWS with ES256."""

from contextlib import suppress

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey

from stir import jws
from stir.errors import AlgorithmError, NotFullFormError, SignatureError
from stir.testing.jws import compact, encode

KEY = ec.generate_private_key(ec.SECP256R1())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n, the order of P-256's base point."""
HEADER, PAYLOAD = b'{"alg":"ES256"}', b'{"iat":1}'
TOKEN = compact(HEADER, PAYLOAD, KEY)


def raw(r: int, s: int) -> bytes:
    """Return a signature with these two numbers."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def check(token: str, key: ec.EllipticCurvePublicKey | None = None) -> None:
    """Take *token* apart and verify it."""
    parts = jws.split(token)
    jws.verify(key or KEY.public_key(), parts.signing_input, parts.signature)


@pytest.mark.clause("passport-2-alphabet")
@given(st.binary(max_size=200))
def test_base64url_is_that_of_rfc_4648_and_comes_back(data: bytes) -> None:
    """Encoding agrees with the independent implementation, and decoding undoes it."""
    assert encode(data) == jws.encode(data)
    assert data == jws.decode(jws.encode(data))


@pytest.mark.clause("passport-1.4-base64url")
@given(st.from_regex(r"[A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_base64url_has_one_spelling(text: str) -> None:
    """What decodes is the only text that encodes so: nobody can write one token in two ways."""
    with suppress(NotFullFormError):
        assert text == jws.encode(jws.decode(text))


@pytest.mark.parametrize("text", ["A", "AAAAA", "AB", "AAB", "A_", "AA-", "A9", "AA9"])
def test_stray_bits_are_refused(text: str) -> None:
    """An impossible length, or bits left over at the end, is no base64url."""
    with pytest.raises(NotFullFormError, match="stray bits"):
        jws.decode(text)


@given(st.binary(min_size=1, max_size=60), st.binary(min_size=1, max_size=60), st.binary(min_size=1, max_size=80))
def test_a_token_comes_apart_into_what_it_was_made_of(header: bytes, payload: bytes, signature: bytes) -> None:
    """The parts are the bytes that were put in, and the signing input is the text that was signed."""
    signed = f"{encode(header)}.{encode(payload)}"

    assert jws.Compact(header, payload, signed.encode(), signature) == jws.split(f"{signed}.{encode(signature)}")


@given(st.text(max_size=60) | st.text("abAQ_-.=+/\n ", max_size=40))
def test_any_text_is_a_token_or_one_error(text: str) -> None:
    """Arbitrary text comes apart so that it can be put together again, or is refused with NotFullFormError."""
    with suppress(NotFullFormError):
        parts = jws.split(text)
        assert text == f"{encode(parts.header)}.{encode(parts.payload)}.{encode(parts.signature)}"


@pytest.mark.clause("passport-1.4-base64url", "passport-1.4-parts")
@pytest.mark.parametrize(
    ("token", "detail"),
    [
        ("", "got 1 parts"),
        ("e30", "got 1 parts"),
        ("e30.e30", "got 2 parts"),
        ("e30.e30.", "got 3 parts"),
        ("e30.e30.AAAA.AAAA", "got 4 parts"),
        ("..AAAA", "compact form"),
        ("e30=.e30.AAAA", "padding"),
        ("e30.e30.AA==", "padding"),
        ("e30.e30.AA/A", "base64url"),
        ("e30.e30.AAAA\n", "base64url"),
        (" e30.e30.AAAA", "base64url"),
        ("e30.e30.ÄÄÄÄ", "base64url"),
        ("e30.e30.A", "stray bits"),
    ],
)
def test_what_is_not_the_full_form_is_refused_with_its_reason(token: str, detail: str) -> None:
    """Three non-empty parts of unpadded base64url, no more and no less (RFC 7515, section 3.1; case E4)."""
    with pytest.raises(NotFullFormError, match=detail):
        jws.split(token)


@pytest.mark.clause("passport-1.4-input")
def test_a_signature_by_others_code_verifies() -> None:
    """What pyca signed by hand and what joserfc signed is believed."""
    check(TOKEN)
    check(joserfc.serialize_compact({"alg": "ES256"}, PAYLOAD, ECKey.import_key(KEY)))


@pytest.mark.clause("passport-1.4-input", "pki-t4-joserfc")
@given(st.binary(min_size=1, max_size=100))
def test_our_signature_verifies_with_others_code(payload: bytes) -> None:
    """What we sign joserfc verifies, as does pyca directly from r and s."""
    token = jws.sign(KEY, HEADER, payload)
    signature = jws.split(token).signature

    assert payload == joserfc.deserialize_compact(token, ECKey.import_key(KEY.public_key())).payload
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    KEY.public_key().verify(der, token.rpartition(".")[0].encode(), ec.ECDSA(SHA256()))


@pytest.mark.clause("passport-1.4-deterministic")
def test_signing_is_deterministic() -> None:
    """The vector of RFC 6979, appendix A.2.5 (P-256, SHA-256) holds, and signing twice gives the same token."""
    key = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
    signature = key.sign(b"sample", ec.ECDSA(SHA256(), deterministic_signing=True))

    assert signature == encode_dss_signature(
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    )
    assert jws.sign(KEY, HEADER, PAYLOAD) == jws.sign(KEY, HEADER, PAYLOAD)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_a_key_of_another_curve_does_not_sign(curve: ec.EllipticCurve) -> None:
    """ES256 is P-256 (RFC 7518, section 3.4): an operator's key of another curve is refused before it signs."""
    with pytest.raises(AlgorithmError, match="P-256"):
        jws.sign(ec.generate_private_key(curve), HEADER, PAYLOAD)


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_one_bit_of_the_signature_changed_is_refused(place: int) -> None:
    """Both halves of the signature count (case E18)."""
    parts = jws.split(TOKEN)
    signature = bytearray(parts.signature)
    signature[place] ^= 1
    with pytest.raises(SignatureError, match="not made by this key"):
        jws.verify(KEY.public_key(), parts.signing_input, bytes(signature))


def test_other_bytes_and_other_keys_are_refused() -> None:
    """Header, payload and key are all bound by the signature."""
    header, payload, signature = TOKEN.split(".")
    other_header, other_payload = encode(b'{"alg":"ES256" }'), encode(b'{"iat":2}')
    for token in (f"{other_header}.{payload}.{signature}", f"{header}.{other_payload}.{signature}"):
        with pytest.raises(SignatureError):
            check(token)
        with pytest.raises(BadSignatureError):
            joserfc.deserialize_compact(token, ECKey.import_key(KEY.public_key()))
    with pytest.raises(SignatureError):
        check(TOKEN, ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.clause("passport-1.4-range")
@pytest.mark.parametrize(
    ("r", "s"), [(0, 0), (0, 1), (1, 0), (ORDER, 1), (1, ORDER), (ORDER, ORDER), (2**256 - 1, 2**256 - 1)]
)
def test_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    """R and s lie between 1 and n - 1; nothing else is a signature, not of anything."""
    with pytest.raises(SignatureError):
        jws.verify(KEY.public_key(), b"a.b", raw(r, s))
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(encode_dss_signature(r, s), b"a.b", ec.ECDSA(SHA256()))


@pytest.mark.clause("passport-1.4-range")
def test_a_number_with_n_added_is_refused() -> None:
    """A signature with a second spelling of s, if it fits into 32 bytes, is no signature."""
    for attempt in range(64):
        parts = jws.split(jws.sign(KEY, HEADER, b"%d" % attempt))
        r, s = (int.from_bytes(half, "big") for half in (parts.signature[:32], parts.signature[32:]))
        jws.verify(KEY.public_key(), parts.signing_input, raw(r, s))
        for other in ((r, s + ORDER), (r + ORDER, s)):
            if max(other) < 2**256:
                with pytest.raises(SignatureError):
                    jws.verify(KEY.public_key(), parts.signing_input, raw(*other))


@pytest.mark.clause("passport-1.4-raw")
@pytest.mark.parametrize(
    ("kind", "detail"),
    [("der", "ASN.1"), ("short", "63 bytes"), ("long", "65 bytes"), ("zero", "not made by this key")],
)
def test_another_form_of_signature_is_refused_with_its_reason(kind: str, detail: str) -> None:
    """A JWS has r and s in 64 bytes, never ASN.1 (RFC 7518, section 3.4)."""
    with pytest.raises(SignatureError, match=detail):
        check(compact(HEADER, PAYLOAD, KEY, signature=kind))


@pytest.mark.clause("pki-c2-es256")
def test_keys_of_other_kinds_are_refused() -> None:
    """A key that is not on P-256 verifies nothing, however its certificate came to be trusted."""
    for other in (
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ):
        with pytest.raises(SignatureError, match="P-256"):
            jws.verify(other.public_key(), b"a.b", bytes(64))


def test_keys_are_told_apart_however_many_there_are() -> None:
    """Keys are kept ready between calls; each signature is still held against its own."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(20)]
    signed = [(key.public_key(), jws.sign(key, HEADER, PAYLOAD)) for key in keys]
    for _ in range(2):
        for key, token in signed:
            check(token, key)
            with pytest.raises(SignatureError):
                check(TOKEN, key)
