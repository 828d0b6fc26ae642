"""Request tokens: minted by the client, checked by the server."""

import json
from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc
from joserfc.jwk import ECKey

from stir import limits, token
from stir.errors import AlgorithmError, ClaimError, ForbiddenError, SignatureError, UnauthenticatedError
from stir.policy import Freshness
from stir.testing import ABSENT, ServiceProvider, World
from stir.testing.jws import compact, encode
from stir.tn import Party
from stir.tnauthlist import TNAuthList
from stir.token import Action, RequestToken, Target, mint

ORIG, DEST = "12155550100", "12155551212"
PASSPORTS = ["a.b.c", "d.e.f"]
WORLD = World()
SP = WORLD.service_provider("709J")
NOW = WORLD.clock.now()
V1 = Target(Party.tn(DEST), Party.tn(ORIG))
V2 = Target(V1.dest, V1.orig, "709J")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
CLAIMS = ["action", "aud", "dest", "exp", "iat", "iss", "jti", "orig", "passports", "spc", "sub"]


def text(
    action: str = "publish", generation: int = 1, header: dict[str, object] | None = None, **claims: object
) -> str:
    """Return a token made by independent code, with overrides."""
    passports = PASSPORTS if action != "retrieve" else None
    return SP.request_token(
        action, orig=ORIG, dest=DEST, passports=passports, generation=generation, header=header, claims=claims
    )


def parsed(action: str = "publish", generation: int = 1, **claims: object) -> RequestToken:
    """Return it parsed."""
    return RequestToken.parse(text(action, generation, **claims))


def test_a_token_is_typed() -> None:
    """Every claim comes out in its type, SPCs in upper case, names in lower."""
    claims = {"iss": "709j", "aud": ["CPS.example.com", "b"], "jti": "0C4E6E0E-5D4B-4A39-9D0E-6F2F6D9F9A02", "exp": 9}
    made = text("publish", 2, **claims)
    read = RequestToken.parse(made)

    assert (made, SP.x5u, Action.PUBLISH, ("cps.example.com", "b")) == (read.text, read.x5u, read.action, read.audience)
    assert (WORLD.clock.timestamp(), 9, "709J", None, "709J") == (read.iat, read.exp, read.iss, read.sub, read.spc)
    assert ("0c4e6e0e-5d4b-4a39-9d0e-6f2f6d9f9a02", V1.orig, (V1.dest,)) == (read.jti, read.orig, read.dest)
    assert sha256(b'["a.b.c","d.e.f"]').digest() == read.digest


@pytest.mark.clause("cps-0-claims")
def test_the_generation_is_told_by_spc() -> None:
    """A token with spc is of the second generation (ATIS-1000105), also when it has sub as well."""
    assert (1, 2, 2) == (parsed().generation, parsed("publish", 2).generation, parsed(spc="709J").generation)
    assert ("709J", None) == (parsed().sub, parsed("publish", 2).sub)
    assert (1, 2) == (V1.generation, V2.generation)


@pytest.mark.clause("cps-5-action")
def test_both_spellings_of_republish_are_read() -> None:
    """The standard's spelling is not known for sure; both mean the same (spec/cps-api.md, section 5)."""
    assert Action.REPUBLISH is parsed("republish").action is parsed("re-publish").action


@pytest.mark.clause("cps-6.1-typ")
@pytest.mark.parametrize("typ", ["JWT", "jwt", None])
def test_a_typ_does_not_matter(typ: object) -> None:
    """Reference clients send none; others may."""
    assert RequestToken.parse(text(header={"typ": typ}))


@pytest.mark.clause("cps-6.1-alg", "cps-6.1-x5u")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "es256"},
        {"alg": None},
        {"alg": ABSENT},
        {"alg": ["ES256"]},
        {"x5u": ABSENT},
        {"x5u": ""},
        {"x5u": 1},
        {"crit": ["b64"]},
    ],
)
def test_a_header_that_is_not_es256_with_x5u_is_refused(header: dict[str, object]) -> None:
    """The alg is ES256, whatever the attacker prefers, and x5u names the certificate."""
    with pytest.raises(UnauthenticatedError, match=r"^token: (header|x5u)"):
        RequestToken.parse(text(header=header))


