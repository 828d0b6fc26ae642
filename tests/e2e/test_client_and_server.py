"""The product's client against the product's server, over real sockets and HTTPS, in the lab."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from cps_client import ClientSettings, CpsClient
from cps_client.lab import Cps, Lab
from cps_client.settings import load
from stir.testing import ServiceProvider
from stir.verdict import Verstat

ORIG, DEST = "12155550100", "12155551212"
PATIENCE = {"PUBLISH_BUDGET": "5", "RETRIEVE_BUDGET": "5"}


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab without a CPS."""
    async with Lab.open(tmp_path) as made:
        yield made


@pytest.fixture
async def cps(lab: Lab, sp: ServiceProvider) -> Cps:
    """A CPS of the lab."""
    return await lab.start_cps()


@pytest.fixture
def sp(lab: Lab) -> ServiceProvider:
    """A provider of the lab."""
    return lab.world.service_provider("123A")


def environment(lab: Lab, sp: ServiceProvider, *urls: str, generation: int = 1, **others: str) -> dict[str, str]:
    """Return the settings of the provider's gateway."""
    given = {"CPS_TLS_CA_FILE": str(lab.tls_ca), **PATIENCE, **others}
    return dict(lab.client_settings(sp, *urls, generation=generation, **given))


def settings(variables: dict[str, str]) -> ClientSettings:
    """Read settings from these variables alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        return load()


async def run(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the client, while the lab goes on serving."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("CPS_")}
    command = [sys.executable, "-m", "cps_client", *arguments]
    program = partial(subprocess.run, command, env=clean | variables, capture_output=True, text=True, check=False)
    return await asyncio.to_thread(program)


@pytest.mark.clause("cps-1-parties", "oob-5.1-insert", "use-3-unaltered")
@pytest.mark.parametrize("generation", [1, 2])
async def test_main_job(generation: int, lab: Lab, sp: ServiceProvider, cps: Cps) -> None:
    """A signed call's PASSporTs survive the TDM leg, byte for byte, and another call finds nothing."""
    identities = [sp.sign(orig=ORIG, dest=DEST, attest="B"), sp.sign(orig=ORIG, dest=DEST, attest="A")]

    async with CpsClient.from_settings(settings(environment(lab, sp, cps.url, generation=generation))) as client:
        await client.check()
        receipt = await client.publish(orig=ORIG, dest=DEST, identities=identities)
        found = await client.retrieve_and_verify(orig=ORIG, dest=DEST)
        nothing = await client.retrieve_and_verify(orig=DEST, dest=ORIG)

    assert (True, 201) == (receipt.published, receipt.status)
    assert (Verstat.PASSED, "A", tuple(identities)) == (found.verdict.verstat, found.verdict.attest, found.identities)
    assert (Verstat.NONE, "none") == (nothing.verdict.verstat, nothing.as_dict()["case"])


@pytest.mark.clause("cps-6.3-retrieve", "cps-14-1")
async def test_partners_of_the_second_generation(lab: Lab, sp: ServiceProvider, cps: Cps) -> None:
    """Another provider asks for what the first one published, by the first one's SPC."""
    partner = lab.world.service_provider("456B")

    async with (
        CpsClient.from_settings(settings(environment(lab, sp, cps.url, generation=2))) as publisher,
        CpsClient.from_settings(settings(environment(lab, partner, cps.url, generation=2))) as retriever,
    ):
        assert (await publisher.publish(orig=ORIG, dest=DEST)).published
        found = await retriever.retrieve_and_verify(orig=ORIG, dest=DEST, spc="123A")
        own = await retriever.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert found.verdict.passed
    assert not own.retrieval.found


@pytest.mark.clause("oob-6-401")
async def test_refusals_come_through(lab: Lab, sp: ServiceProvider, cps: Cps) -> None:
    """What the server refuses is told with its status and its reason, and the call goes on."""
    async with CpsClient.from_settings(settings(environment(lab, sp, cps.url))) as client:
        spoofed = await client.publish(orig=ORIG, dest=DEST, identities=[sp.sign(orig="19995550000", dest=DEST)])
    async with CpsClient.from_settings(settings(environment(lab, sp, cps.url, AUDIENCE="other.example"))) as client:
        elsewhere = await client.publish(orig=ORIG, dest=DEST)

    assert (400, 401) == (spoofed.status, elsewhere.status)
    assert "E16" in spoofed.reason
    assert "aud" in elsewhere.reason


async def test_failover_to_the_one_that_lives(lab: Lab, sp: ServiceProvider, cps: Cps) -> None:
    """With its preferred CPS down a gateway works on with the next."""
    async with CpsClient.from_settings(settings(environment(lab, sp, "https://localhost:9", cps.url))) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)
        found = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert ["connect", None] == [attempt["error"] for attempt in receipt.as_dict()["attempts"]]
    assert found.verdict.passed


@pytest.mark.clause("oob-5.1-verify")
async def test_commands(lab: Lab, sp: ServiceProvider, cps: Cps) -> None:
    """The commands do the same as programs, with the exit codes that scripts rely on."""
    variables, call = environment(lab, sp, cps.url), ("--orig", ORIG, "--dest", DEST)

    done = [
        await run(variables, "check"),
        await run(variables, "check", "--json"),
        await run(variables, "retrieve", *call),
        await run(variables, "publish", *call),
        await run(variables, "retrieve", *call, "--verify"),
        await run(variables, "verify", *call, "--identity", sp.sign(orig=ORIG, dest=DEST)),
        await run(variables, "cert", "inspect", sp.x5u, "--json"),
    ]

    assert [0, 0, 1, 0, 0, 0, 0] == [one.returncode for one in done], [one.stderr for one in done]
    assert "All is well" in done[0].stdout
    assert "Revocation: checked; the CRL was issued 0 hours ago." in done[0].stdout
    assert '"revocation": {"state": "checked"' in done[1].stdout
    assert "TN-Validation-Passed" in done[4].stdout
    assert '"spc": "123A"' in done[6].stdout
