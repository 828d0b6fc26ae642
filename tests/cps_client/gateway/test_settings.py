"""The sidecar's settings."""

import pytest

from cps_client.settings import ClientSettings, SettingsError, effective, load

HELD_FIXED = {
    "CPS_CLIENT_GATEWAY__LISTEN": "127.0.0.1:8090",
    "CPS_CLIENT_GATEWAY__TOKEN_FILE": "",
    "CPS_CLIENT_GATEWAY__CALLS": "1000",
    "CPS_CLIENT_GATEWAY__DIALECT": "auto",
    "CPS_CLIENT_GATEWAY__REASON_SPELLING": "lower",
    "CPS_CLIENT_GATEWAY__DRAIN": "5.0",
    "CPS_CLIENT_GATEWAY__LOG_LEVEL": "info",
}


def test_names_and_defaults() -> None:
    """Every setting of the sidecar has exactly that name and default."""
    shown = {name: one.value for name, one in effective(ClientSettings()).items()}
    assert HELD_FIXED == {name: shown.get(name) for name in HELD_FIXED}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LISTEN", "nowhere", "must be host:port"),
        ("LISTEN", "::1:8090", "in brackets"),
        ("CALLS", "0", "greater than or equal to 1"),
        ("DRAIN", "-1", "greater than or equal to 0"),
        ("DIALECT", "vesper", "'auto', 'atis' or '3gpp'"),
    ],
)
def test_mistakes_name_the_setting(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake is told with the name of the setting."""
    monkeypatch.setenv(f"CPS_CLIENT_GATEWAY__{name}", value)
    with pytest.raises(SettingsError, match=f"CPS_CLIENT_GATEWAY__{name}: .*{said}"):
        load()