WRONG: list[tuple[str, list[object]]] = [
    ("action", [ABSENT, None, "", "PUBLISH", "delete", 1, ["publish"]]),
    ("aud", [ABSENT, None, "", [], [""], ["a", 1], 1, {}]),
    ("iat", [ABSENT, None, "1", 1.5, True, -1, 10**12]),
    ("exp", [None, "1", 1.5, True, -1, 10**12]),
    ("iss", [ABSENT, None, "", "ab", "a" * 16, "70-9J", "709J ", 7093, "７０９Ｊ"]),
    ("sub", [ABSENT, None, "", "ab", 7093]),
    ("spc", [None, "", "ab", 7093]),
    ("jti", [ABSENT, None, "", "1", "0c4e6e0e5d4b4a399d0e6f2f6d9f9a02", "g" * 36, 1]),
    ("orig", [ABSENT, None, ORIG, {}, {"tn": [ORIG]}, {"tn": "x"}, {"tn": ORIG, "uri": "a:b"}]),
    ("dest", [ABSENT, None, DEST, {}, {"tn": DEST}, {"tn": []}, {"tn": ["x"]}]),
    (
        "passports",
        [
            None,
            "",
            1,
            "a.b.c",
            "sha256-",
            "sha384-" + "A" * 64,
            "sha256-" + "A" * 44,
            "sha256-" + "A" * 43,
            "sha256-" + urlsafe_b64encode(b"\xff" * 32).decode(),
            "sha256-" + urlsafe_b64encode(bytes(32)).decode().rstrip("="),
            "sha256-" + b64encode(sha256(b"x").hexdigest().encode()).decode(),
        ],
    ),
]


@pytest.mark.clause("cps-6.2-iat", "cps-6.4-3")
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG for value in values])
def test_a_claim_that_is_missing_or_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    """Required claims are there in their types (spec/cps-api.md, section 6.2); the detail has no value in it."""
    with pytest.raises(UnauthenticatedError, match=f"^token: {name}") as caught:
        parsed(**{name: value})
    assert ORIG not in caught.value.detail


@pytest.mark.clause("cps-6.4-3")
@pytest.mark.parametrize(
    "made",
    [
        "",
        "a.b",
        "Bearer a.b.c",
        text() + "=",
        compact(b"[]", b"{}", SP.private_key),
        compact(b'{"alg":"ES256"}', b"x", SP.private_key),
    ],
)
def test_what_is_no_jws_of_objects_is_refused(made: str) -> None:
    """Three parts of base64url, the first two strict JSON objects."""
    with pytest.raises(UnauthenticatedError):
        RequestToken.parse(made)


def test_length_ends_at_the_limit() -> None:
    """A token of any length cannot make us work without bound."""
    with pytest.raises(UnauthenticatedError, match=f"the limit is {limits.TOKEN_BYTES}"):
        RequestToken.parse("a" * (limits.TOKEN_BYTES + 1))


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{1,9}(\.[A-Za-z0-9_-]{1,9}){2}", fullmatch=True))
def test_any_text_is_refused_with_one_error(made: str) -> None:
    """Nothing but UnauthenticatedError comes of arbitrary text."""
    with pytest.raises(UnauthenticatedError):
        RequestToken.parse(made)


@given(
    st.dictionaries(st.sampled_from(CLAIMS), VALUES), st.dictionaries(st.sampled_from(["alg", "x5u", "crit"]), VALUES)
)
def test_any_claims_are_read_or_refused_with_one_error(claims: dict[str, Any], header: dict[str, Any]) -> None:
    """Nothing but UnauthenticatedError comes of arbitrary claims."""
    with suppress(UnauthenticatedError):
        RequestToken.parse(text(header=header, **claims))


@pytest.mark.clause("oob-4.1-forged")
@given(st.integers(0), st.characters())
def test_a_mutated_token_is_refused_or_its_signature_is_bad(place: int, replacement: str) -> None:
    """One character changed anywhere is found, by the parser or by the signature."""
    made = text()
    at = place % len(made)
    mutated = made[:at] + replacement + made[at + 1 :]
    if mutated != made:
        with pytest.raises((UnauthenticatedError, SignatureError)):
            RequestToken.parse(mutated).check_signature(SP.private_key.public_key())


