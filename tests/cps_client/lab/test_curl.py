"""Lines for curl."""

import os
import shlex
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from cps_client.lab import curl
from cps_client.lab.lab import Lab
from cps_client.lab.stage import settings_of
from stir.passport import Passport
from stir.strictjson import loads
from stir.token import RequestToken

CPS = "https://localhost:8443"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """Yield a lab without a CPS."""
    async with Lab.open(tmp_path) as lab:
        yield lab


@pytest.fixture
def environment(lab: Lab) -> Mapping[str, str]:
    """Return the environment of a gateway in the lab."""
    return lab.client_settings(lab.world.service_provider("123A"), CPS)


def test_a_publish_and_a_retrieve(lab: Lab, environment: Mapping[str, str]) -> None:
    """Each line has a token of its own for its action; the publish's is for the body that stands beside it."""
    at = lab.world.clock.now()
    publish, retrieve = map(shlex.split, curl.lines(settings_of(environment), at=at))

    bearers = [line[line.index("-H") + 1].removeprefix("Authorization: Bearer ") for line in (publish, retrieve)]
    tokens = [RequestToken.parse(bearer) for bearer in bearers]
    assert ["publish", "retrieve"] == [token.action for token in tokens]
    assert tokens[0].jti != tokens[1].jti
    passports = loads(publish[publish.index("--data") + 1].encode(), max_bytes=10_000)["passports"]
    tokens[0].check_digest(passports)
    assert "A" == Passport.parse(passports[0]).payload["attest"]
    assert f"{CPS}/passports/{curl.DEST}/{curl.ORIG}" == publish[-1] == retrieve[-1]
    assert str(lab.tls_ca.absolute()) == publish[publish.index("--cacert") + 1]


def test_without_a_ca_file_curl_uses_its_own(lab: Lab, environment: Mapping[str, str]) -> None:
    """Where the CPS's HTTPS is of a public CA, no CA file is named."""
    settings = settings_of({name: value for name, value in environment.items() if not name.endswith("CPS_TLS_CA_FILE")})

    assert not any("--cacert" in line for line in curl.lines(settings, at=lab.world.clock.now()))


def test_it_reads_the_environment(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a command it prints lines for the CPS and the credential of its environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    curl.main()

    assert 2 == capsys.readouterr().out.count("curl -sS")


@pytest.mark.parametrize("missing", ["CPS_CLIENT_CPS_URLS", "CPS_CLIENT_SPC", "CPS_CLIENT_PRIVATE_KEY"])
def test_a_missing_setting_is_named(
    environment: Mapping[str, str], missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a setting is missing, the complaint names it, and the exit code is that of a bad configuration."""
    for name, value in environment.items():
        monkeypatch.setenv(name, "" if name == missing else value)

    with pytest.raises(SystemExit) as caught:
        curl.main()

    assert 78 == caught.value.code
    assert capsys.readouterr().err.startswith(f"{missing} is not set")


def test_the_user_s_environment_comes_back(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings made for the lab come from nowhere else, and leave the process's environment as it was."""
    monkeypatch.setenv("CPS_CLIENT_SPC", "999Z")
    monkeypatch.setenv("CPS_CLIENT_ATTEST", "A")

    settings = settings_of(environment)

    assert ("123A", "C") == (settings.spc, settings.attest)
    assert {"CPS_CLIENT_SPC": "999Z", "CPS_CLIENT_ATTEST": "A"} == {
        name: value for name, value in os.environ.items() if name.startswith("CPS_CLIENT_")
    }
