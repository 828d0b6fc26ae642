"""``cps-client lab``, in this very process."""

import asyncio
import json
import os
import signal
import stat
from pathlib import Path

import pytest

from cps_client.client import CpsClient
from cps_client.lab import command
from cps_client.lab.errors import LabError
from cps_client.lab.lab import Lab
from cps_client.lab.stage import settings_of


def interrupted(monkeypatch: pytest.MonkeyPatch, during) -> None:
    """Press Ctrl-C as soon as *during* is done with the lab that is up."""
    stay = command.stay

    async def stayed(lab, cps, *arguments, **keywords) -> None:
        waiting = asyncio.create_task(stay(lab, cps, *arguments, **keywords))
        await during(lab, cps)
        waiting.cancel()
        await waiting
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(5)
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()

    monkeypatch.setattr(command, "stay", stayed)


def test_it_can_be_used_with_its_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it says as JSON is enough to publish, retrieve and verify; its files stay in --dir, keys unreadable."""
    directory = tmp_path / "new" / "lab"

    async def use(lab: Lab, cps) -> None:
        provider = lab.world.service_provider("456B")
        settings = settings_of(lab.client_settings(provider, cps.url, PUBLISH_BUDGET="5", RETRIEVE_BUDGET="5"))
        async with CpsClient.from_settings(settings) as client:
            await client.publish(orig="12155550101", dest="12015550101", attest="A")
            end = await client.retrieve_and_verify(orig="12155550101", dest="12015550101")
        assert "TN-Validation-Passed" == end.verdict.verstat

    interrupted(monkeypatch, use)

    assert 0 == command.lab(directory, as_json=True)

    said = json.loads(capsys.readouterr().out)
    assert str(directory) == said["directory"]
    assert said["cps_url"].startswith("https://localhost:")
    assert f"CPS_CLIENT_CPS_URLS='[\"{said['cps_url']}\"]'" in Path(said["environment"]).read_text()
    assert 2 == len(said["curl"]) == len(said["commands"])
    assert 0o700 == stat.S_IMODE(directory.stat().st_mode)
    assert 0o600 == stat.S_IMODE((directory / "123A.key").stat().st_mode)
    assert {"cps.db", "cps.log", "env.sh", "tls-ca.pem", "sti-pa.pem"} <= {file.name for file in directory.iterdir()}


def test_without_a_directory_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary files are removed at the end."""
    monkeypatch.setattr(command, "TemporaryDirectory", lambda prefix: _Temporary(tmp_path / prefix))
    monkeypatch.setattr(Lab, "start_cps", _refuse)

    assert 1 == command.lab()

    assert [] == list(tmp_path.iterdir())


class _Temporary:
    """A temporary directory whose place the test knows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> str:
        self.path.mkdir()
        return str(self.path)

    def __exit__(self, *_: object) -> None:
        for file in self.path.iterdir():
            file.unlink()
        self.path.rmdir()


async def _refuse(*_: object, **__: object) -> None:
    raise LabError("the CPS did not start; its log is empty")


def test_a_cps_that_does_not_start_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the CPS does not start, the lab says so and ends with 1."""
    monkeypatch.setattr(Lab, "start_cps", _refuse)

    assert 1 == command.lab(tmp_path)

    assert "The lab failed: the CPS did not start; its log is empty\n" == capsys.readouterr().err


def test_a_directory_that_cannot_be_made_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A --dir that is a file ends the command with a sentence, not with a traceback."""
    (tmp_path / "file").touch()

    assert 1 == command.lab(tmp_path / "file")

    assert "The lab failed: its directory cannot be used: File exists\n" == capsys.readouterr().err
