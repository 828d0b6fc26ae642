"""The table of outcomes of ATIS-1000074 and ATIS-1000082, a test a row, and the order of its rows."""

from datetime import timedelta
from typing import Any

import pytest

from stir.policy import Policy
from stir.testing import ABSENT, ServiceProvider, World
from stir.verdict import Verdict

ORIG, DEST = "12155550100", "12155551212"
INVALID = (438, "Invalid Identity Header", "No-TN-Validation")
BAD_INFO = (436, "Bad identity Info", "No-TN-Validation")
CREDENTIAL = (437, "Unsupported credential", "No-TN-Validation")
STALE = (403, "Stale Date", "No-TN-Validation")


@pytest.fixture(scope="module")
def world() -> World:
    """Return a world whose clock stands still."""
    return World()


@pytest.fixture(scope="module")
def sp(world: World) -> ServiceProvider:
    """Return a provider in good standing."""
    return world.service_provider("709J")


def passport(sp: ServiceProvider, header: dict[str, object] | None = None, **claims: object) -> str:
    """Return a PASSporT for the call, with overrides."""
    return sp.passport(orig=ORIG, dest=DEST, header=header, claims=claims)


def signed(sp: ServiceProvider, header: dict[str, object] | None = None, **claims: object) -> str:
    """Return its Identity header field value."""
    return sp.identity(passport(sp, header, **claims))


def assert_case(verdict: Verdict, case: str, outcome: tuple[int | None, str | None, str]) -> None:
    """Check a verdict against a row of the table; what was not verified is not handed out."""
    shown = verdict.as_dict()
    assert (case, *outcome) == (shown["case"], shown["code"], shown["reason"], shown["verstat"])
    assert [None] * 3 == [shown["attest"], shown["origid"], shown["spc"]]
    assert verdict.decisive.detail


@pytest.mark.clause("passport-8-ok", "passport-9-values")
async def test_ok_all_good(world: World, sp: ServiceProvider) -> None:
    """All is good: TN-Validation-Passed, no code, and the attestation is handed out; alone or in its header field."""
    for value in (signed(sp), passport(sp)):
        shown = (await world.assess(value, orig=ORIG, dest=DEST)).as_dict()
        assert ("ok", None, None, "TN-Validation-Passed") == tuple(
            shown[n] for n in ("case", "code", "reason", "verstat")
        )
        assert ("A", "709J", sp.x5u) == (shown["attest"], shown["spc"], shown["x5u"])


@pytest.mark.clause("passport-1.5-shaken", "passport-8-e4", "passport-9-values", "pki-t3-oddities")
@pytest.mark.parametrize("form", ["compact", "no-signature", "padded", "garbage"])
async def test_e4_not_the_full_form(world: World, sp: ServiceProvider, form: str) -> None:
    """The PASSporT is in compact form, or in none."""
    full = passport(sp)
    token = {
        "compact": ".." + full.rpartition(".")[2],
        "no-signature": full.rpartition(".")[0],
        "padded": full + "==",
        "garbage": "hello",
    }[form]
    for value in (token, sp.identity(token)):
        assert_case(await world.assess(value), "E4", INVALID)


@pytest.mark.clause("passport-8-e4")
@pytest.mark.parametrize("value", [";;", "a.b.c;", "a.b.c;info=<x>;info=<x>", "é;info=<x>"])
async def test_e4_not_an_identity_header(world: World, value: str) -> None:
    """A value that is no Identity header field value at all."""
    assert_case(await world.assess(value), "E4", INVALID)


@pytest.mark.clause("passport-8-e5")
async def test_e5_identity_ppt_is_not_judged(world: World, sp: ServiceProvider) -> None:
    """The Identity header's ppt is present and of no type that is judged, whatever the token says."""
    for header in ({}, {"ppt": "msg"}):
        assert_case(await world.assess(sp.identity(passport(sp, header), ppt="msg")), "E5", INVALID)


@pytest.mark.clause("passport-8-e5")
async def test_e5_identity_ppt_is_not_shaken_where_only_shaken_is_judged(world: World, sp: ServiceProvider) -> None:
    """Where the owner has nothing but shaken judged, the row is as ATIS-1000074 prints it."""
    only = Policy(types=frozenset({"shaken"}))
    value = sp.identity(sp.div(orig=ORIG, dest=DEST, div="12155550199"), ppt="div")
    assert_case(await world.assess(value, policy=only), "E5", INVALID)


