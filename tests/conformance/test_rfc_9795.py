"""RFC 9795: rich call data, on whole verdicts."""

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256

import pytest

from stir.testing import ServiceProvider, World

CALLER, CALLED = "12155550100", "12155551212"
ICON = "https://example.com/icon.png"


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """Return a provider in good standing."""
    return world.service_provider("709J")


async def judged(world: World, sp: ServiceProvider, rcd: dict[str, object], **claims: object) -> dict:
    """Return the verdict on a call with a shaken and an rcd PASSporT."""
    shaken = sp.passport(orig=CALLER, dest=CALLED)
    return (
        await world.assess(shaken, sp.rcd(orig=CALLER, dest=CALLED, rcd=rcd, claims=claims), orig=CALLER, dest=CALLED)
    ).as_dict()


def digest(content: bytes) -> str:
    """Return a member of rcdi over *content*."""
    return f"sha256-{b64encode(sha256(content).digest()).decode()}"


@pytest.mark.clause("passport-4.4-nam")
@pytest.mark.parametrize(
    ("rcd", "case"), [({"nam": ""}, "ok"), ({}, "E14"), ({"nam": 1}, "E14"), ({"apn": "1"}, "E14")]
)
async def test_section_5_nam_is_there_and_may_be_empty(
    world: World, sp: ServiceProvider, rcd: dict[str, object], case: str
) -> None:
    """An rcd has nam, a string; without it the PASSporT is E14, and the number passes all the same."""
    shown = await judged(world, sp, rcd)

    assert case == shown["passports"][1]["case"]
    assert "ok" == shown["case"]


@pytest.mark.clause("passport-4.4-members")
@pytest.mark.parametrize(
    "member",
    [{"apn": 1}, {"icn": []}, {"jcd": "x"}, {"jcl": {}}, {"jcd": ["vcard", []], "jcl": "https://example.com/j"}],
)
async def test_section_5_members_have_their_types(world: World, sp: ServiceProvider, member: dict[str, object]) -> None:
    """A member of another type is E14, and so are jcd and jcl together."""
    shown = await judged(world, sp, {"nam": "Example", **member})

    assert ("E14", None) == (shown["passports"][1]["case"], shown["rcd"])


@pytest.mark.clause("passport-4.4-crn")
async def test_section_5_crn_is_a_string(world: World, sp: ServiceProvider) -> None:
    """The reason of a call is a string beside rcd."""
    assert "Delivery" == (await judged(world, sp, {"nam": "Example"}, crn="Delivery"))["rcd"]["crn"]
    assert "E14" == (await judged(world, sp, {"nam": "Example"}, crn=1))["passports"][1]["case"]


@pytest.mark.clause("passport-4.4-rcdi", "passport-4.4-failure", "passport-4.4-digest")
async def test_section_6_a_digest_that_does_not_fit_hides_what_it_is_about(world: World, sp: ServiceProvider) -> None:
    """A value whose digest over its deterministic serialization fits is shown; another is withheld, and it alone."""
    card = ["vcard", [["fn", {}, "text", "Example"]]]
    right = digest(b'["vcard",[["fn",{},"text","Example"]]]')
    good = await judged(world, sp, {"nam": "Example", "jcd": card}, rcdi={"/jcd": right})
    bad = await judged(world, sp, {"nam": "Example", "jcd": card}, rcdi={"/jcd": digest(b"other")})

    assert (card, []) == (good["rcd"]["jcd"], good["rcd"]["withheld"])
    assert (None, "Example", ["jcd"]) == (bad["rcd"]["jcd"], bad["rcd"]["nam"], bad["rcd"]["withheld"])
    assert ("ok", "ok") == (bad["case"], bad["passports"][1]["case"])


@pytest.mark.clause("passport-4.4-base64")
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["=", ""])
async def test_section_6_digests_are_read_in_both_alphabets(
    world: World, sp: ServiceProvider, encode: object, padding: str
) -> None:
    """Standard base64 and base64url, padded or not: signers in the field differ."""
    text = next(
        name for name in (f"Example {n}" for n in range(99)) if b"/" in b64encode(sha256(name.encode()).digest())
    )
    value = f"sha256-{encode(sha256(text.encode()).digest()).decode().rstrip('=')}{padding}"
    shown = await judged(world, sp, {"nam": text}, rcdi={"/nam": value})

    assert (text, []) == (shown["rcd"]["nam"], shown["rcd"]["withheld"])


@pytest.mark.clause("passport-4.4-external")
async def test_section_6_content_elsewhere_needs_a_digest_and_is_not_fetched(world: World, sp: ServiceProvider) -> None:
    """An icon without digest is withheld; with one it is told as unverified, and no call waits for it."""
    bare = await judged(world, sp, {"nam": "Example", "icn": ICON})
    held = await judged(world, sp, {"nam": "Example", "icn": ICON}, rcdi={"/icn": digest(b"png")})

    assert (None, ["icn"]) == (bare["rcd"]["icn"], bare["rcd"]["withheld"])
    assert (ICON, ["/icn"]) == (held["rcd"]["icn"], held["rcd"]["unverified"])
    assert 0 == world.fetcher.fetches[ICON]


@pytest.mark.clause("passport-4.4-additive")
async def test_section_8_other_types_may_carry_it(world: World, sp: ServiceProvider) -> None:
    """A shaken PASSporT may have rcd too: it is shown when the call passes, and not when it does not."""
    claims = {"rcd": {"nam": "Example"}, "crn": "Delivery"}
    good = sp.passport(orig=CALLER, dest=CALLED, claims=claims)
    forged = sp.passport(orig=CALLER, dest=CALLED, claims=claims, signature="other-key")

    shown = (await world.assess(good, orig=CALLER, dest=CALLED)).as_dict()["rcd"]
    assert ("Example", "Delivery") == (shown["nam"], shown["crn"])
    assert (await world.assess(forged, orig=CALLER, dest=CALLED)).as_dict()["rcd"] is None
