"""The page about Kamailio, terminal by terminal, on ports of this test's own."""

import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cps_client.lab.loopback import ADDRESS
from tests.support.interconnection import SHIPPED, adapted
from tests.support.telephony import Program, bound, free_udp_ports, until

ROOT = SHIPPED.parents[1]
TERMINALS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/how-to/kamailio.md").read_text(), re.DOTALL | re.MULTILINE)

pytestmark = [
    pytest.mark.system("kamailio", "kamailio-extra-modules", "kamailio-utils-modules", "sip-tester"),
]


class Terminal(Program):
    """A shell in the project's folder that runs one block of the page."""

    def environment(self) -> Mapping[str, str]:
        """Return an environment with the product's commands in it and none of its settings."""
        clean = {key: value for key, value in os.environ.items() if not key.upper().startswith("CPS_")}
        return {**clean, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def changes(tmp_path: Path) -> Mapping[str, str]:
    """Return what differs on this machine: ports, the lab's folder, and configurations with those ports."""
    near, far, called, calling = map(str, free_udp_ports(4))
    sidecar = f"{ADDRESS}:{free_udp_ports(1)[0]}"
    ports = {"127.0.0.1:5060": f"127.0.0.1:{near}", "127.0.0.1:5070": f"127.0.0.1:{far}"}
    (tmp_path / "oob.cfg").write_text(adapted("oob.cfg", {"127.0.0.1:8090": sidecar}))
    (tmp_path / "kamailio-sip-to-tdm.cfg").write_text(adapted("kamailio-sip-to-tdm.cfg", ports))
    ports = {"127.0.0.1:5070": f"127.0.0.1:{far}", "127.0.0.1:5080": f"127.0.0.1:{called}"}
    (tmp_path / "kamailio-tdm-to-sip.cfg").write_text(adapted("kamailio-tdm-to-sip.cfg", ports))
    generous = "CPS_CLIENT_PUBLISH_BUDGET=20 CPS_CLIENT_RETRIEVE_BUDGET=20"
    return {
        "/tmp/lab": str(tmp_path / "lab"),
        "$PWD/deploy/kamailio": str(tmp_path),
        "cps-client gateway": f"CPS_CLIENT_GATEWAY__LISTEN={sidecar} {generous} exec cps-client gateway",
        "cps-client lab": "exec cps-client lab",
        "kamailio -DD": "exec kamailio -DD",
        "127.0.0.1:5060": f"127.0.0.1:{near}",
        "-p 5080": f"-p {called}",
        "-p 5061": f"-p {calling}",
    }


@pytest.fixture
async def terminals(tmp_path: Path, changes: Mapping[str, str]) -> AsyncIterator[list[Terminal]]:
    """Return the page's terminals, none of them started."""
    async with AsyncExitStack() as stack:
        made = []
        for number, block in enumerate(TERMINALS):
            script = f"cd {ROOT}\n{block}"
            for theirs, ours in changes.items():
                script = script.replace(theirs, ours)
            made.append(Terminal(tmp_path / f"{number}.log", "/bin/bash", "-ec", script))
            stack.push_async_callback(made[-1].stop)
        yield made


async def test_the_page(terminals: list[Terminal], tmp_path: Path, changes: Mapping[str, str]) -> None:
    """Whoever types what the page says sees a call verified that lost its Identity header field on the way."""
    _, lab, sidecar, near, far, call = terminals
    await lab.start()
    await until(lambda: said(lab, "The lab is up"), lab.said)
    await sidecar.start()
    await until(lambda: said(sidecar, "gateway_started"), sidecar.said)
    await near.start()
    await far.start()
    await until(lambda: bound(int(changes["127.0.0.1:5060"].partition(":")[2])), near.said)
    await call.start()

    assert 0 == await call.ended(), [one.said() for one in terminals]
    assert "verified" in call.said()
    for one in (far, near, sidecar, lab):
        await one.stop(signal.SIGINT)


async def said(program: Program, text: str) -> bool:
    """Return whether a program has printed this."""
    return text in program.log.read_text()
