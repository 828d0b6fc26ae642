"""Trunk groups and partners lead to CPSs, a generation, a number plan and a way of signing."""

import os
from pathlib import Path

import pytest

from cps_client.attestation import Callers
from cps_client.errors import UsageError
from cps_client.exchange import Endpoint
from cps_client.numberplan import NumberPlan
from cps_client.routes import Route, Routes
from cps_client.settings import ClientSettings, SettingsError, load
from cps_client.signalled import Nature
from cps_client.trunks import PlanSettings, SigningSettings, TrunkSettings
from stir.tn import Party

A, B = "https://a.example", "https://b.example/cps"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever this machine sets."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)


def routes(*trunks: dict, **settings: object) -> Routes:
    """Return the routes of trunks that are given as a file has them."""
    return Routes.of(ClientSettings(**{"cps_urls": (A,), "attest": "B"} | settings, trunks=trunks))


def test_the_flat_settings_are_the_default_route() -> None:
    """Whoever has one interconnection needs no trunk groups."""
    default = routes(plan={"country_code": "1"}, generation=2, audience="cps").default

    assert Route(None, (Endpoint(A, "cps"),), 2, plan=NumberPlan("1"), policy=default.policy) == default
    assert ("B", None, True) == (default.policy.attest, default.policy.callers, default.policy.signs)


def test_what_a_trunk_does_not_say_is_as_without_one() -> None:
    """CPSs, generation, plan and policy are inherited, each as a whole."""
    found = routes({"name": "x"}, generation=2, plan={"country_code": "1"}, signing={"enabled": False})
    own, default = found.require("x"), found.default

    assert (default.endpoints, default.generation, default.plan) == (own.endpoints, own.generation, own.plan)
    assert (default.policy.signs, default.policy.attest, own.spc) == (own.policy.signs, own.policy.attest, None)


def test_a_trunk_has_its_own() -> None:
    """A trunk group says itself what was agreed with the partner at its other end."""
    trunk = {
        "name": "x",
        "cps_urls": (B, B, A),
        "generation": 2,
        "spc": "456b",
        "out_of_band": False,
        "attest": "A",
        "plan": {"country_code": "49", "nature": "national"},
        "signing": {"callers": "subscribers", "numbers": ("4930123",)},
    }
    own = routes(trunk, audience="cps").require("x")

    assert ((Endpoint(B, "b.example"), Endpoint(A, "a.example")), 2, "456B", False) == (
        own.endpoints,
        own.generation,
        own.spc,
        own.out_of_band,
    )
    assert NumberPlan("49", nature=Nature.NATIONAL) == own.plan
    assert ("A", Callers.SUBSCRIBERS, True) == (
        own.policy.attest,
        own.policy.callers,
        Party.tn("4930123") in own.policy.numbers,
    )


@pytest.mark.parametrize(
    ("trunk", "audience", "expected"),
    [
        ({}, "cps", "cps"),
        ({"cps_urls": (B,)}, "cps", "b.example"),
        ({"cps_urls": (B,), "audience": "own"}, "cps", "own"),
        ({"audience": "own"}, None, "own"),
    ],
)
def test_the_audience_goes_with_the_cps(trunk: dict, audience: str | None, expected: str) -> None:
    """The name that one CPS goes by is not that of another trunk's CPS."""
    assert expected == routes({"name": "x"} | trunk, audience=audience).require("x").endpoints[0].audience


def test_a_trunk_that_is_not_known_is_refused() -> None:
    """A typing mistake in a gateway's configuration is told, with the names there are, and without the one given."""
    with pytest.raises(UsageError, match="there are x, y") as caught:
        routes({"name": "x"}, {"name": "y"}).require("12155550100")

    assert "12155550100" not in caught.value.detail


def test_the_default_may_serve_unknown_trunks() -> None:
    """It does so where the settings say it, and where no trunk group is configured at all."""
    lenient = routes({"name": "x"}, unknown_trunks="default")

    assert lenient.default is lenient.require("y") is lenient.require(None)
    assert (unnamed := routes()).default is unnamed.require("y")
    assert ["x"] == [route.name for route in lenient.all[1:]]


def test_a_partner_is_found_by_its_spc() -> None:
    """The first trunk group agreed with a provider, whatever the case."""
    found = routes({"name": "x", "spc": "456B"}, {"name": "y", "spc": "789C"}, {"name": "z", "spc": "789C"})

    assert ["y", "x"] == [found.of_partner(spc).name for spc in ("789c", "456B")]
    assert found.of_partner("709J") is None


def test_tables_of_a_file_and_a_list_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trunk groups are tables in TOML and a JSON list in the environment, which stands over the file."""
    config = tmp_path / "client.toml"
    config.write_text('[[trunks]]\nname = "x"\n[trunks.plan]\ncountry_code = "1"\n[[trunks]]\nname = "y"\n')

    assert ["x", "y"] == [trunk.name for trunk in load(config).trunks]
    assert ["1", None] == [route.plan.country_code for route in Routes.of(load(config)).all[1:]]

    monkeypatch.setenv("CPS_CLIENT_TRUNKS", '[{"name": "z", "generation": 2}]')
    assert [("z", 2)] == [(trunk.name, trunk.generation) for trunk in load(config).trunks]


@pytest.mark.parametrize(
    ("trunks", "said"),
    [
        ('[{"name": "x"}, {"name": "x"}]', "twice"),
        ("[{}]", "(0.name): Field required"),
        ('[{"name": "a b"}]', "(0.name)"),
        ('[{"name": "x", "cps_url": []}]', "(0): cps_url is not a setting here; did you mean cps_urls?"),
        ('[{"name": "x", "plan": {"contry_code": "1"}}]', "did you mean country_code?"),
        ('[{"name": "x", "cps_urls": []}]', "(0.cps_urls)"),
        ('[{"name": "x", "cps_urls": ["http://a.example"]}]', "https://"),
        ('[{"name": "x", "generation": true}]', "(0.generation): Input should be 1 or 2"),
        ('[{"name": "x", "plan": {"national_prefix": "0"}}]', "country_code is missing"),
        ('[{"name": "x", "plan": {"country_code": "049"}}]', "country_code"),
        ('[{"name": "x", "signing": {"numbers": ["1"]}}]', "numbers are for callers = subscribers"),
        ('[{"name": "x", "signing": {"callers": "us"}}]', "callers"),
        ('{"name": "x"}', "must be a JSON list"),
    ],
)
def test_mistakes_name_the_trunk(trunks: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake is told at the start, with its place."""
    monkeypatch.setenv("CPS_CLIENT_TRUNKS", trunks)

    with pytest.raises(SettingsError) as caught:
        load()

    assert caught.value.detail.startswith("CPS_CLIENT_TRUNKS")
    assert said in caught.value.detail


def test_a_list_of_numbers_is_read_at_the_start(tmp_path: Path) -> None:
    """A file that cannot be used is told before the first call."""
    with pytest.raises(SettingsError, match="cannot be read"):
        routes({"name": "x", "signing": {"callers": "subscribers", "numbers_file": tmp_path / "none"}})


@pytest.mark.parametrize("model", [TrunkSettings, PlanSettings, SigningSettings])
def test_every_key_of_a_trunk_is_described(model: type) -> None:
    """The reference of the keys is made from the descriptions."""
    assert [] == [name for name, info in model.model_fields.items() if not info.description]
