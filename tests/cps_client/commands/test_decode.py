"""``cps-client decode``: members as people read them, and findings as a lint tells them."""

import json

import pytest
from typer.testing import CliRunner, Result

from cps_client.cli import app
from stir.testing import ServiceProvider, World

ORIG, DEST, TARGET = "12155550100", "12155551212", "12155550177"


def decode(value: str, *options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["decode", value, *options])


@pytest.fixture(scope="module")
def sp() -> ServiceProvider:
    """A provider."""
    return World().service_provider("709J")


def test_findings_read_like_a_lints(sp: ServiceProvider) -> None:
    """Each says how bad it is, which it is, by which clause, and what to do."""
    result = decode(sp.sign(orig=f"+{ORIG}", dest=DEST, attest="D"))

    assert 0 == result.exit_code
    assert "Findings: errors: 1, warnings: 1" in result.stdout
    assert (
        "  error    ATTEST: attest is none of A, B and C\n           RFC 8588, section 4: write A, B or C"
        in result.stdout
    )
    assert "  warning  TN_LEADING_PLUS: " in result.stdout


def test_nothing_odd_is_said_too(sp: ServiceProvider) -> None:
    """A good one has no findings."""
    assert "Findings: none, nothing is odd" in decode(sp.sign(orig=ORIG, dest=DEST)).stdout


def test_findings_are_json_with_clause_and_advice(sp: ServiceProvider) -> None:
    """The same for scripts."""
    (finding,) = json.loads(decode(sp.sign(orig=ORIG, dest=DEST, attest="D"), "--json").stdout)["findings"]
    assert {
        "code": "ATTEST",
        "severity": "error",
        "detail": "attest is none of A, B and C",
        "clause": "RFC 8588, section 4",
        "advice": "write A, B or C",
    } == finding


@pytest.mark.parametrize(
    ("iat", "at", "expected"),
    [
        (1_772_452_800, "1772452800", "2026-03-02T12:00:00Z, 0 seconds ago"),
        (1_772_452_800, "1772452919", "2026-03-02T12:00:00Z, 119 seconds ago"),
        (1_772_452_800, "1772452920", "2026-03-02T12:00:00Z, 2 minutes ago"),
        (1_772_452_800, "1772452770", "2026-03-02T12:00:00Z, 30 seconds ahead"),
        (1, "1772452800", "1970-01-01T00:00:01Z, 56 years ago"),
    ],
)
def test_times_have_their_age(sp: ServiceProvider, iat: int, at: str, expected: str) -> None:
    """Epoch seconds stand beside UTC and their age, as of --at."""
    shown = decode(sp.passport(orig=ORIG, dest=DEST, claims={"iat": iat}), "--at", at).stdout
    assert f"{iat}  ({expected})" in shown


def test_the_members_of_each_type_are_told_apart(sp: ServiceProvider) -> None:
    """div, rph and rcd are objects, whose members have a line each."""
    div = decode(sp.div(orig=ORIG, dest=TARGET, div=DEST, hi="1.1")).stdout
    assert f"  div.tn   {DEST}\n" in div
    assert "  div.hi   1.1\n" in div
    assert "  rph.auth  ets.0, wps.1\n" in decode(sp.rph(orig=ORIG, dest=DEST, auth=["ets.0", "wps.1"])).stdout
    icon = {"nam": "Alice", "icn": "https://x.example/a.png", "jcd": ["vcard", [["fn", {}, "text", "Alice"]]]}
    rcd = decode(sp.rcd(orig=ORIG, dest=DEST, rcd=icon)).stdout
    assert "rcd.nam          Alice\n" in rcd
    assert 'rcd.jcd          ["vcard", [["fn", {}, "text", "Alice"]]]\n' in rcd
    assert "not to be shown  icn\n" in rcd


def test_the_passport_inside_a_div_o_is_shown(sp: ServiceProvider) -> None:
    """What opt holds is decoded in its turn, with its own findings; the depth is bounded."""
    value = sp.passport(orig=ORIG, dest=DEST, attest="D")
    for _ in range(8):
        value = sp.div_o(orig=ORIG, dest=DEST, div=DEST, opt=value)
        if "5 deep" in (shown := decode(value).stdout):
            break
        assert "ATTEST" in shown
    else:
        pytest.fail("the depth has no bound")
    deeper = decode(sp.div_o(orig=ORIG, dest=DEST, div=DEST, opt=value)).stdout
    assert "PASSporT inside, 5 deep" in deeper
    assert "6 deep" not in deeper
    assert "ATTEST" not in deeper