@pytest.mark.clause("cps-6.2-aud")
def test_the_audience_is_this_host() -> None:
    """The aud names this CPS, alone or in an array, without regard to case; no scheme, no port, no part of a name."""
    parsed(aud="CPS.Example.com").check_audience("cps.example.COM")
    parsed(aud=["other.example", "cps.example.com"]).check_audience("cps.example.com")
    for aud in ("example.com", "https://cps.example.com", "cps.example.com:443", "xcps.example.com", ["a", "b"]):
        with pytest.raises(UnauthenticatedError, match=r"aud is not cps\.example\.com"):
            parsed(aud=aud).check_audience("cps.example.com")


@pytest.mark.clause("cps-6.2-iat", "cps-6.2-window")
@pytest.mark.parametrize("away", [-601, -61, 61, 600])
def test_a_stale_token_is_refused(away: int) -> None:
    """The iat lies within the window either way."""
    parsed(iat=WORLD.clock.timestamp() + 60).check_time(Freshness(), NOW)
    with pytest.raises(UnauthenticatedError, match=r"^token: iat is"):
        parsed(iat=WORLD.clock.timestamp() + away).check_time(Freshness(), NOW)


@pytest.mark.clause("cps-6.4-4")
@pytest.mark.parametrize(("action", "generation"), [("publish", 1), ("retrieve", 1), ("republish", 1), ("retrieve", 2)])
def test_an_expired_token_is_refused(action: str, generation: int) -> None:
    """An exp ends the token's life, to the second."""
    at = WORLD.clock.timestamp()
    parsed(action, generation, exp=at + 1).check_time(Freshness(), NOW)
    with pytest.raises(UnauthenticatedError, match="exp has passed"):
        parsed(action, generation, exp=at).check_time(Freshness(), NOW)


@pytest.mark.clause("cps-6.2-exp")
def test_the_exp_of_a_second_generation_publish_is_the_time_of_deletion() -> None:
    """It limits the PASSporTs' life, so an exp that has passed is a bad request, not a bad token (ATIS-1000105)."""
    at = WORLD.clock.timestamp()
    parsed("publish", 2, exp=at).check_time(Freshness(), NOW)
    assert NOW + timedelta(seconds=60) == parsed("publish", 2, exp=at + 60).deletion_time(NOW)
    assert parsed("publish", 2, exp=at + 1).deletion_time(NOW)
    for exp, detail in ((at, "exp has passed"), (at - 5, "exp has passed"), (at + 61, "more than 60 s after iat")):
        with pytest.raises(ClaimError, match=detail):
            parsed("publish", 2, exp=exp).deletion_time(NOW)


@pytest.mark.clause("cps-9-no-exp")
def test_without_exp_the_cps_decides_how_long() -> None:
    """Clients before 2024 send none, and the first generation has no such meaning."""
    assert parsed("publish", 2, exp=ABSENT).deletion_time(NOW) is None
    assert parsed("publish", 1, exp=1).deletion_time(NOW) is None


@pytest.mark.clause("cps-6.2-orig", "cps-6.2-dest")
def test_a_token_fits_its_request() -> None:
    """Action, generation, SPC and numbers are those of the request; numbers and SPC in any spelling."""
    parsed().check_target(Action.PUBLISH, V1)
    parsed("retrieve", 2, spc="709j").check_target(Action.RETRIEVE, V2)
    parsed(orig={"tn": "+1 215 555 0100"}).check_target(Action.PUBLISH, V1)


@pytest.mark.clause("cps-6.2-action", "cps-6.4-6")
@pytest.mark.parametrize(
    ("made", "action", "target"),
    [
        (("retrieve", 1, {}), Action.PUBLISH, V1),
        (("publish", 1, {}), Action.RETRIEVE, V1),
        (("publish", 1, {}), Action.REPUBLISH, V1),
        (("republish", 1, {}), Action.PUBLISH, V1),
        (("publish", 1, {}), Action.PUBLISH, V2),
        (("publish", 2, {}), Action.PUBLISH, V1),
        (("publish", 2, {"spc": "1234"}), Action.PUBLISH, V2),
        (("publish", 2, {"iss": "1234"}), Action.PUBLISH, V2),
        (("retrieve", 2, {"spc": "1234"}), Action.RETRIEVE, V2),
        (("publish", 1, {"orig": {"tn": "12155550101"}}), Action.PUBLISH, V1),
        (("publish", 1, {"dest": {"tn": ["12155551213"]}}), Action.PUBLISH, V1),
        (("publish", 1, {"dest": {"tn": [DEST, "12155551213"]}}), Action.PUBLISH, V1),
        (("publish", 1, {"dest": {"tn": [DEST], "uri": ["a:b"]}}), Action.PUBLISH, V1),
        (("publish", 1, {"orig": {"tn": DEST}, "dest": {"tn": [ORIG]}}), Action.PUBLISH, V1),
        (("publish", 1, {"orig": {"uri": "tel:12155550100"}}), Action.PUBLISH, V1),
    ],
)
def test_a_token_for_another_request_is_forbidden(made: Any, action: Action, target: Target) -> None:
    """The token is genuine and does not allow this; the detail does not repeat the numbers."""
    name, generation, claims = made
    with pytest.raises(ForbiddenError, match=r"^token: ") as caught:
        parsed(name, generation, **claims).check_target(action, target)
    assert "1215" not in caught.value.detail


