"""What an operator may set, and how mistakes are told."""

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from cps_server.configuration import CONFIG_BYTES, effective, known, load
from cps_server.settings import Settings, SettingsError
from stir.errors import StirError


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever this machine sets."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)


def file_with(folder: Path, text: str) -> Path:
    """Write a configuration file."""
    path = folder / "cps.toml"
    path.write_text(text)
    return path


def complaint(config: Path | None = None) -> str:
    """Return the one line that is printed when loading fails."""
    with pytest.raises(SettingsError) as caught:
        load(config)
    assert "bad-configuration" == caught.value.code
    assert "\n" not in caught.value.detail
    return caught.value.detail


HELD_FIXED = {
    "CPS_CONFIG": "",
    "CPS_LISTEN": "127.0.0.1:8080",
    "CPS_ADMIN_LISTEN": "127.0.0.1:8081",
    "CPS_HOSTNAME": "localhost",
    "CPS_WORKERS": "1",
    "CPS_STORE__URL": "sqlite:///cps.db",
    "CPS_STORE__RETENTION": "15.0",
    "CPS_STORE__SECRET_FILE": "",
    "CPS_TRUST__ANCHORS": "",
    "CPS_TRUST__CA_LIST_URL": "",
    "CPS_TRUST__CRL_URL": "",
    "CPS_TRUST__STI_PA_ANCHORS": "",
    "CPS_CERTIFICATES__ALLOW_NETWORKS": "[]",
    "CPS_CERTIFICATES__ALLOW_PORTS": "[443, 8443]",
    "CPS_CERTIFICATES__TLS_CA_FILE": "",
    "CPS_VERIFY_PASSPORTS": "full",
    "CPS_FRESHNESS": "60.0",
    "CPS_PARTNERS__FILE": "",
    "CPS_MESH__PEERS": "[]",
    "CPS_MESH__SPC": "",
    "CPS_MESH__X5U": "",
    "CPS_MESH__PRIVATE_KEY": "",
    "CPS_MESH__TLS_CA_FILE": "",
}


@pytest.mark.clause("cps-9-15")
def test_names_and_defaults_are_the_published_ones() -> None:
    """Every setting that operators were promised has exactly that name and default."""
    shown = {name: one.value for name, one in effective(load()).items()}
    assert HELD_FIXED == {name: shown.get(name) for name in HELD_FIXED}


def test_every_setting_is_described() -> None:
    """The reference page is made from the descriptions, so none is missing, and durations have their unit."""
    assert [] == [setting.name for setting in known() if not setting.info.description]
    units = {setting.key: setting.info.json_schema_extra for setting in known() if setting.info.json_schema_extra}
    assert {
        "store.retention": {"unit": "seconds"},
        "limits.spc_rate": {"unit": "a second"},
        "limits.address_rate": {"unit": "a second"},
        "audit.rotate_bytes": {"unit": "bytes"},
        "drain.lame_duck": {"unit": "seconds"},
        "freshness": {"unit": "seconds"},
    } == units


def test_environment_stands_over_file_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file, key by key, and each value knows where it came from."""
    config = file_with(tmp_path, 'freshness = 30\n[store]\nurl = "memory://"\nretention = 5\n')
    monkeypatch.setenv("CPS_STORE__RETENTION", "7.5")

    settings = load(config)
    shown = effective(settings)

    assert (30, "memory://", 7.5) == (settings.freshness, settings.store.url, settings.store.retention)
    assert config == settings.config
    assert "file" == shown["CPS_STORE__URL"].origin
    assert "environment" == shown["CPS_STORE__RETENTION"].origin
    assert "default" == shown["CPS_LISTEN"].origin


def test_file_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPS_CONFIG names the file; an argument is stronger."""
    other = tmp_path / "other.toml"
    other.write_text("workers = 3")
    monkeypatch.setenv("CPS_CONFIG", str(file_with(tmp_path, "workers = 2")))

    assert 2 == load().workers
    assert 3 == load(other).workers
    assert other == load(other).config


