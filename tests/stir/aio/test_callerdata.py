"""Icons and cards elsewhere are fetched within bounds, and held against their digests."""

import hashlib
import json
from base64 import b64encode
from typing import Any

import pytest

from stir import limits
from stir.aio.callerdata import verify_external
from stir.extensions import Rcd
from stir.passport import Passport
from stir.testing import World
from tests.stir.extensions.test_rcd import JCARD

ICON, CARD, PHOTO = (f"https://example.com/{name}" for name in ("icon.png", "card.json", "photo.png"))
PICTURED = ["vcard", [["fn", {}, "text", "Q"], ["photo", {}, "uri", PHOTO]]]


def digest(content: bytes) -> str:
    """Return the digest of *content* as rcdi has it."""
    return f"sha256-{b64encode(hashlib.sha256(content).digest()).decode()}"


def claimed(members: dict[str, Any], rcdi: dict[str, str]) -> Rcd:
    """Return the claims of a PASSporT with these members of rcd."""
    sp = World().service_provider("709J")
    claims = {"rcdi": rcdi}
    return Rcd.of(Passport.parse(sp.rcd(orig="1", dest="2", rcd={"nam": "Q"} | members, claims=claims)))


@pytest.fixture
def world() -> World:
    """Return a world that serves an icon, a photo, and a card that has it."""
    made = World()
    made.fetcher.serve(ICON, b"icon")
    made.fetcher.serve(PHOTO, b"photo")
    made.fetcher.serve(CARD, json.dumps(PICTURED).encode())
    return made


async def test_content_with_its_digest_may_be_shown(world: World) -> None:
    """Once the content is known to be the signed one nothing stands in the way of its member."""
    found = await verify_external(claimed({"icn": ICON}, {"/icn": digest(b"icon")}), world.fetcher)
    assert {"nam": "Q", "icn": ICON} == found.members
    assert ((), ()) == (found.withheld, found.references)


async def test_other_content_is_withheld(world: World) -> None:
    """Content that was replaced after signing is not shown; the name still is."""
    found = await verify_external(claimed({"icn": ICON}, {"/icn": digest(b"other")}), world.fetcher)
    assert {"nam": "Q"} == found.members
    assert ("icn",) == found.withheld


@pytest.mark.parametrize("trouble", ["down", "fail", "long", "refused"])
async def test_what_cannot_be_had_stays_unverified(world: World, trouble: str) -> None:
    """A repository that does not answer is no proof of anything; nor does anybody make us fetch from anywhere."""
    url = "https://127.0.0.1/icon.png" if trouble == "refused" else ICON
    if trouble == "long":
        world.fetcher.serve(ICON, b"x" * (limits.CALLER_DATA_BYTES + 1))
    elif trouble != "refused":
        getattr(world.fetcher, trouble)(ICON)
    rcd = claimed({"icn": url}, {"/icn": digest(b"icon")})
    assert rcd == await verify_external(rcd, world.fetcher)
    assert ["/icn"] == rcd.as_dict()["unverified"]


async def test_a_card_elsewhere_and_what_is_in_it(world: World) -> None:
    """A digest may name something inside the card: inline, or elsewhere again (RFC 9795, section 6)."""
    card = digest(json.dumps(PICTURED).encode())
    for rcdi, good in (
        ({"/jcl": card, "/jcl/1/1/3": digest(b"photo")}, True),
        ({"/jcl": card, "/jcl/1/1/3": digest(b"photo"), "/jcl/1/0/3": digest(b'"Q"')}, True),
        ({"/jcl": card, "/jcl/1/1/3": digest(b"other")}, False),
        ({"/jcl": card, "/jcl/1/1/3": digest(b"photo"), "/jcl/1/0/3": digest(b"R")}, False),
        ({"/jcl": card, "/jcl/1/1/3": digest(b"photo"), "/jcl/1/9/3": digest(b"R")}, False),
        ({"/jcl": digest(b"other"), "/jcl/1/1/3": digest(b"photo")}, False),
        ({"/jcl/1/1/3": digest(b"photo"), "/jcl": digest(b"other")}, False),
        ({"/jcl": card}, False),
    ):
        found = await verify_external(claimed({"jcl": CARD}, rcdi), world.fetcher)
        assert (() if good else ("jcl",)) == found.withheld
        assert () == found.references
    assert 4 == world.fetcher.fetches[PHOTO]


async def test_a_card_without_content_elsewhere_needs_its_own_digest_only(world: World) -> None:
    """Links to visit, such as url, are no content that is shown."""
    content = json.dumps(JCARD).encode()
    world.fetcher.serve(CARD, content)
    found = await verify_external(claimed({"jcl": CARD}, {"/jcl": digest(content)}), world.fetcher)
    assert {"nam": "Q", "jcl": CARD} == found.members


@pytest.mark.parametrize("content", [b"", b"[", b"\xff", b'[],"x":1', b'[],"jcl":[]', b"[" * 99_999, b"[1e999]"])
async def test_a_card_that_is_no_json_is_withheld(world: World, content: bytes) -> None:
    """A digest that fits does not make a card of it."""
    world.fetcher.serve(CARD, content)
    found = await verify_external(claimed({"jcl": CARD}, {"/jcl": digest(content)}), world.fetcher)
    assert ("jcl",) == found.withheld


@pytest.mark.clause("passport-4.4-external")
async def test_no_more_is_fetched_than_the_limit(world: World) -> None:
    """One PASSporT cannot make us fetch without end; what is past the limit stays unverified."""
    urls = [f"https://example.com/{place}" for place in range(limits.CALLER_DATA_FETCHES + 2)]
    for url in urls:
        world.fetcher.serve(url, b"photo")
    card = ["vcard", [["photo", {}, "uri", url] for url in urls]]
    rcdi = {f"/jcd/1/{place}/3": digest(b"photo") for place in range(len(urls))}
    found = await verify_external(claimed({"jcd": card}, rcdi), world.fetcher)

    assert limits.CALLER_DATA_FETCHES == sum(world.fetcher.fetches[url] for url in urls)
    assert ["/jcd/1/8/3", "/jcd/1/9/3"] == found.as_dict()["unverified"]


@pytest.mark.clause("passport-4.4-external")
async def test_nothing_is_fetched_in_the_call_path(world: World) -> None:
    """A verdict names what is elsewhere; whether it is fetched is decided by whoever shows it."""
    sp = world.service_provider("709J")
    value = sp.rcd(
        orig="12155550100",
        dest="12155551212",
        rcd={"nam": "Q", "icn": ICON},
        claims={"rcdi": {"/icn": digest(b"icon")}},
    )
    verdict = await world.assess(value)

    assert 0 == world.fetcher.fetches[ICON]
    assert verdict.rcd is not None
    assert ["/icn"] == verdict.rcd.as_dict()["unverified"]
    assert () == (await verify_external(verdict.rcd, world.fetcher)).references
