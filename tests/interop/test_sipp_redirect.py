"""
The SIP redirect server against SIPp: calls into TDM and out of it, as the scenarios in deploy/sipp place them.

The sidecar, the CPS and the certificate repository are processes and sockets of their own. What counts is SIPp's exit
code: its scenarios check every answer byte for byte, and a control shows that they do.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from cps_client.lab import Lab
from cps_client.lab.loopback import free_ports
from stir.testing import ServiceProvider
from tests.support.telephony import Program, Sidecar, free_udp_ports

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.system("sip-tester")]

SCENARIOS: Final = Path(__file__).resolve().parents[2] / "deploy" / "sipp"
PASSED, FAILED, NOTHING = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"
TARGET: Final = "192.0.2.9:5080"
PATIENT: Final = {"PUBLISH_BUDGET": "20", "RETRIEVE_BUDGET": "20"}
"""Budgets for tests of anything but budgets: a busy machine may take its time."""

_numbers = count(1)
_runs = count(1)


@dataclass
class Redirects:
    """A sidecar that redirects over UDP and TCP, with all that it needs behind it."""

    lab: Lab
    home: ServiceProvider
    sidecar: Sidecar
    ports: Mapping[str, int]

    async def sipp(self, scenario: str, dest: str, keys: Mapping[str, str], *options: object, over: str = "u") -> int:
        """Run a scenario and return SIPp's exit code."""
        given = {"orig": "+12155550100", "dest": dest, "contact": f"sip:{dest}@{TARGET}"} | dict(keys)
        ipv6 = over.endswith("6")
        host, port = ("[::1]" if ipv6 else "127.0.0.1"), self.ports[over]
        own_port = free_ports(1) if over == "t" else free_udp_ports(1)
        program = Program(
            self.lab.directory / f"sipp-{next(_runs)}.log",
            *("/usr/bin/sipp", "-sf", SCENARIOS / f"redirect-{scenario}.xml", "-t", over.removesuffix("6") + "1"),
            *("-i", host.strip("[]"), "-p", *own_port, "-nostdin", "-timeout", "60s", "-timeout_error"),
            *("-m", 1, "-recv_timeout", 50_000, *options),
            *(word for name, value in given.items() for word in ("-key", name, value)),
            f"{host}:{port}",
        )
        await program.start()
        try:
            code = await program.ended()
        finally:
            await program.stop()
        print(program.said(80), self.sidecar.said(), sep="\n")  # noqa: T201 - shown when the test fails
        return code

    async def metric(self, name: str) -> float:
        """Return one number of the sidecar's metrics."""
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(f"{self.sidecar.url}/metrics") as told,
        ):
            lines = (await told.text()).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@asynccontextmanager
async def redirects(folder: Path) -> AsyncIterator[Redirects]:
    """Run everything."""
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab.open(folder))
        home, cps = lab.world.service_provider("709J"), await lab.start_cps(CPS_STORE__RETENTION="60")
        udp, tcp, udp6 = free_udp_ports(1)[0], free_ports(1)[0], free_udp_ports(1)[0]
        listen = f'["udp:127.0.0.1:{udp}", "tcp:127.0.0.1:{tcp}", "udp:[::1]:{udp6}"]'
        settings = {"GATEWAY__SIP__LISTEN": listen, "GATEWAY__SIP__CONTACT": f"sip:{{user}}@{TARGET}", **PATIENT}
        sidecar = Sidecar(folder, "sidecar", lab.client_settings(home, cps.url, **settings))
        stack.push_async_callback(sidecar.stop)
        await sidecar.start()
        yield Redirects(lab, home, sidecar, {"u": udp, "t": tcp, "u6": udp6})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def net(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Redirects]:
    """Everything, for all tests of this module."""
    async with redirects(tmp_path_factory.mktemp("redirect")) as running:
        yield running


@pytest.fixture
def dest() -> str:
    """Return a called number that no other test uses."""
    return f"+12155551{next(_numbers):03}"


@pytest.mark.parametrize("over", ["u", "t", "u6"])
async def test_a_signature_survives_tdm(net: Redirects, dest: str, over: str) -> None:
    """What went into TDM with an Identity comes out of it with the same one, verified, byte for byte."""
    identity = net.home.sign(orig="12155550100", dest=dest.removeprefix("+"))

    published = await net.sipp("publish", dest, {"identity": identity}, over=over)
    retrieved = await net.sipp("retrieve", dest, {"identity": identity, "verstat": PASSED}, over=over)

    assert (0, 0) == (published, retrieved)


async def test_the_scenarios_do_check(net: Redirects, dest: str) -> None:
    """An answer that is not what the caller expects makes SIPp fail: another Identity, verstat or Contact."""
    identity = net.home.sign(orig="12155550100", dest=dest.removeprefix("+"))
    expected = {"identity": identity, "verstat": PASSED}

    assert 0 == await net.sipp("publish", dest, {"identity": identity})
    assert 0 != await net.sipp("publish", dest, {"identity": identity, "contact": "sip:elsewhere"})
    assert 0 != await net.sipp("retrieve", dest, expected | {"identity": identity[:-1]})
    assert 0 != await net.sipp("retrieve", dest, expected | {"identity": ""})
    assert 0 != await net.sipp("retrieve", dest, expected | {"verstat": NOTHING})
    assert 0 != await net.sipp("retrieve", dest, expected | {"contact": "sip:elsewhere"})
    assert 0 == await net.sipp("retrieve", dest, expected)


async def test_a_call_of_which_nothing_was_published(net: Redirects, dest: str) -> None:
    """It goes on without an Identity, and as not verified."""
    assert 0 == await net.sipp("retrieve", dest, {"identity": "", "verstat": NOTHING})


async def test_a_spoofed_caller(net: Redirects, dest: str) -> None:
    """What was signed for one caller does not verify another."""
    identity = net.home.sign(orig="12155550100", dest=dest.removeprefix("+"))

    assert 0 == await net.sipp("publish", dest, {"identity": identity})
    assert 0 == await net.sipp("retrieve", dest, {"orig": "+12155550199", "identity": "", "verstat": NOTHING})


async def test_lost_answers_make_no_second_publish(net: Redirects, dest: str) -> None:
    """A caller that loses a tenth of all packets sends again, and each of its calls is still published once."""
    identity = net.home.sign(orig="12155550100", dest=dest.removeprefix("+"))
    calls, again = "cps_gateway_calls_total{", "cps_gateway_sip_retransmissions_total"
    before = await net.metric(calls), await net.metric(again)

    code = await net.sipp("publish", dest, {"identity": identity}, "-m", 80, "-r", 40, "-lost", 10)

    after = await net.metric(calls), await net.metric(again)
    assert 0 == code
    assert 80 == after[0] - before[0]
    assert after[1] > before[1]
