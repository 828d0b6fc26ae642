"""The command cps-server: what it prints, and with which code it ends."""

import json
import socket
import threading
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cps_server.cli import app
from stir.aio.logs import Lines
from stir.testing import World

RUN = CliRunner()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> Path:
    """Work in a folder of its own, with trusted roots in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anchors.pem").write_bytes(World().anchors_pem)
    monkeypatch.setenv("CPS_TRUST__ANCHORS", "anchors.pem")
    monkeypatch.setattr(
        "stir.aio.logs.configure", lambda: Lines(StringIO())
    )  # the runner's streams end with each command
    return tmp_path


def test_help_names_the_commands() -> None:
    """Without a command the help is shown."""
    result = RUN.invoke(app, ["--help"])
    assert 0 == result.exit_code
    assert {"serve", "check-config", "health"} <= set(result.stdout.split())


def test_check_config_prints_every_setting_and_its_origin() -> None:
    """check-config prints the effective settings and where each came from."""
    result = RUN.invoke(app, ["check-config"])
    assert 0 == result.exit_code
    assert "CPS_TRUST__ANCHORS=anchors.pem  # environment" in result.stdout
    assert "CPS_STORE__RETENTION=15.0  # default" in result.stdout


def test_check_config_as_json(elsewhere: Path) -> None:
    """With --json it is one object, and a file's values are marked so."""
    (elsewhere / "cps.toml").write_text('hostname = "cps.example.com"\n')
    result = RUN.invoke(app, ["check-config", "--config", "cps.toml", "--json"])
    assert {"value": "cps.example.com", "from": "file"} == json.loads(result.stdout)["CPS_HOSTNAME"]


@pytest.mark.parametrize("command", ["serve", "check-config"])
@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("CPS_TRUST__ANCHORS", "", "CPS_TRUST__ANCHORS"),
        ("CPS_RETENTON", "3", "CPS_STORE__RETENTION"),
        ("CPS_STORE__RETENTION", "soon", "CPS_STORE__RETENTION"),
        ("CPS_WORKERS", "0", "CPS_WORKERS"),
        ("CPS_LOG_LEVEL", "chatty", "CPS_LOG_LEVEL"),
        ("CPS_DRAIN__LAME_DUCK", "-1", "CPS_DRAIN__LAME_DUCK"),
    ],
)
def test_bad_settings_end_with_78(command: str, variable: str, value: str, complaint: str, monkeypatch) -> None:
    """A configuration that cannot be used ends with 78 and one line that says what to set."""
    monkeypatch.setenv(variable, value)
    result = RUN.invoke(app, [command])
    assert 78 == result.exit_code
    assert complaint in result.stderr
    assert 1 == len(result.stderr.strip().splitlines())


def test_workers_cannot_share_memory(monkeypatch) -> None:
    """Several workers and memory:// do not go together, and that is said before anything starts."""
    monkeypatch.setenv("CPS_WORKERS", "2")
    monkeypatch.setenv("CPS_STORE__URL", "memory://")
    for command in ("serve", "check-config"):
        result = RUN.invoke(app, [command])
        assert 78 == result.exit_code
        assert "several workers cannot share memory://" in result.stderr


def test_openapi_prints_the_description() -> None:
    """Openapi prints what is checked in, without any setting."""
    result = RUN.invoke(app, ["openapi"])
    assert 0 == result.exit_code
    assert json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text()) == json.loads(result.stdout)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("CPS_TRUST__ANCHORS", "gone.pem", "gone.pem"),
        ("CPS_TRUST__ANCHORS", "empty.pem", "anchor"),
        ("CPS_CERTIFICATES__TLS_CA_FILE", "gone.pem", "tls_ca_file"),
        ("CPS_STORE__URL", "sqlite:///gone/cps.db", "CPS_STORE__URL"),
        ("CPS_LISTEN", "192.0.2.1:1", "CPS_LISTEN"),
        ("CPS_ADMIN_LISTEN", "192.0.2.1:1", "CPS_ADMIN_LISTEN"),
    ],
)
def test_serve_refuses_what_it_cannot_use(
    variable: str, value: str, complaint: str, monkeypatch, elsewhere: Path
) -> None:
    """Files that are not there, a store that cannot be opened and an address that is not ours end with 78."""
    (elsewhere / "empty.pem").write_text("nothing")
    monkeypatch.setenv("CPS_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("CPS_ADMIN_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv(variable, value)
    result = RUN.invoke(app, ["serve"])
    assert 78 == result.exit_code
    assert complaint.lower() in result.stderr.splitlines()[-1].lower()


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        ("CPS_TRUST__ANCHORS", "gone.pem"),
        ("CPS_TRUST__STI_PA_ANCHORS", "gone.pem"),
        ("CPS_CERTIFICATES__TLS_CA_FILE", "CPS_CERTIFICATES__TLS_CA_FILE"),
        ("CPS_PARTNERS__FILE", "CPS_PARTNERS__FILE"),
        ("CPS_REPOSITORY__DIRECTORY", "CPS_REPOSITORY__DIRECTORY"),
        ("CPS_MESH__TLS_CA_FILE", "CPS_MESH__TLS_CA_FILE"),
    ],
)
def test_check_config_reads_the_files(variable: str, complaint: str, monkeypatch) -> None:
    """A file that serve could not use is found by check-config, too."""
    monkeypatch.setenv(variable, "gone.pem")
    result = RUN.invoke(app, ["check-config"])
    assert 78 == result.exit_code
    assert complaint in result.stderr


def test_serve_refuses_a_port_that_is_taken(monkeypatch) -> None:
    """A port that another program has ends with 78."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("CPS_LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        result = RUN.invoke(app, ["serve"])
    assert 78 == result.exit_code
    assert "CPS_LISTEN" in result.stderr.splitlines()[-1]


def test_health_of_nothing_is_1(monkeypatch) -> None:
    """Health ends with 1 when nobody answers, and asks at CPS_LISTEN unless told otherwise."""
    monkeypatch.setenv("CPS_LISTEN", "127.0.0.1:1")
    assert 1 == RUN.invoke(app, ["health"]).exit_code


@pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost"])
def test_health_asks_web_servers_only(url: str) -> None:
    """Anything but an http or https URL is a usage error."""
    assert 2 == RUN.invoke(app, ["health", url]).exit_code


def test_health_complains_about_settings(monkeypatch) -> None:
    """When it needs the settings and they are bad, health ends with 78."""
    monkeypatch.setenv("CPS_LISTEN", "nowhere")
    assert 78 == RUN.invoke(app, ["health"]).exit_code


def test_health_takes_no_proxy(monkeypatch) -> None:
    """A proxy in the environment is not asked about the CPS."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=_answer_once, args=(server,))
        answering.start()
        result = RUN.invoke(app, ["health", f"http://127.0.0.1:{server.getsockname()[1]}"])
        answering.join()
    assert (0, "200 OK") == (result.exit_code, result.stdout.strip())


def _answer_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