@pytest.mark.clause("cps-6.3-retrieve")
def test_another_provider_may_ask_for_what_one_published() -> None:
    """On a second-generation retrieve spc names the publisher and iss the asker."""
    parsed("retrieve", 2, iss="1234", spc="709J").check_target(Action.RETRIEVE, V2)


@pytest.mark.clause("cps-6.2-passports", "cps-8-array")
def test_the_body_is_the_one_that_was_signed() -> None:
    """The digest covers the array, its order and nothing else (spec/cps-api.md, section 8)."""
    parsed().check_digest(PASSPORTS)
    for passports in ([], PASSPORTS[:1], PASSPORTS[::-1], [*PASSPORTS, "g"], ["a.b.c,d.e.f"], ['a.b.c","d.e.f']):
        with pytest.raises(UnauthenticatedError, match="digest"):
            parsed().check_digest(passports)
    with pytest.raises(UnauthenticatedError):
        parsed(passports=ABSENT).check_digest(PASSPORTS)
    whole_body = b64encode(sha256(rfc8785.dumps({"passports": PASSPORTS})).digest()).decode()
    with pytest.raises(UnauthenticatedError):
        parsed(passports=f"sha256-{whole_body}").check_digest(PASSPORTS)


@pytest.mark.clause("cps-8-jcs")
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4))
def test_the_digest_is_that_of_rfc_8785(passports: list[str]) -> None:
    """An independent canonicalizer gives the same digest, whatever the strings hold."""
    expected = b64encode(sha256(rfc8785.dumps(passports)).digest()).decode()

    assert f"sha256-{expected}" == token.digest_of(passports)
    parsed(passports=token.digest_of(passports)).check_digest(passports)


@pytest.mark.clause("cps-6.2-iss", "cps-6.2-sub")
def test_who_asks_holds_its_own_codes() -> None:
    """The iss, in generation 1 sub, and on a publish spc, are in the TNAuthList, without regard to case."""
    own = TNAuthList.of(spcs=["709j"])
    for made in (
        parsed(),
        parsed("retrieve"),
        parsed("publish", 2),
        parsed("retrieve", 2, spc="1234"),
        parsed("republish", sub="1234"),
    ):
        made.check_scope(own)


@pytest.mark.clause("cps-6.2-iss", "cps-6.3-publish")
@pytest.mark.parametrize(
    ("action", "generation", "claims", "claim"),
    [
        ("publish", 1, {"iss": "1234"}, "iss"),
        ("publish", 1, {"sub": "1234"}, "sub"),
        ("retrieve", 1, {"sub": "1234"}, "sub"),
        ("retrieve", 2, {"iss": "1234"}, "iss"),
        ("publish", 2, {"spc": "1234"}, "spc"),
        ("republish", 1, {"iss": "1234"}, "iss"),
    ],
)
def test_who_calls_itself_by_anothers_code_is_forbidden(
    action: str, generation: int, claims: dict[str, object], claim: str
) -> None:
    """A certificate speaks for its own provider only."""
    with pytest.raises(ForbiddenError, match=f"{claim} is not in the certificate's TNAuthList"):
        parsed(action, generation, **claims).check_scope(TNAuthList.of(spcs=["709J"]))