@pytest.mark.clause("passport-2-alg")
async def test_e5_absent_identity_ppt_is_no_failure(world: World, sp: ServiceProvider) -> None:
    """The ppt parameter is optional: the token's ppt decides."""
    assert (await world.assess(f"{passport(sp)};info=<{sp.x5u}>")).passed


@pytest.mark.clause("passport-2-info", "passport-8-e6")
async def test_e6_info_is_missing(world: World, sp: ServiceProvider) -> None:
    """There is no info parameter."""
    assert_case(await world.assess(f"{passport(sp)};alg=ES256;ppt=shaken"), "E6", BAD_INFO)


@pytest.mark.clause("passport-5-https", "passport-8-e7")
@pytest.mark.parametrize(
    "url",
    [
        "http://cr.example.net/1.pem",
        "https://cr.example.net:8080/1.pem",
        "https://cr.example.net/1.pem?x=1",
        "https://user@cr.example.net/1.pem",
        "https://127.0.0.1/1.pem",
        "https://[::1]/1.pem",
        "/1.pem",
        "urn:x",
    ],
)
async def test_e7_info_is_invalid(world: World, sp: ServiceProvider, url: str) -> None:
    """The info URI is none that is ever fetched; out of band, x5u is judged in its place."""
    token = passport(sp, {"x5u": url})
    for value in (token, sp.identity(token, info=url)):
        assert_case(await world.assess(value), "E7", BAD_INFO)


@pytest.mark.clause("passport-2-info", "passport-8-e7")
async def test_e7_info_without_angle_brackets(world: World, sp: ServiceProvider) -> None:
    """The info is not a URI in angle brackets."""
    assert_case(await world.assess(f"{passport(sp)};info={sp.x5u};ppt=shaken"), "E7", BAD_INFO)


@pytest.mark.clause("passport-3-436", "passport-5-436", "passport-8-e8")
@pytest.mark.parametrize("trouble", ["down", "fail"])
async def test_e8_info_cannot_be_dereferenced(world: World, trouble: str) -> None:
    """Nobody answers at the URL, or answers an error."""
    sp = world.service_provider("709J")
    getattr(world.fetcher, trouble)(sp.x5u)
    assert_case(await world.assess(signed(sp)), "E8", BAD_INFO)


@pytest.mark.clause("passport-1.1-x5u", "passport-4.1-header", "passport-8-e9")
@pytest.mark.parametrize("name", ["ppt", "typ", "x5u", "alg"])
async def test_e9_header_parameter_is_missing(world: World, sp: ServiceProvider, name: str) -> None:
    """The token's header lacks ppt, typ, x5u or alg."""
    assert_case(await world.assess(signed(sp, {name: ABSENT})), "E9", BAD_INFO)


@pytest.mark.clause("passport-2-info-x5u", "passport-8-e10")
async def test_e10_x5u_is_not_info(world: World, sp: ServiceProvider) -> None:
    """The info and x5u name different certificates, even if both are good."""
    other = world.service_provider("1234")
    assert_case(await world.assess(sp.identity(passport(sp), info=other.x5u)), "E10", BAD_INFO)


@pytest.mark.clause("passport-1.1-typ", "passport-8-e11")
async def test_e11_typ_is_not_passport(world: World, sp: ServiceProvider) -> None:
    """The typ is something else than passport."""
    assert_case(await world.assess(signed(sp, {"typ": "JWT"})), "E11", CREDENTIAL)


@pytest.mark.clause("passport-1.1-alg", "passport-2-alg-agrees", "passport-8-e12")
@pytest.mark.parametrize("alg", ["none", "HS256", "RS256", "ES384", "es256"])
async def test_e12_alg_is_not_es256(world: World, sp: ServiceProvider, alg: str) -> None:
    """The alg is something else than ES256, in the token or in the header field."""
    assert_case(await world.assess(signed(sp, {"alg": alg})), "E12", CREDENTIAL)
    assert_case(await world.assess(sp.identity(passport(sp), alg=alg)), "E12", CREDENTIAL)


@pytest.mark.clause("passport-1.1-ppt", "passport-8-e13")
async def test_e13_token_ppt_is_not_judged(world: World, sp: ServiceProvider) -> None:
    """The token is of no type that is judged; alone, too."""
    for ppt in ("msg", "rsp", "vendor", "base", "Shaken"):
        for value in (passport(sp, {"ppt": ppt}), sp.identity(passport(sp, {"ppt": ppt}), ppt=None)):
            assert_case(await world.assess(value), "E13", INVALID)


