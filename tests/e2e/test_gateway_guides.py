"""The guides for gateways: every request that they show, in its very form, to a running sidecar with a real CPS."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cps_client.lab.lab import Lab
from tests.support.telephony import Sidecar

ROOT = Path(__file__).resolve().parents[2]
PASSED = "TN-Validation-Passed"
GUIDES = {
    "gateway": ['"published":true', f'"P-Asserted-Identity":"<tel:+12155550199;verstat={PASSED}>"'],
    "asterisk": ["published=yes&passports=1&rule=configured&", f"verstat={PASSED}&"],
    "freeswitch": ["published=yes\npassports=1\n", f"verstat={PASSED}\n"],
    "opensips": ['"published":true', f'"verstat":"{PASSED}"'],
    "sbc": ['{"signingResponse":{"identity":"ey', f'{{"verificationResponse":{{"verstat":"{PASSED}"}}}}'],
}
"""What is in the answers to the requests of each page, in their order."""


def requests(page: str) -> list[str]:
    """Return the curl commands of a guide."""
    text = (ROOT / f"docs/how-to/{page}.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("curl ")]


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    """A sidecar of a provider of the lab, whose CPS is a real one."""
    async with Lab.open(tmp_path) as lab:
        cps = await lab.start_cps()
        generous = {"PUBLISH_BUDGET": "20", "RETRIEVE_BUDGET": "20"}
        settings = lab.client_settings(lab.world.service_provider("123A"), cps.url, **generous)
        started = await Sidecar(tmp_path, "sidecar", settings).start()
        yield started
        await started.stop()


@pytest.mark.system("curl")
async def test_the_requests_of_the_guides(sidecar: Sidecar) -> None:
    """What is published as a guide says is found and verified as it says."""
    for page, expected in GUIDES.items():
        commands = requests(page)
        assert len(expected) == len(commands), page
        for piece, command in zip(expected, commands, strict=True):
            curl = await asyncio.create_subprocess_shell(
                command.replace("http://127.0.0.1:8090", sidecar.url), stdout=asyncio.subprocess.PIPE
            )
            said = (await curl.communicate())[0].decode()
            assert piece in said, (page, command, sidecar.said())