@pytest.mark.clause("cps-6.2-signature")
def test_the_signature_is_the_holders() -> None:
    """A token signed with another key, or in another form, was not made by the provider."""
    key = SP.private_key.public_key()
    parsed().check_signature(key)
    for kind in ("other-key", "tampered", "der", "zero"):
        made = SP.request_token("publish", orig=ORIG, dest=DEST, passports=PASSPORTS, signature=kind)
        with pytest.raises(SignatureError):
            RequestToken.parse(made).check_signature(key)


def minted(target: Target = V1, action: Action = Action.PUBLISH, **given: Any) -> tuple[str, dict[str, Any]]:
    """Return a token that we minted and its claims as joserfc reads them, signature checked."""
    usual = {"x5u": SP.x5u, "iss": "709J", "audience": "cps.example.com", "at": NOW, "passports": PASSPORTS}
    made = mint(SP.private_key, target=target, action=action, **usual | given)
    read = joserfc.deserialize_compact(made, ECKey.import_key(SP.private_key.public_key()))
    assert {"alg": "ES256", "x5u": SP.x5u} == read.headers()
    return made, json.loads(read.payload)


def test_a_first_generation_token_is_minted() -> None:
    """It has iss and sub, and neither spc nor exp (ATIS-1000096)."""
    made, claims = minted(lifetime=timedelta(seconds=10))

    assert 4 == UUID(claims.pop("jti")).version
    assert {
        "action": "publish",
        "aud": "cps.example.com",
        "dest": {"tn": [DEST]},
        "iat": WORLD.clock.timestamp(),
        "iss": "709J",
        "orig": {"tn": ORIG},
        "passports": "sha256-" + b64encode(sha256(rfc8785.dumps(PASSPORTS)).digest()).decode(),
        "sub": "709J",
    } == claims
    RequestToken.parse(made).check_target(Action.PUBLISH, V1)


@pytest.mark.clause("cps-6.2-spc", "oob-6-exp")
def test_second_generation_tokens_are_minted() -> None:
    """They have iss and spc; a publish exp if a lifetime is given, a retrieve no digest (ATIS-1000105)."""
    _, publish = minted(V2, lifetime=timedelta(seconds=10))
    assert ("709J", publish["iat"] + 10, False) == (publish["spc"], publish["exp"], "sub" in publish)
    assert "exp" not in minted(V2)[1]

    made, retrieve = minted(V2, Action.RETRIEVE, iss="1234", passports=None)
    assert ("709J", "1234", set()) == (retrieve["spc"], retrieve["iss"], {"passports", "exp", "sub"} & retrieve.keys())
    RequestToken.parse(made).check_target(Action.RETRIEVE, V2)


@pytest.mark.clause("cps-6.2-jti", "cps-12-3")
def test_every_token_is_minted_for_one_request() -> None:
    """The jti is new each time, so that no token can be used twice; iat is whole seconds."""
    first, second = (minted(at=NOW + timedelta(milliseconds=900))[1] for _ in range(2))

    assert first["jti"] != second["jti"]
    assert WORLD.clock.timestamp() == first["iat"]


def test_a_key_of_another_curve_mints_nothing() -> None:
    """ES256 needs P-256."""
    key = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(AlgorithmError):
        mint(key, x5u=SP.x5u, iss="709J", action=Action.RETRIEVE, target=V1, audience="a", at=datetime.now(UTC))


def test_actions_are_written_as_their_names() -> None:
    """An action in a sentence or a claim is its plain name, on every Python."""
    assert "publish" == f"{Action.PUBLISH}" == str(Action.PUBLISH)
    assert encode(b"publish") == encode(Action.PUBLISH.encode())


def test_a_provider_of_the_test_world_signs_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens in these tests do not come from the code under test."""
    monkeypatch.setattr(token.jws, "sign", None)
    assert isinstance(SP, ServiceProvider)
    assert text()


def test_sub_may_name_another_provider() -> None:
    """A republish names the first publisher as sub, and the CPS that republishes as iss (ATIS-1000096)."""
    key = ec.generate_private_key(ec.SECP256R1())
    text = mint(
        key,
        x5u="https://cr.example.com/1.pem",
        iss="CPS1",
        sub="709J",
        action=Action.REPUBLISH,
        target=Target(Party.tn("12155551212"), Party.tn("12155550100")),
        audience="cps.example.com",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        passports=["a.b.c"],
    )
    minted = RequestToken.parse(text)
    assert ("CPS1", "709J") == (minted.iss, minted.sub)
