"""RFC 8225: what a signer serializes, and what a verifier takes for a PASSporT."""

import json

import pytest

from stir import limits, strictjson
from stir.errors import NotFullFormError
from stir.jws import encode
from stir.passport import Passport
from stir.testing import ABSENT, World
from tests.support.vectors import VECTORS, needs_vectors


@pytest.mark.clause("passport-1.1-x5c")
async def test_section_4_3_a_chain_inside_the_header_names_no_certificate() -> None:
    """An x5c is nothing that a SHAKEN verifier follows, alone or beside x5u: without x5u it is case E9."""
    world = World()
    sp = world.service_provider("709J")
    chain = ["MIIB", "MIIC"]
    alone = sp.sign(orig="12155550100", dest="12155551212", header={"x5u": ABSENT, "x5c": chain})
    beside = sp.sign(orig="12155550100", dest="12155551212", header={"x5c": chain})

    assert "E9" == (await world.assess(alone)).as_dict()["case"]
    assert (await world.assess(beside)).passed


@pytest.mark.clause("passport-1.2-mky", "passport-1.2-unknown")
@pytest.mark.parametrize("claim", [{"mky": [{"alg": "sha-256", "dig": "0AB1"}]}, {"x-anything": {"a": [1, None]}}])
async def test_section_5_claims_that_are_not_understood_are_ignored_and_signed(claim: dict[str, object]) -> None:
    """A further claim changes no verdict, and cannot be changed itself."""
    world = World()
    sp = world.service_provider("709J")
    good = sp.passport(orig="12155550100", dest="12155551212", claims=claim)
    header, payload, signature = good.split(".")
    claims = strictjson.loads(Passport.parse(good).compact.payload, max_bytes=limits.PASSPORT_BYTES)
    changed = encode(strictjson.canonical(claims | dict.fromkeys(claim, "changed")))

    assert (await world.assess(good)).passed
    assert payload != changed
    assert "E18" == (await world.assess(f"{header}.{changed}.{signature}")).as_dict()["case"]


@pytest.mark.clause("passport-1.3-literals", "passport-1.3-integers")
def test_section_9_literals_and_numbers_have_one_spelling() -> None:
    """Rules 3 and 4: true, false and null in lower case; whole numbers without sign, exponent or fraction."""
    value = {"b": [True, False, None], "a": {"n": 1471375418, "z": 0}}

    assert b'{"a":{"n":1471375418,"z":0},"b":[true,false,null]}' == strictjson.canonical(value)


@needs_vectors
@pytest.mark.clause("passport-1.3-example")
def test_appendix_a_has_the_deterministic_bytes() -> None:
    """Header and payload of the example come out of our serialization as they are printed."""
    tokens = json.loads((VECTORS / "passports.json").read_text())["tokens"]
    printed = next(each for each in tokens if each["id"] == "rfc8225-appendix-a")
    header, payload, _ = printed["token"].split(".")

    assert header == encode(strictjson.canonical(printed["header"]))
    assert payload == encode(strictjson.canonical(printed["payload"]))


@pytest.mark.clause("passport-1.4-json")
@pytest.mark.parametrize("form", ["flattened", "general"])
def test_section_6_the_json_serialization_of_a_jws_is_no_passport(form: str) -> None:
    """A PASSporT is the compact serialization of a JWS; the JSON ones are refused (case E4)."""
    header, payload, signature = World().service_provider("709J").passport(orig="1", dest="2").split(".")
    one = {"protected": header, "signature": signature}
    text = {"flattened": {"payload": payload, **one}, "general": {"payload": payload, "signatures": [one]}}[form]

    with pytest.raises(NotFullFormError):
        Passport.parse(json.dumps(text))
