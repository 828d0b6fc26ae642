"""The claims of rcd PASSporTs, and which of them may be shown."""

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stir.errors import ClaimError
from stir.extensions import Rcd, read
from stir.extensions.rcd import Digest
from stir.passport import Passport
from stir.testing import ABSENT, World
from tests.support.vectors import VECTORS, needs_vectors

SP = World().service_provider("709J")
ICON, CARD = "https://example.com/icon.png", "https://example.com/card.json"
JCARD = [
    "vcard",
    [["version", {}, "text", "4.0"], ["fn", {}, "text", "Q Branch"], ["url", {}, "uri", "https://q.example"]],
]
PHOTO = ["vcard", [["fn", {}, "text", "Q"], ["Photo", {}, "uri", ICON]]]
EMPTY = dict.fromkeys(("nam", "apn", "icn", "jcd", "jcl", "crn"))


def digest(content: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of *content* as rcdi has it."""
    return f"{algorithm}-{b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def inline(value: object, algorithm: str = "sha256") -> str:
    """Return the digest of the JSON *value*."""
    return digest(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), algorithm)


def rcd(members: object, *, ppt: str = "rcd", **claims: object) -> Rcd:
    """Return the claims of a PASSporT with these members of rcd."""
    token = SP.make(ppt, orig="12155550100", dest="12155551212", claims={"rcd": members, **claims})
    passport = Passport.parse(token)
    found = read(passport) if ppt == "rcd" else Rcd.additive(passport)
    assert isinstance(found, Rcd)
    return found


@pytest.mark.parametrize(
    ("members", "claims"),
    [
        ({"nam": "Q Branch"}, {}),
        ({"nam": ""}, {"crn": "Rendezvous"}),
        ({"nam": "Q", "apn": "12155559999", "jcd": JCARD}, {}),
        ({"nam": "Q", "icn": "data:image/png;base64,AAAA"}, {}),
        (ABSENT, {"crn": "Rendezvous"}),
    ],
)
def test_what_the_signature_protects_may_be_shown(members: dict[str, Any], claims: dict[str, Any]) -> None:
    """Name, number, inline card, data URL and call reason need no digest (RFC 9795, section 5)."""
    shown = rcd(members, **claims).as_dict()
    named = members if isinstance(members, dict) else {}
    assert EMPTY | named | claims | {"withheld": [], "unverified": []} == shown


@pytest.mark.parametrize(
    ("members", "claims"),
    [
        (ABSENT, {}),
        (None, {}),
        ("Q", {}),
        ([], {}),
        ({}, {}),
        ({"apn": "1"}, {"crn": "x"}),
        ({"nam": None}, {}),
        ({"nam": 1}, {}),
        ({"nam": "Q", "icn": ["https://x/1"]}, {}),
        ({"nam": "Q", "jcd": "x"}, {}),
        ({"nam": "Q", "jcl": []}, {}),
        ({"nam": "Q", "jcd": JCARD, "jcl": CARD}, {}),
        ({"nam": "Q"}, {"crn": 1}),
    ],
)
def test_claims_of_another_form_are_refused_in_their_own_type_only(members: object, claims: dict[str, Any]) -> None:
    """An rcd PASSporT without readable claims says nothing (case E14); in another type they are withheld."""
    with pytest.raises(ClaimError, match=r"^(rcd|crn)"):
        rcd(members, **claims)
    if members is not ABSENT:
        carried = rcd(members, ppt="shaken", **claims)
        assert {} == carried.members
        assert ("rcd", *claims) == carried.withheld


def test_a_passport_without_caller_data_carries_none() -> None:
    """Neither rcd nor crn: there is nothing to show, and nothing is withheld; rcdi alone is about nothing."""
    token = SP.passport(orig="1", dest="2", claims={"rcdi": {"/nam": "x"}})
    assert Rcd.additive(Passport.parse(token)) is None


@pytest.mark.clause("passport-4.4-digest")
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("pointer", ["/nam", "/jcd", "/jcd/1/1/3", "/jcd/1/0"])
def test_a_digest_of_what_is_inline_is_that_of_its_json(algorithm: str, pointer: str) -> None:
    """A JSON pointer names the value, whose deterministic serialization is hashed (RFC 9795, section 6)."""
    values = {"/nam": "é <Q>", "/jcd": JCARD, "/jcd/1/1/3": "Q Branch", "/jcd/1/0": JCARD[1][0]}
    members = {"nam": "é <Q>", "jcd": JCARD}
    good = inline(values[pointer], algorithm)
    assert () == rcd(members, rcdi={pointer: good}).withheld
    bad = rcd(members, rcdi={pointer: inline("other", algorithm)})
    assert (pointer.split("/")[1],) == bad.withheld
    assert bad.withheld[0] not in bad.members


def test_the_example_of_the_rfc_and_the_vectors_in_the_field_differ_in_quotes() -> None:
    """A string is hashed with its quotes (RFC 9795, section 6.1), or without them as published PASSporTs have it."""
    name = "Q Branch Spy Gadgets"
    for text in (
        "sha256-sM275lTgzCte+LHOKHtU4SxG8shlOo6OS4ot8IJQImY=",
        digest(name.encode()),
    ):
        assert () == rcd({"nam": name}, rcdi={"/nam": text}).withheld


@pytest.mark.clause("passport-4.4-base64")
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["", "="])
def test_a_digest_is_in_either_alphabet_padded_or_not(encode: Any, padding: str) -> None:
    """No document settles the alphabet, so all forms are read."""
    content = b"content 9"  # its digest has both a + and a /
    text = encode(hashlib.sha256(content).digest()).decode().rstrip("=") + padding
    found = Digest.parse(f"sha256-{text}")
    assert found is not None
    assert found.fits(content)
    assert not found.fits(b"other")


@pytest.mark.parametrize(
    "text",
    [None, 1, "", "sha256", "sha256-", "sha256-A", "sha1-AAAA", "md5-AAAA", "sha256-é", "sha256-AAAA===", " sha256-AA"],
)
def test_what_is_no_digest_protects_nothing(text: object) -> None:
    """An unknown algorithm or broken base64 withholds what it is about."""
    assert Digest.parse(text) is None
    assert ("nam",) == rcd({"nam": "Q", "apn": "1"}, rcdi={"/nam": text}).withheld


@pytest.mark.clause("passport-4.4-external")
def test_content_elsewhere_waits_for_its_digest() -> None:
    """Icon and card are told with the digest they must have, and are not to be shown before (RFC 9795, section 6)."""
    found = rcd(
        {"nam": "Q", "icn": ICON, "jcl": CARD},
        rcdi={"/icn": digest(b"i"), "/jcl": digest(b"c"), "/jcl/1/0/3": digest(b"p")},
    )
    assert ["/icn", "/jcl", "/jcl/1/0/3"] == found.as_dict()["unverified"]
    assert [ICON, CARD, CARD] == [reference.url for reference in found.references]
    assert ["icn", "jcl", "jcl"] == [reference.member for reference in found.references]
    assert () == found.withheld


@pytest.mark.clause("passport-4.4-external")
@pytest.mark.parametrize(
    ("members", "rcdi", "withheld"),
    [
        ({"icn": ICON}, ABSENT, ("icn",)),
        ({"icn": "http://example.com/1.png"}, {"/icn": digest(b"x")}, ("icn",)),
        ({"icn": "cid:1@example.com"}, {}, ("icn",)),
        ({"jcl": CARD}, {"/icn": digest(b"x")}, ("jcl",)),
        ({"jcl": CARD}, {"/jcl/1/0/3": digest(b"x")}, ("jcl",)),
        ({"jcl": "cid:example.com/alice.json"}, "sha256-tuB4YH0Ti0ZM", ("jcl",)),
        ({"jcd": PHOTO}, {}, ("jcd",)),
        ({"jcd": PHOTO}, {"/jcd": inline(PHOTO)}, ("jcd",)),
        ({"icn": ICON, "jcd": PHOTO}, ABSENT, ("icn", "jcd")),
        ({"icn": ICON, "jcd": PHOTO}, {"jcd": "no pointer"}, ("icn", "jcd")),
        ({"jcd": JCARD}, {"/jcd/1/7": inline(1)}, ("jcd",)),
        ({"jcd": JCARD}, {"/jcd/x": inline(1), "/jcd/01": inline(1), "/jcd/-": inline(1)}, ("jcd",)),
        ({"jcd": [{"a/b": {"~": 1}}]}, {"/jcd/0/a~1b/~0": inline(1)}, ()),
        ({"jcd": [{"a": 1}]}, {"/jcd/0/b": inline(1)}, ("jcd",)),
        ({}, {"/nam/0": inline("Q")}, ("nam",)),
        ({}, {"/icn": digest(b"x"), "/crn": "x", "/": "x"}, ()),
        ({}, "sha256-6oaObP11k7Fx1ad6X3iZESfDt4C2jpD9G1pFU2XXHf0=", ()),
        ({}, [1], ()),
    ],
)
def test_what_nothing_protects_is_withheld(members: dict[str, Any], rcdi: object, withheld: tuple[str, ...]) -> None:
    """Content elsewhere without a digest that can be checked is not shown; the rest is, and the PASSporT stands."""
    found = rcd({"nam": "Q"} | members, rcdi=rcdi, crn="Rendezvous")
    assert withheld == found.withheld
    assert {"nam", "crn", *members} - {*withheld} == {*found.members}
    assert () == found.references


def test_a_photo_in_a_card_has_a_digest_of_its_own() -> None:
    """A URI inside an inline card stands for content elsewhere (RFC 7095; RFC 9795, section 6)."""
    found = rcd({"nam": "Q", "jcd": PHOTO}, rcdi={"/jcd/1/1/3": digest(b"photo")})
    assert [("/jcd/1/1/3", ICON)] == [(reference.pointer, reference.url) for reference in found.references]


def test_withholding_a_member_forgets_its_references() -> None:
    """What is withheld is not fetched either."""
    found = rcd(
        {"nam": "Q", "icn": ICON, "jcd": PHOTO}, rcdi={"/jcd/1/1/3": digest(b"p"), "/icn": digest(b"i"), "/jcd": "x"}
    )
    assert ("jcd",) == found.withheld
    assert ["/icn"] == found.as_dict()["unverified"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("apn", "icn", "jcd", "jcl"), JSON) | {"nam": st.text()}),
    st.dictionaries(st.from_regex(r"(/(nam|icn|jcd|jcl|[0-3~]))*", fullmatch=True), JSON, max_size=3) | JSON,
)
def test_whatever_is_claimed_is_shown_withheld_or_refused(members: dict[str, Any], rcdi: Any) -> None:
    """No claim of any form gets past, or raises anything but ClaimError."""
    try:
        found = rcd(members, rcdi=rcdi)
    except ClaimError:
        return
    assert {*members} == {*found.members, *found.withheld}
    assert not {*found.members} & {*found.withheld}


@needs_vectors
@pytest.mark.parametrize("name", ["tcs-apis-14", "tcs-apis-35", "tcs-apis-46"])
def test_published_caller_data_may_be_shown(name: str) -> None:
    """PASSporTs that others published are read as they meant them; what they only point to is withheld."""
    published = {each["id"]: each for each in json.loads((VECTORS / "passports.json").read_text())["tokens"]}[name]
    passport = Passport.parse(published["token"])
    found = Rcd.of(passport)
    assert {**published["payload"]["rcd"], "crn": "Travel"} == {**found.members} | (
        {"jcl": published["payload"]["rcd"]["jcl"]} if found.withheld else {}
    )
    assert (("jcl",) if name == "tcs-apis-46" else ()) == found.withheld