def test_lists_are_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are JSON in the environment."""
    monkeypatch.setenv("CPS_CERTIFICATES__ALLOW_NETWORKS", '["127.0.0.0/8", "fd00::/8"]')
    monkeypatch.setenv("CPS_CERTIFICATES__ALLOW_PORTS", "[9443]")
    monkeypatch.setenv("CPS_MESH__PEERS", '[{"url": "https://cps2.example", "spc": "456B"}]')
    monkeypatch.setenv("CPS_MESH__SPC", "123A")
    monkeypatch.setenv("CPS_MESH__X5U", "https://cr.example/123A.pem")
    monkeypatch.setenv("CPS_MESH__PRIVATE_KEY", "key.pem")

    settings = load()

    assert ["127.0.0.0/8", "fd00::/8"] == [str(network) for network in settings.certificates.allow_networks]
    assert (9443,) == settings.certificates.allow_ports
    assert "456B" == settings.mesh.peers[0].spc
    shown = effective(settings)
    assert '["127.0.0.0/8", "fd00::/8"]' == shown["CPS_CERTIFICATES__ALLOW_NETWORKS"].value
    assert [{"url": "https://cps2.example", "spc": "456B"}] == json.loads(shown["CPS_MESH__PEERS"].value)


def test_tables_of_peers_in_the_file(tmp_path: Path) -> None:
    """Peers are an array of tables in the file; http is for loopback."""
    config = file_with(
        tmp_path,
        '[mesh]\nspc = "1234"\nx5u = "https://cr.example/1.pem"\nprivate_key = "key.pem"\n'
        '[[mesh.peers]]\nurl = "http://127.0.0.1:8090"\nspc = "456B"\nhostname = "cps2.example"\n',
    )

    assert "cps2.example" == load(config).mesh.peers[0].hostname


def test_empty_variables_and_the_clients_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable leaves the default; the gateway side's variables are none of the server's business."""
    monkeypatch.setenv("CPS_TRUST__CRL_URL", "")
    monkeypatch.setenv("CPS_NONSENSE", "")
    monkeypatch.setenv("CPS_CLIENT_SPC", "1234")

    assert load().trust.crl_url is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CPS_STORE__RETENTON", "5", "CPS_STORE__RETENTON is not a setting; did you mean CPS_STORE__RETENTION?"),
        ("CPS_STORE", "{}", "CPS_STORE is not a setting"),
        ("CPS_STORE__RETENTION", "61", "CPS_STORE__RETENTION: Input should be less than or equal to 60"),
        ("CPS_STORE__RETENTION", "inf", "CPS_STORE__RETENTION: Input should be"),
        ("CPS_STORE__RETENTION", "nan", "CPS_STORE__RETENTION: Input should be"),
        ("CPS_STORE__RETENTION", "0", "CPS_STORE__RETENTION: Input should be greater than 0"),
        ("CPS_FRESHNESS", "0", "CPS_FRESHNESS: Input should be greater than or equal to 1"),
        ("CPS_FRESHNESS", "301", "CPS_FRESHNESS: Input should be less than or equal to 300"),
        ("CPS_VERIFY_PASSPORTS", "some", "CPS_VERIFY_PASSPORTS: Input should be 'off', 'shape' or 'full'"),
        ("CPS_WORKERS", "none", "CPS_WORKERS: Input should be a valid integer"),
        ("CPS_LISTEN", "8080", "CPS_LISTEN: must be host:port"),
        ("CPS_LISTEN", "::1:8080", "CPS_LISTEN: must be host:port; write an IPv6 address in brackets"),
        ("CPS_LISTEN", "[zz]:8080", "CPS_LISTEN: "),
        ("CPS_LISTEN", "host:65536", "CPS_LISTEN: must be host:port"),
        ("CPS_LISTEN", "host:" + "9" * 5_000, "CPS_LISTEN: must be host:port"),
        ("CPS_HOSTNAME", "https://cps.example", "CPS_HOSTNAME: "),
        ("CPS_STORE__URL", "postgres://db", "CPS_STORE__URL: must be memory://"),
        ("CPS_STORE__URL", "sqlite:///", "CPS_STORE__URL: must be memory://"),
        ("CPS_STORE__URL", "redis://", "CPS_STORE__URL: must be memory://"),
        ("CPS_TRUST__CRL_URL", "http://sti-pa.example/crl", "CPS_TRUST__CRL_URL: must be an https:// URL"),
        ("CPS_CERTIFICATES__ALLOW_PORTS", "443", "CPS_CERTIFICATES__ALLOW_PORTS must be a JSON list"),
        ("CPS_CERTIFICATES__ALLOW_PORTS", "[443", "CPS_CERTIFICATES__ALLOW_PORTS must be a JSON list"),
        ("CPS_CERTIFICATES__ALLOW_PORTS", "[]", "CPS_CERTIFICATES__ALLOW_PORTS: "),
        ("CPS_CERTIFICATES__ALLOW_PORTS", "[true]", "CPS_CERTIFICATES__ALLOW_PORTS (0): must be a number"),
        ("CPS_CERTIFICATES__ALLOW_NETWORKS", '["10.0.0.1/8"]', "CPS_CERTIFICATES__ALLOW_NETWORKS (0"),
        ("CPS_MESH__PEERS", '[{"url": "https://a.example"}]', "CPS_MESH__PEERS (0.spc): Field required"),
        (
            "CPS_MESH__PEERS",
            '[{"url": "http://a.example", "spc": "1234"}]',
            "CPS_MESH__PEERS (0.url): must be an https",
        ),
        ("CPS_MESH__PEERS", '[{"url": "ftp://a.example", "spc": "1234"}]', "CPS_MESH__PEERS (0.url): must be an"),
        ("CPS_MESH__SPC", "1234", "CPS_MESH: spc, x5u and private_key belong together"),
    ],
)
def test_bad_value_is_refused_by_name(name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the environment stops the start with one line that names the setting and what is wrong."""
    monkeypatch.setenv(name, value)

    assert complaint().startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[store]\nretenton = 5", "store.retenton in the file is not a setting; did you mean store.retention?"),
        ("config = 'a.toml'", "config in the file is not a setting"),
        ("store = 5", "store in the file must be a table, [store]"),
        ("freshness = true", "CPS_FRESHNESS: must be a number"),
        ("[mesh]\npeers = [5]", "CPS_MESH__PEERS (0)"),
        ("freshness = ", "CPS_CONFIG: "),
        ("a = " + "[" * 100_000, "CPS_CONFIG: "),
    ],
)
def test_bad_file_is_refused_by_name(text: str, expected: str, tmp_path: Path) -> None:
    """A mistake in the file stops the start with one line that names the key and what is wrong."""
    assert complaint(file_with(tmp_path, text)).startswith(expected)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """A file that is absent, not text, or endless is one clear line."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    long = tmp_path / "long.toml"
    long.write_bytes(b"#" * (CONFIG_BYTES + 1))

    assert "cannot be read: No such file" in complaint(tmp_path / "absent.toml")
    assert "is not TOML" in complaint(binary)
    assert "is longer than" in complaint(long)


def test_several_mistakes_come_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """All values that are wrong are told at once."""
    monkeypatch.setenv("CPS_WORKERS", "0")
    monkeypatch.setenv("CPS_FRESHNESS", "0")

    told = complaint()

    assert "CPS_WORKERS" in told
    assert "CPS_FRESHNESS" in told


def test_passwords_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in a URL is masked where settings are printed, and in complaints."""
    monkeypatch.setenv("CPS_STORE__URL", "redis://cps:hunter2@valkey.example:6379/1")
    assert "redis://***@valkey.example:6379/1" == effective(load())["CPS_STORE__URL"].value

    monkeypatch.setenv("CPS_STORE__URL", "valkeys+cluster://cps:hunter2@one.example,two.example:6380")
    assert "valkeys+cluster://***@one.example,two.example:6380" == effective(load())["CPS_STORE__URL"].value

    monkeypatch.setenv("CPS_STORE__URL", "postgres://cps:hunter2@valkey.example")
    assert "hunter2" not in complaint()


def test_settings_cannot_be_changed() -> None:
    """Settings are read once and frozen, sections included."""
    settings = load()

    with pytest.raises(ValidationError):
        settings.freshness = 5
    with pytest.raises(ValidationError):
        settings.store.retention = 5


def test_error_is_one_of_ours() -> None:
    """The command line catches one base class."""
    assert issubclass(SettingsError, StirError)
    assert isinstance(load(), Settings)
