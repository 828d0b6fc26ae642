"""What an operator of the gateway side may set, and how mistakes are told."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from cps_client.settings import PREFIX, SettingsError, effective, known, load


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever this machine sets."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)


HELD_FIXED = {
    "CPS_CLIENT_CONFIG": "",
    "CPS_CLIENT_CPS_URLS": "[]",
    "CPS_CLIENT_AUDIENCE": "",
    "CPS_CLIENT_CPS_TLS_CA_FILE": "",
    "CPS_CLIENT_GENERATION": "1",
    "CPS_CLIENT_SPC": "",
    "CPS_CLIENT_X5U": "",
    "CPS_CLIENT_PRIVATE_KEY": "",
    "CPS_CLIENT_ATTEST": "C",
    "CPS_CLIENT_LIFETIME": "15.0",
    "CPS_CLIENT_PUBLISH_BUDGET": "1.0",
    "CPS_CLIENT_RETRIEVE_BUDGET": "0.5",
    "CPS_CLIENT_HEDGE_AFTER": "0.3",
    "CPS_CLIENT_HEADERS__HOST": "",
    "CPS_CLIENT_HEADERS__SUFFIX": "False",
    "CPS_CLIENT_HEADERS__VENDOR_NAMES": "False",
    "CPS_CLIENT_HEADERS__PROFILE": "atis",
    "CPS_CLIENT_HEADERS__PPI": "compact",
    "CPS_CLIENT_FRESHNESS": "60.0",
    "CPS_CLIENT_TRUNKS": "[]",
    "CPS_CLIENT_UNKNOWN_TRUNKS": "refuse",
    "CPS_CLIENT_TRUST__ANCHORS": "",
    "CPS_CLIENT_TRUST__CA_LIST_URL": "",
    "CPS_CLIENT_TRUST__CRL_URL": "",
    "CPS_CLIENT_TRUST__STI_PA_ANCHORS": "",
    "CPS_CLIENT_CERTIFICATES__ALLOW_NETWORKS": "[]",
    "CPS_CLIENT_CERTIFICATES__ALLOW_PORTS": "[443, 8443]",
    "CPS_CLIENT_CERTIFICATES__TLS_CA_FILE": "",
}


@pytest.mark.clause("cps-10-mesh", "oob-6-budget")
def test_names_and_defaults_are_the_published_ones() -> None:
    """Every setting that operators were promised has exactly that name and default."""
    shown = {name: one.value for name, one in effective(load()).items()}
    assert HELD_FIXED == {name: shown.get(name) for name in HELD_FIXED}


def test_every_setting_is_described() -> None:
    """The reference page is made from the descriptions; durations have their unit."""
    assert [] == [setting.name for setting in known() if not setting.info.description]
    durations = {setting.key for setting in known() if setting.info.json_schema_extra == {"unit": "seconds"}}
    assert {"lifetime", "publish_budget", "retrieve_budget", "freshness", "gateway.drain"} == durations


def test_environment_stands_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file that CPS_CLIENT_CONFIG names, key by key."""
    config = tmp_path / "client.toml"
    config.write_text(
        'cps_urls = ["https://a.example/cps/", "https://b.example"]\ngeneration = 2\n[trust]\nanchors = "roots.pem"\n'
    )
    monkeypatch.setenv("CPS_CLIENT_CONFIG", str(config))
    monkeypatch.setenv("CPS_CLIENT_GENERATION", "1")

    settings = load()

    assert (("https://a.example/cps", "https://b.example"), 1) == (settings.cps_urls, settings.generation)
    assert Path("roots.pem") == settings.trust.anchors
    assert ["environment", "file"] == [settings.origin(f"{PREFIX}{name}") for name in ("GENERATION", "CPS_URLS")]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CPS_URLS", "https://a.example", "must be a JSON list"),
        ("CPS_URLS", '["http://a.example"]', "must be an https:// URL; http:// is for loopback"),
        ("CPS_URLS", '["https://user:secret@a.example"]', "without user, query and fragment"),
        ("CPS_URLS", '["https://a.example/?x"]', "without user, query and fragment"),
        ("GENERATION", "3", "Input should be 1 or 2"),
        ("LIFETIME", "61", "less than or equal to 60"),
        ("RETRIEVE_BUDGET", "0", "greater than 0"),
        ("PUBLISH_BUDGET", "inf", "Input should be"),
        ("ATTEST", "D", "'A', 'B' or 'C'"),
        ("SPC", "12", "String should match"),
        ("HEDGE_AFTER", "1", "less than 1"),
        ("HEADERS__HOST", "gw.example>;x=<y", "no host name or address"),
        ("HEADERS__PROFILE", "other", "'atis', 'atis-mismatch-failed' or 'asterisk'"),
        ("X5U", "http://a.example/b", "must be an https:// URL"),
        ("PRIVATE_KEYS", "x", "is not a setting; did you mean CPS_CLIENT_PRIVATE_KEY?"),
        ("TRUST__ANCHOR", "x", "is not a setting; did you mean CPS_CLIENT_TRUST__ANCHORS?"),
    ],
)
def test_mistakes_name_the_setting(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake is one line that names the setting, and repeats no secret."""
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(SettingsError) as caught:
        load()

    assert caught.value.detail.startswith(PREFIX + name)
    assert said in caught.value.detail
    assert "secret" not in caught.value.detail


def test_settings_are_frozen() -> None:
    """Nobody changes settings once they are read."""
    with pytest.raises(ValidationError):
        load().spc = "1234"
