"""``cps-client verify`` with --profile and --explain: other codes, and every step."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cps_client.cli import app
from cps_client.commands.sources import FixedChain, RememberedChains
from cps_client.commands.steps import WIDTH
from stir.certificate import load_chain
from stir.testing import ServiceProvider, World

ORIG, DEST, TARGET = "12155550100", "12155551212", "12155550177"
Verify = Callable[..., Result]


@pytest.fixture(scope="module")
def world() -> World:
    """A world whose clock stands still."""
    return World()


@pytest.fixture(scope="module")
def sp(world: World) -> ServiceProvider:
    """A provider in good standing."""
    return world.service_provider("709J")


@pytest.fixture
def verify(world: World, sp: ServiceProvider, tmp_path: Path) -> Verify:
    """Verify offline at the world's time."""
    files = {"chain": sp.chain_pem, "anchors": world.anchors_pem, "crl": world.crl.der()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    given = [part for name in files for part in (f"--{name}", str(tmp_path / name))]

    def invoke(*identities: str, dest: str = DEST, options: tuple[str, ...] = ()) -> Result:
        values = [part for value in identities for part in ("--identity", value)]
        at = f"{world.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        call = ["verify", "--orig", ORIG, "--dest", dest, "--at", at]
        return CliRunner().invoke(app, [*call, *given, *values, *options])

    return invoke


def test_the_profile_gives_the_codes(verify: Verify, sp: ServiceProvider) -> None:
    """Asterisk answers 438 where the ATIS table has 437, and says Failed of another call only where asked to."""
    wrong_typ = sp.identity(sp.passport(orig=ORIG, dest=DEST, header={"typ": "JWT"}))
    other = sp.sign(orig=ORIG, dest=TARGET)
    for value, profile, expected in (
        (wrong_typ, "atis", ("E11", 437, "No-TN-Validation")),
        (wrong_typ, "asterisk", ("E11", 438, "No-TN-Validation")),
        (other, "atis", ("E16", 438, "No-TN-Validation")),
        (other, "atis-mismatch-failed", ("E16", 438, "TN-Validation-Failed")),
    ):
        result = verify(value, options=("--json", "--profile", profile))
        shown = json.loads(result.stdout)
        assert expected == (shown["case"], shown["code"], shown["verstat"])
        assert 1 == result.exit_code


def test_an_unknown_profile_is_refused(verify: Verify) -> None:
    """The complaint names those that there are."""
    result = verify("x", options=("--profile", "freeswitch"))
    assert 2 == result.exit_code
    assert "--profile is one of atis, atis-mismatch-failed, asterisk" in result.stderr


def test_every_step_is_printed(verify: Verify, sp: ServiceProvider) -> None:
    """The checklist is numbered, says what was compared with what, and ends where the verifier ended."""
    forged = sp.sign(orig=ORIG, dest=DEST, signature="other-key")
    result = verify(
        forged, sp.identity(sp.div(orig=ORIG, dest=TARGET, div=DEST), ppt="div"), dest=TARGET, options=("--explain",)
    )
    lines = result.stdout.splitlines()

    assert 1 == result.exit_code
    assert "PASSporT 1: shaken, E18, stopped at step 25, signature" in lines
    assert "PASSporT 2: div, ok, went through all steps" in lines
    assert (
        " 14  passed      call               RFC 8224, section 6.2; RFC 8946, section 4.2; ATIS-1000074, E16" in lines
    )
    assert f"     sent on from {DEST} to {TARGET}" in lines
    assert " 25  FAILED      signature          RFC 8225, section 6; RFC 7518, section 3.4; ATIS-1000074, E18" in lines
    assert "     => the signature was not made by this key over these bytes" in lines
    assert " 26  not reached attestation        RFC 8588, section 4; ATIS-1000074, E19" in lines
    assert max(map(len, lines)) <= WIDTH
    assert "\x1b" not in result.stdout
    assert not any(line != line.rstrip() for line in lines)


def test_the_steps_are_json_too(verify: Verify, sp: ServiceProvider) -> None:
    """With --json the verdict has steps, a list for each PASSporT."""
    passed = json.loads(verify(sp.sign(orig=ORIG, dest=DEST), options=("--explain", "--json")).stdout)
    plain = json.loads(verify(sp.sign(orig=ORIG, dest=DEST), options=("--json",)).stdout)

    assert {"steps"} == passed.keys() - plain.keys()
    (explanation,) = passed["steps"]
    assert "ok" == explanation["case"]
    assert list(range(1, 28)) == [step["number"] for step in explanation["steps"]]
    assert {"passed", "not needed"} == {step["outcome"] for step in explanation["steps"]}
    assert "trusted roots: 1" == explanation["steps"][14]["compared"]


def test_a_terminal_cannot_be_moved_by_what_is_explained(verify: Verify, sp: ServiceProvider) -> None:
    """Values of strangers are printed without control characters."""
    nasty = sp.identity(sp.passport(orig=ORIG, dest=DEST, attest="A\x1b[2J\r\nx"))
    result = verify(nasty, options=("--explain",))

    assert 1 == result.exit_code
    assert not any(character in result.stdout for character in "\x1b\r")


def test_what_may_be_shown_and_priority_are_told(verify: Verify, sp: ServiceProvider) -> None:
    """The verdict for people has what else the PASSporTs vouch for."""
    result = verify(
        sp.sign(orig=ORIG, dest=DEST),
        sp.identity(sp.rph(orig=ORIG, dest=DEST, auth=["ets.0"]), ppt="rph"),
        sp.identity(sp.rcd(orig=ORIG, dest=DEST, rcd={"nam": "Alice"}), ppt="rcd"),
    )
    assert 0 == result.exit_code
    assert "priority     RPH-Validation-Passed ets.0" in result.stdout
    assert "to show      nam: Alice" in result.stdout
    assert "revocation   checked" in result.stdout


async def test_chains_that_were_given_out_are_remembered(sp: ServiceProvider) -> None:
    """The last chain of each URL is at hand for whoever explains the verdict."""
    chain = load_chain(sp.chain_pem)
    remembered = RememberedChains(FixedChain(chain))

    assert chain is await remembered.chain("https://a.example/1.pem")
    assert chain is await remembered.refetch("https://a.example/2.pem", chain)
    assert {"https://a.example/1.pem", "https://a.example/2.pem"} == remembered.given.keys()
