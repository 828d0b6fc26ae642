"""Who may ask: this machine's programs, or whoever shows the token; never a web page."""

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from cps_client.gateway.guard import Guard
from cps_client.gateway.settings import GatewaySettings
from cps_client.settings import ClientSettings, SettingsError
from tests.cps_client.gateway.conftest import Opened

TOKEN = "a-token-of-twenty-four-c"
CALL = {"orig": "12155550100", "dest": "12155551212"}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with a token."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def write(path: Path, text: str) -> None:
    """Put *text* into the file."""
    path.write_text(text)


@pytest.mark.parametrize(
    "host", ["localhost:8090", "127.0.0.1", "127.0.0.1:8090", "[::1]:8090", "LOCALHOST.", "127.9.9.9"]
)
async def test_this_machine_by_its_names(http: TestClient, host: str) -> None:
    """Every name of this very machine is taken."""
    async with http.post("/v1/publish", json=CALL, headers={"Host": host}) as answer:
        assert 200 == answer.status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8090"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "192.0.2.1"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1:8090"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/publish", "/stir/v1/signing", "/plain/publish", "/metrics"])
async def test_web_pages_are_refused(http: TestClient, path: str, headers: dict[str, str]) -> None:
    """What a browser sends, and a name that leads here by DNS rebinding, are 403 on every face."""
    async with http.request("GET" if path == "/metrics" else "POST", path, json=CALL, headers=headers) as answer:
        assert 403 == answer.status


async def test_the_token_is_asked_for(opened: Opened, token_file: Path) -> None:
    """Where a token is set, all but liveness and readiness ask for it, and no Host is looked at."""
    http = await opened(ClientSettings(gateway={"token_file": token_file, "listen": "0.0.0.0:8090"}))
    statuses = {}
    for shown in (None, "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é", f"bearer  {TOKEN}"):
        headers = {"Host": "gateway.example"} | ({} if shown is None else {"Authorization": shown})
        async with http.post("/v1/publish", json=CALL, headers=headers) as answer:
            statuses[shown] = answer.status
            assert ("Bearer" if answer.status == 401 else None) == answer.headers.get("WWW-Authenticate")
    assert [401] * 6 + [200] == list(statuses.values())
    for path, status in (("/live", 200), ("/ready", 200), ("/metrics", 401)):
        async with http.get(path) as answer:
            assert status == answer.status


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", "[::]:8090", "192.0.2.1:8090", "gateway.example:8090"])
def test_no_other_machine_without_a_token(listen: str) -> None:
    """An address that other machines reach needs a token; the complaint names both settings."""
    with pytest.raises(SettingsError, match=r"GATEWAY__LISTEN.*GATEWAY__TOKEN_FILE"):
        Guard.of(GatewaySettings(listen=listen))


@pytest.mark.parametrize("listen", ["127.0.0.1:8090", "[::1]:0", "localhost:8090", "127.1.2.3:1"])
def test_loopback_needs_no_token(listen: str) -> None:
    """On loopback there need be none."""
    assert Guard.of(GatewaySettings(listen=listen))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "16 characters"),
        (b"short", "16 characters"),
        (b"x" * 5000, "16 characters"),
        (b"first-line-is-long\nsecond", "16 characters"),
        (b"a token with spaces in it", "space"),
        ("é".encode() * 20, "ASCII"),
    ],
)
def test_token_files_that_cannot_be_used(tmp_path: Path, content: bytes | None, said: str) -> None:
    """What is no token in one line of ASCII, long enough that nobody guesses it, stops the start."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"GATEWAY__TOKEN_FILE.*{said}"):
        Guard.of(GatewaySettings(token_file=path))


async def test_a_new_token_takes_over(opened: Opened, token_file: Path) -> None:
    """After a reload the new token counts and the old one does not; a broken file leaves it as it was."""
    settings = GatewaySettings(token_file=token_file)
    guard = Guard.of(settings)
    http = await opened(guard=guard)
    write(token_file, "another-token-that-is-long")
    guard.reload(settings)
    write(token_file, "")
    with pytest.raises(SettingsError):
        guard.reload(settings)
    for token, status in ((TOKEN, 401), ("another-token-that-is-long", 200)):
        async with http.post("/v1/publish", json=CALL, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert status == answer.status
