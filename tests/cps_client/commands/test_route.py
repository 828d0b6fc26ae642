"""The command that explains a route: what both ends of a trunk compare before the first call."""

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from cps_client.cli import app
from stir.testing import World

TOML = """
cps_urls = ["https://a.example", "https://b.example/cps"]
spc = "709j"

[[trunks]]
name = "pstn-1"
generation = 2
spc = "456b"

[trunks.plan]
country_code = "1"
national_prefix = "1"
national_lengths = [10]

[trunks.signing]
callers = "subscribers"
numbers = ["12155550100..12155550199"]
"""
Explain = Callable[..., Result]


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Explain:
    """Explain a call by these settings, and by what else the environment says."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "client.toml"
    config.write_text(TOML)

    def run(*options: str, orig: str = "2155550100", dest: str = "12155551212", **settings: str) -> Result:
        env = {f"CPS_CLIENT_{name}": value for name, value in settings.items()}
        command = ["route", "explain", "--config", str(config), "--orig", orig, "--dest", dest, *options]
        result = CliRunner().invoke(app, command, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


def read(result: Result, code: int = 0) -> dict:
    """Return the JSON object."""
    assert code == result.exit_code
    return json.loads(result.stdout)


@pytest.mark.clause("oob-5.5-same")
def test_it_tells_where_publish_and_retrieve_go(explain: Explain) -> None:
    """In the second generation the own SPC is in the path of a publish, and the partner's in that of a retrieve."""
    told = read(explain("--trunk", "pstn-1", "--json"))

    assert ("pstn-1", 2, "456B", True, False) == tuple(
        told[name] for name in ("trunk", "generation", "spc", "out_of_band", "emergency")
    )
    assert [
        {
            "url": url,
            "aud": aud,
            "publish": f"{url}/passports/709J/12155551212/12155550100",
            "retrieve": f"{url}/passports/456B/12155551212/12155550100",
        }
        for url, aud in (("https://a.example", "a.example"), ("https://b.example/cps", "b.example"))
    ] == told["cps"]


def test_it_tells_each_step_of_both_numbers(explain: Explain) -> None:
    """Whoever looks for a miss sees which rule made what of a number."""
    told = read(explain("--trunk", "pstn-1", "--json", orig="215-555-0100;noa=national"))

    assert ("215-555-0100;noa=national", "12155550100", None) == tuple(
        told["orig"][name] for name in ("signalled", "canonical", "error")
    )
    assert [("read", "2155550100"), ("country-code", "12155550100")] == [
        (step["rule"], step["result"]) for step in told["orig"]["steps"]
    ]
    assert ["read", "national-prefix", "country-code"] == [step["rule"] for step in told["dest"]["steps"]]
    assert all(step["text"] for step in told["dest"]["steps"])


@pytest.mark.parametrize(
    ("orig", "rule", "attest"), [("2155550100", "number-on-list", "A"), ("2155559999", "other-number", "B")]
)
def test_it_tells_how_the_call_would_be_signed(explain: Explain, orig: str, rule: str, attest: str) -> None:
    """The rule of the decision table that would apply, and the origid by which the trunk is found again."""
    namespace = "4aec94e2-508c-4c1c-907b-3737bac0a80e"
    told = read(explain("--trunk", "pstn-1", "--json", orig=orig, ORIGID_NAMESPACE=namespace))["attestation"]

    assert (rule, attest, 5) == (told["rule"], told["attest"], UUID(told["origid"]).version)
    assert told["why"]


def test_the_origid_is_made_from_the_key_else(explain: Explain, tmp_path: Path) -> None:
    """Without a namespace of its own the origid depends on the private key; without a usable key it is not known."""
    provider = World().service_provider("709J")
    (tmp_path / "key.pem").write_bytes(provider.leaf.key_pem)
    key = {"X5U": provider.x5u, "PRIVATE_KEY": str(tmp_path / "key.pem")}

    def told(**settings: str) -> str | None:
        return read(explain("--json", **settings))["attestation"]["origid"]

    assert told() is None
    assert told(**key | {"PRIVATE_KEY": str(tmp_path / "none")}) is None
    assert 5 == UUID(told(**key)).version
    assert told(**key) != told(ORIGID_NAMESPACE="4aec94e2-508c-4c1c-907b-3737bac0a80e")


def test_people_read_the_same(explain: Explain) -> None:
    """Without --json it is a page: the route, each CPS with its paths, and the steps in words."""
    result = explain("--trunk", "pstn-1", dest="911")

    assert 0 == result.exit_code
    for line in (
        "Route pstn-1",
        "2, partner 456B",
        "signed A (number-on-list)",
        "its publish waits for nothing",
        "https://b.example/cps/passports/456B/911/12155550100",
        "Calling number: 2155550100 → 12155550100",
        "a national number gets the country code",
        "a short code stays as it is",
    ):
        assert line in result.stdout


