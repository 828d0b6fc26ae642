"""The page about private CPSs, line by line: a real CPS process, two partners, real commands, in the lab."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from cps_client.lab import Cps, Lab
from stir.testing import ServiceProvider

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "private-cps.md"
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) for line in block.splitlines()]
LISTED = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)


class Private:
    """A private CPS and those around it."""

    def __init__(self, lab: Lab, cps: Cps) -> None:
        self.lab = lab
        self.cps = cps
        self.providers: dict[str, ServiceProvider] = {spc: lab.world.service_provider(spc) for spc in ("123A", "456B")}

    async def run(self, line: str, spc: str = "123A") -> subprocess.CompletedProcess[str]:
        """Run a *line* of the page as the provider *spc*, with its paths in the lab."""
        client = self.lab.client_settings(
            self.providers[spc], self.cps.url, generation=2, LIFETIME="60", PUBLISH_BUDGET="5", RETRIEVE_BUDGET="5"
        )
        return await run(self.lab.directory, line, client)


async def run(folder: Path, line: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a *line* of the page with its paths in *folder*."""
    line = line.replace("/etc/cps/", f"{folder}/").replace("/var/lib/cps/", f"{folder}/")
    command, *arguments = shlex.split(line)
    words = [str(path) for word in arguments for path in (_files(word) if "*" in word else [word])]
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("CPS_")}
    program = [sys.executable, "-m", command.replace("-", "_"), *words]
    finished = partial(
        subprocess.run, program, env=clean | dict(more or {}), capture_output=True, text=True, check=False
    )
    return await asyncio.to_thread(finished)


def _files(pattern: str) -> list[Path]:
    return sorted(Path(pattern).parent.glob(Path(pattern).name))


def line(*words: str) -> str:
    """Return the one line of the page with these words."""
    (found,) = [one for one in LINES if all(word in one for word in words)]
    return found


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[Private]:
    """Run a CPS with the partners of the page."""
    for one in LINES[:2]:
        assert 0 == (await run(tmp_path, one)).returncode
    async with Lab.open(tmp_path) as lab:
        files = {"PARTNERS__FILE": "partners.toml", "AUDIT__FILE": "audit.jsonl"}
        settings = {f"CPS_{name}": str(tmp_path / file) for name, file in files.items()}
        yield Private(lab, await lab.start_cps(CPS_TRUSTED_PROXIES='["127.0.0.0/8"]', **settings))


async def until(private: Private, command: str, spc: str, code: int) -> subprocess.CompletedProcess[str]:
    """Run *command* as *spc* until it ends with *code*, for some seconds."""
    async with asyncio.timeout(30):
        while (finished := await private.run(command, spc)).returncode != code:  # noqa: ASYNC110 - it is run, not slept
            await asyncio.sleep(0.2)
    return finished


@pytest.mark.timeout(300)  # thirteen commands, each a process of its own
async def test_the_page(private: Private) -> None:
    """Every command of the page does what the page says: list, publish, retrieve, disable, enable, verify, find."""
    listed = await private.run(line("partner list"))
    assert LISTED == [listed.stdout]

    publish, retrieve = line("cps-client publish"), line("cps-client retrieve")
    assert 0 == (await private.run(publish, "123A")).returncode
    found = await private.run(f"{retrieve} --json", "456B")
    assert (0, True) == (found.returncode, "TN-Validation-Passed" in found.stdout)

    assert "456B: disabled\n" == (await private.run(line("partner disable"))).stdout
    denied = await until(private, retrieve, "456B", 1)
    assert "403" in denied.stdout + denied.stderr
    assert "456B: enabled\n" == (await private.run(line("partner enable"))).stdout
    assert 0 == (await private.run(publish, "123A")).returncode
    await until(private, retrieve, "456B", 0)
    assert "456B: written\n" == (await private.run(line("--rate 50"))).stdout

    await private.cps.process.stop()
    assert 0 == (await private.run(line("audit verify"))).returncode
    search = await private.run(f"{line('audit find')} --json")
    records = json.loads(search.stdout)["records"]
    assert [("123A", "publish", "done"), ("456B", "retrieve", "done")] == [
        (one["spc"], one["action"], one["result"]) for one in records[:2]
    ]
    assert ("456B", "forbidden", "disabled") in [(one["spc"], one["result"], one["reason"]) for one in records]


async def test_strangers_are_turned_away(private: Private) -> None:
    """A provider with a good certificate that is not listed gets 403 for everything; check-config names mistakes."""
    private.providers["789C"] = private.lab.world.service_provider("789C")
    for command in (line("cps-client publish"), line("cps-client retrieve")):
        answer = await private.run(command, "789C")
        assert 1 == answer.returncode
        assert "403" in answer.stdout + answer.stderr
    (private.lab.directory / "partners.toml").write_text('mode = "closed"\npartners = []\n')
    checked = await run(
        private.lab.directory,
        "cps-server check-config",
        {"CPS_PARTNERS__FILE": str(private.lab.directory / "partners.toml"), "CPS_TRUST__ANCHORS": "x.pem"},
    )
    assert 78 == checked.returncode
    assert "partners: no such key; did you mean partner?" in checked.stderr