@pytest.mark.clause("passport-2-ppt-agrees", "passport-8-e13")
async def test_e13_token_ppt_is_not_that_of_its_header_field(world: World, sp: ServiceProvider) -> None:
    """The token is of a type that is judged, and its header field names another (RFC 8224, section 4)."""
    assert_case(await world.assess(sp.identity(passport(sp), ppt="div")), "E13", INVALID)
    div = sp.identity(sp.div(orig=ORIG, dest=DEST, div="12155550199"), ppt="shaken")
    assert_case(await world.assess(div), "E13", INVALID)


@pytest.mark.clause("passport-4.1-claims", "passport-4.1-origid", "passport-8-e14", "pki-t3-oddities")
@pytest.mark.parametrize("name", ["dest", "orig", "attest", "origid", "iat"])
@pytest.mark.parametrize("value", [ABSENT, None, [], {}])
async def test_e14_claim_is_missing(world: World, sp: ServiceProvider, name: str, value: object) -> None:
    """A claim is missing or of a type in which it cannot be read."""
    assert_case(await world.assess(signed(sp, None, **{name: value})), "E14", INVALID)


@pytest.mark.clause("passport-2.3-iat", "passport-2.3-403", "passport-3-403", "passport-8-e15")
@pytest.mark.parametrize("away", [-61, 61, -86_400])
async def test_e15_iat_is_not_fresh(world: World, sp: ServiceProvider, away: int) -> None:
    """The iat lies more than 60 seconds from now."""
    assert_case(await world.assess(signed(sp, None, iat=world.clock.timestamp() + away)), "E15", STALE)


@pytest.mark.clause("passport-2.2-orig", "passport-2.2-dest", "passport-3-438", "passport-8-e16")
@pytest.mark.parametrize(
    ("orig", "dest"), [("12155550101", DEST), (ORIG, "12155551213"), (DEST, ORIG), ("sip:a@b", DEST)]
)
async def test_e16_claims_differ_from_the_call(world: World, sp: ServiceProvider, orig: str, dest: str) -> None:
    """The orig or dest are not those of the request."""
    assert_case(await world.assess(signed(sp), orig=orig, dest=dest), "E16", INVALID)


@pytest.mark.clause("passport-2.2-any", "passport-3-parties")
async def test_e16_one_of_several_destinations_is_enough(world: World, sp: ServiceProvider) -> None:
    """A dest may hold more numbers than the one that was called."""
    assert (
        await world.assess(sp.sign(orig=ORIG, dest=["12155559999", DEST]), orig=ORIG, dest="+1 (215) 555-1212")
    ).passed


@pytest.mark.clause("passport-3-437", "passport-6-anchor", "passport-6-437", "passport-8-e17", "passport-9-values")
async def test_e17_ca_is_not_trusted(world: World) -> None:
    """The chain leads to a CA that is not on the list, or to none, or was outside its validity."""
    year = timedelta(days=365)
    for sp in (
        world.service_provider("709J", issuer=world.authority("Rogue", trusted=False)),
        world.service_provider("709J", self_signed=True),
        world.service_provider("709J", validity=(-2 * year, -year)),
        world.service_provider("709J", validity=(year, 2 * year)),
        world.service_provider("709J", validity=(timedelta(0), year)),
        world.service_provider("709J", key_curve="P-384"),
        world.service_provider("709J", chain="public-key"),
    ):
        verdict = await world.assess(signed(sp, None, iat=world.clock.timestamp() - 30))
        assert_case(verdict, "E17", (437, "Unsupported credential", "TN-Validation-Failed"))


@pytest.mark.clause("passport-6-revoked", "passport-8-e17")
async def test_e17_certificate_is_revoked() -> None:
    """The leaf is on the policy administrator's CRL."""
    world = World()
    sp = world.service_provider("709J")
    world.crl.revoke(sp.leaf)
    assert_case(await world.assess(signed(sp)), "E17", (437, "Unsupported credential", "TN-Validation-Failed"))