def test_a_number_that_is_none_is_told(explain: Explain) -> None:
    """Exit code 1: nothing could be published or retrieved, and it says for which number and why."""
    result = explain("--trunk", "pstn-1", orig="anonymous")
    told = read(explain("--trunk", "pstn-1", "--json", orig="anonymous"), code=1)

    assert 1 == result.exit_code
    assert "Calling number: anonymous → no number in full" in result.stdout
    assert "cps-client: the calling number: not a telephone number" in result.stderr
    assert (None, None, "no-caller") == (
        told["orig"]["canonical"],
        told["cps"][0]["publish"],
        told["attestation"]["rule"],
    )


def test_a_uri_cannot_break_the_page(explain: Explain) -> None:
    """Brackets in a URI are no markup, and an IPv6 host is shown as it is."""
    result = explain(dest="sip:a@[2001:db8::1];x=[/bold]")

    assert (0, True) == (result.exit_code, "sip:a@[2001:db8::1]" in result.stdout)


def test_a_route_is_found_by_the_partner(explain: Explain) -> None:
    """The partner's SPC names a route as well as the trunk group does, in either case."""
    assert "pstn-1" == read(explain("--spc", "456b", "--json"))["trunk"]
    assert read(explain("--json"))["trunk"] is None


@pytest.mark.clause("use-2-stable")
def test_a_call_is_traced_back_by_its_origid(explain: Explain, tmp_path: Path) -> None:
    """All routes are listed with their origids, and the one that signs with a certain origid is found by it."""

    def listed(*options: str) -> Result:
        command = ["route", "list", "--config", str(tmp_path / "client.toml"), *options]
        return CliRunner().invoke(app, command, env={"CPS_CLIENT_ORIGID_NAMESPACE": str(UUID(int=1))})

    rows = read(listed("--json"))["routes"]
    told = read(explain("--trunk", "pstn-1", "--json", ORIGID_NAMESPACE=str(UUID(int=1))))
    found = listed("--origid", rows[1]["origid"].upper())

    assert [None, "pstn-1"] == [row["trunk"] for row in rows]
    assert (told["attestation"]["origid"], ["https://a.example", "https://b.example/cps"]) == (
        rows[1]["origid"],
        rows[1]["cps"],
    )
    assert (0, True, False) == (found.exit_code, "Route pstn-1" in found.stdout, "without a trunk" in found.stdout)
    assert [] == read(listed("--origid", str(UUID(int=2)), "--json"), code=1)["routes"]


@pytest.mark.clause("oob-5.5-same")
def test_the_guide_is_true(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the guide to routes tells to configure and to run at both ends gives what it shows, and one path."""
    guide = (Path(__file__).parents[3] / "docs/how-to/routes.md").read_text()
    blocks = {
        kind: re.findall(rf"^```{kind}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL) for kind in ("toml", "sh", "text")
    }
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CPS_CLIENT_ORIGID_NAMESPACE", "9e9b7f5c-6f2e-4f5e-8a0e-0d6a3a1c2b4d")

    printed = []
    for toml, command, text in zip(*blocks.values(), strict=True):
        (tmp_path / "client.toml").write_text(re.sub(r"^(x5u|private_key) = .*\n", "", toml, flags=re.MULTILINE))
        words = shlex.split(command.replace("/etc/cps/client.toml", str(tmp_path / "client.toml")))
        result = CliRunner().invoke(app, words[1:])
        assert (0, True) == (result.exit_code, text in result.stdout)
        printed.append({line.split()[0]: line.split()[1] for line in text.splitlines() if "https" in line})

    assert printed[0]["publish"] == printed[1]["retrieve"]
    assert printed[0]["retrieve"] == printed[1]["publish"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trunk", "other"], "there are pstn-1"),
        (["--spc", "999Z"], "no trunk group has this partner's SPC"),
        (["--spc", "456B", "--trunk", "pstn-1"], "two ways to say the same"),
    ],
)
def test_a_route_that_is_not_there_is_wrong_usage(explain: Explain, options: list[str], said: str) -> None:
    """Exit code 2, and what there is instead."""
    result = explain(*options)

    assert (2, True) == (result.exit_code, said in result.stderr)


def test_what_is_missing_is_told(explain: Explain, tmp_path: Path) -> None:
    """Without an own SPC there is no path in the second generation, and without a CPS there is no route at all."""
    (tmp_path / "client.toml").write_text('generation = 2\ncps_urls = ["https://a.example"]\n')

    assert [None, None] == [read(explain("--json"))["cps"][0][name] for name in ("publish", "retrieve")]

    (tmp_path / "client.toml").write_text("")
    result = explain()
    assert (0, "CPS_CLIENT_CPS_URLS is not set" in result.stderr) == (result.exit_code, True)
