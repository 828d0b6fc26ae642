"""
Calls through real software: SIPp, Kamailio in front of a TDM trunk, Kamailio behind it, SIPp.

The configurations are those in deploy/kamailio, with the ports of this test in place of an operator's. The called side
checks every INVITE byte for byte, and what counts is its exit code: the calling side is content with any answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
import pytest_asyncio

from cps_client.lab import Lab
from cps_client.lab.loopback import ADDRESS, HOST
from stir.testing import ServiceProvider
from tests.support.telephony import Kamailio, Program, Sidecar, Trunk, Valve, bound, free_udp_ports, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *map(pytest.mark.system, ("kamailio", "kamailio-extra-modules", "kamailio-utils-modules", "sip-tester")),
]

SHIPPED: Final = Path(__file__).resolve().parents[2] / "deploy" / "kamailio"
SCENARIOS: Final = Path(__file__).resolve().parent / "sipp"
PASSED, FAILED, NOTHING = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"
PATIENT: Final = {"CPS_CLIENT_PUBLISH_BUDGET": "20", "CPS_CLIENT_RETRIEVE_BUDGET": "20"}
"""Budgets for tests of anything but budgets: a busy machine may take its time."""

_numbers = count(1)
_calls = count(1)


@dataclass(frozen=True)
class Call:
    """A call between numbers that no other test uses."""

    orig: str
    dest: str

    @classmethod
    def new(cls) -> "Call":
        """Return a new one."""
        number = next(_numbers)
        return cls(f"12155550{number:03}", f"12015551{number:03}")


@dataclass(frozen=True)
class Expected:
    """What the called side has to see."""

    identities: Sequence[str] = ()
    verstat: str = NOTHING
    number: str | None = None
    attest: str = ""
    origid: str = ""


@dataclass
class Network:
    """The whole way of a call."""

    lab: Lab
    home: ServiceProvider
    trunk: Trunk
    valve: Valve
    sidecars: tuple[Sidecar, Sidecar]
    kamailios: tuple[Kamailio, Kamailio]
    called_port: int

    @asynccontextmanager
    async def called(self, call: Call, expected: Expected, calls: int = 1) -> AsyncIterator[Program]:
        """Run the called side, which takes *calls* that are as *expected*."""
        first, second, third = [*expected.identities, "", "", ""][:3]
        keys = {"identity1": first, "identity2": second, "identity3": third, "verstat": expected.verstat}
        keys |= {"number": expected.number or call.orig, "attest": expected.attest, "origid": expected.origid}
        side = self._sipp("uas", self.called_port, keys, "-m", calls)
        try:
            await side.start()
            await until(lambda: bound(self.called_port), side.said)
            yield side
        finally:
            await side.stop()

    async def calling(self, call: Call, *fields: str, called: str | None = None, calls: int = 1) -> Program:
        """Start the calling side with these header *fields*; *called* was the number before any retargeting."""
        headers = "".join(f"\r\n{field}" for field in fields)
        keys = {"orig": call.orig, "dest": call.dest, "called": called or call.dest, "headers": headers}
        rate = ("-m", calls, "-l", calls, "-r", calls)
        return await self._sipp("uac", free_udp_ports(1)[0], keys, *rate, f"{ADDRESS}:{self.kamailios[0].port}").start()

    async def place(self, call: Call, *fields: str, expected: Expected, called: str | None = None) -> None:
        """Place a call that has to arrive as *expected*."""
        async with self.called(call, expected) as side:
            await self.check(side, await self.calling(call, *fields, called=called))

    async def check(self, side: Program, *callers: Program) -> None:
        """Fail unless the called side was content; the callers then hear 200 to the end, too."""
        try:
            code = await side.ended()
            told = "\n".join(one.said() for one in (side, *callers, *self.kamailios, *self.sidecars))
            assert 0 == code, told
            assert [0] * len(callers) == [await one.ended() for one in callers], told
        finally:
            for one in callers:
                await one.stop()

    def _sipp(self, scenario: str, port: int, keys: Mapping[str, str], *options: object) -> Program:
        log = self.lab.directory / f"{scenario}-{next(_calls)}.log"
        words = [word for name, value in keys.items() for word in ("-key", name, value)]
        limits = ("-timeout", "60s", "-timeout_error", "-recv_timeout", "50000")
        return Program(
            log,
            *("/usr/bin/sipp", "-sf", SCENARIOS / f"{scenario}.xml", "-i", ADDRESS, "-p", port, "-nostdin"),
            *("-trace_err", "-error_file", log.with_suffix(".err"), *limits, *options, *words),
        )


def adapted(folder: Path, name: str, changes: Mapping[str, str], *defines: str, to: str | None = None) -> str:
    """Write a shipped configuration with *changes* into *folder* and return its name there."""
    text = (SHIPPED / name).read_text()
    for theirs, ours in changes.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    for define in defines:
        assert f"##!define {define}\n" in text, define
        text = text.replace(f"##!define {define}\n", f"#!define {define}\n")
    (folder / (to or name)).write_text(text)
    return to or name


@asynccontextmanager
async def network(folder: Path, *defines: str) -> AsyncIterator[Network]:
    """Run everything, with *defines* switched on in both configurations of Kamailio."""
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab.open(folder))
        home, away = lab.world.service_provider("123A"), lab.world.service_provider("456B")
        cps = await lab.start_cps()
        valve = await stack.enter_async_context(Valve(int(cps.url.rpartition(":")[2])).running())
        near, far, called = free_udp_ports(3)
        trunk = await stack.enter_async_context(Trunk(far).running())
        url = f"https://{HOST}:{valve.port}"
        sidecars = tuple(
            Sidecar(folder, name, {**lab.client_settings(provider, url), **PATIENT})
            for name, provider in (("sidecar-a", home), ("sidecar-b", away))
        )
        files = _configurations(folder, lab, (near, far), trunk, sidecars, called, defines)
        kamailios = tuple(Kamailio(folder, file, port) for file, port in zip(files, (near, far), strict=True))
        for program in (*sidecars, *kamailios):
            stack.push_async_callback(program.stop)
        await asyncio.gather(*(program.start() for program in (*sidecars, *kamailios)))
        yield Network(lab, home, trunk, valve, sidecars, kamailios, called)


def _configurations(
    folder: Path,
    lab: Lab,
    ports: tuple[int, int],
    trunk: Trunk,
    sidecars: Sequence[Sidecar],
    called: int,
    defines: Sequence[str],
) -> list[str]:
    for sidecar, name in zip(sidecars, "ab", strict=True):
        changes = {"http://127.0.0.1:8090": sidecar.url, '"connection_timeout", 2)': '"connection_timeout", 30)'}
        adapted(folder, "oob.cfg", changes, to=f"oob-{name}.cfg")
    small = {"OOB_WORKERS 32": "OOB_WORKERS 12", "children=4": "children=2"}
    own = {"udp:127.0.0.1:5060": f"udp:127.0.0.1:{ports[0]}", "sip:127.0.0.1:5070": f"sip:127.0.0.1:{trunk.port}"}
    signing = {"https://certificates.example.com/123A.pem": lab.world.service_provider("123A").x5u}
    near = small | own | {'"oob.cfg"': '"oob-a.cfg"'}
    own = {"udp:127.0.0.1:5070": f"udp:127.0.0.1:{ports[1]}", "sip:127.0.0.1:5080": f"sip:127.0.0.1:{called}"}
    far = small | own | {'"oob.cfg"': '"oob-b.cfg"'}
    del signing
    return [
        adapted(folder, "kamailio-sip-to-tdm.cfg", near, *defines),
        adapted(folder, "kamailio-tdm-to-sip.cfg", far, *defines),
    ]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def net(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Run everything once for all tests."""
    async with network(tmp_path_factory.mktemp("kamailio")) as running:
        yield running


def signed(net: Network, call: Call, **more: str) -> tuple[str, str]:
    """Return an Identity header value of the call's own provider, and its origid."""
    origid = str(uuid4())
    return net.home.sign(orig=call.orig, dest=call.dest, origid=origid, **more), origid


async def test_a_signed_call_arrives_signed_and_verified(net: Network) -> None:
    """What a TDM trunk cannot carry arrives nevertheless: the very Identity header, and the verdict on it."""
    call = Call.new()
    identity, origid = signed(net, call)

    await net.place(call, f"Identity: {identity}", expected=Expected([identity], PASSED, attest="A", origid=origid))