@pytest.mark.clause("passport-1.4-raw", "passport-3-438", "passport-8-e18", "pki-t3-der")
@pytest.mark.parametrize("kind", ["der", "other-key", "tampered", "zero", "short", "long"])
async def test_e18_signature_is_bad(world: World, sp: ServiceProvider, kind: Any) -> None:
    """The signature is not by the certificate's key over these bytes, or of another form."""
    verdict = await world.assess(sp.sign(orig=ORIG, dest=DEST, signature=kind))
    assert_case(verdict, "E18", (438, "Invalid Identity Header", "TN-Validation-Failed"))


@pytest.mark.clause("passport-4.1-attest", "passport-8-e19")
@pytest.mark.parametrize("attest", ["D", "a", "AA", "full"])
async def test_e19_attest_is_not_a_b_or_c(world: World, sp: ServiceProvider, attest: str) -> None:
    """The attest is a string, and none of the three."""
    assert_case(await world.assess(signed(sp, None, attest=attest)), "E19", INVALID)


DEFECTS: list[tuple[str, dict[str, object]]] = [
    ("E4", {"compact": True}),
    ("E5", {"parameter": "msg"}),
    ("E6", {"info": None}),
    ("E7", {"info": "http://cr.example.net/1.pem"}),
    ("E9", {"ppt": ABSENT}),
    ("E10", {"info": "https://cr.example.net/another.pem"}),
    ("E11", {"typ": "JWT"}),
    ("E12", {"alg": "none"}),
    ("E13", {"ppt": "msg"}),
    ("E14", {"origid": ABSENT}),
    ("E15", {"iat": 1}),
    ("E16", {"orig": {"tn": "1"}}),
    ("E8", {"down": True}),
    ("E17", {"rogue": True}),
    ("E18", {"signature": "other-key"}),
    ("E19", {"attest": "D"}),
]


@pytest.mark.clause("passport-8-order")
@pytest.mark.parametrize("first", range(len(DEFECTS)), ids=[case for case, _ in DEFECTS])
async def test_the_order_of_the_rows_is_the_order_of_the_checks(first: int) -> None:
    """
    A PASSporT with the defect of one row and of all rows below it is told the first.

    E8 comes after E16: nothing is fetched for a PASSporT that is refused anyway.
    """
    has: dict[str, Any] = {}
    for _, defect in reversed(DEFECTS[first:]):
        has |= defect
    world = World()
    sp = world.service_provider("709J", issuer=world.authority("Rogue", trusted="rogue" not in has))
    if "down" in has:
        world.fetcher.down(sp.x5u)
    token = sp.passport(
        orig=ORIG,
        dest=DEST,
        header={name: has[name] for name in ("typ", "alg", "ppt") if name in has},
        claims={name: has[name] for name in ("origid", "iat", "orig", "attest") if name in has},
        signature=has.get("signature", "raw"),
    )
    token = f"..{token.rpartition('.')[2]}" if "compact" in has else token
    info = has.get("info", sp.x5u)
    value = f"{token};ppt={has.get('parameter', 'shaken')};alg={has.get('alg', 'ES256')}"
    verdict = await world.assess(f"{value};info=<{info}>" if info else value)

    assert DEFECTS[first][0] == verdict.as_dict()["case"]


@pytest.mark.clause("passport-8-order")
async def test_the_last_rows_are_in_order_too(world: World, sp: ServiceProvider) -> None:
    """With a trusted certificate the signature comes before attest (E18 before E19)."""
    assert_case(
        await world.assess(sp.sign(orig=ORIG, dest=DEST, attest="D", signature="other-key")),
        "E18",
        (438, "Invalid Identity Header", "TN-Validation-Failed"),
    )
    assert_case(await world.assess(sp.sign(orig=ORIG, dest=DEST, attest="D")), "E19", INVALID)


@pytest.mark.clause("passport-8-e8-late")
async def test_nothing_is_fetched_for_a_passport_that_is_refused_anyway(world: World) -> None:
    """A stranger's URL is only fetched once everything else about the PASSporT is in order."""
    sp = world.service_provider("709J")
    for value in (
        signed(sp, {"typ": "JWT"}),
        signed(sp, {"ppt": "msg"}),
        signed(sp, None, iat=1),
        signed(sp, None, orig={"tn": "1"}),
        sp.identity(passport(sp), ppt="msg"),
        sp.rph(orig=ORIG, dest="12155550199", auth=["ets.0"]),
        sp.div(orig=ORIG, dest="12155550199", div=DEST),
    ):
        assert not (await world.assess(value)).passed
    assert 0 == world.fetcher.fetches[sp.x5u]
