"""Two providers with a TDM trunk between them: Kamailio and sidecar on either side, one CPS, callers and called."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from cps_client.lab import Cps, Lab
from cps_client.lab.loopback import ADDRESS, HOST
from stir.testing import ServiceProvider
from tests.support.telephony import SECONDS, Kamailio, Program, Sidecar, Sipp, Trunk, Valve, free_udp_ports

PASSED, FAILED, NOTHING = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"
SHIPPED: Final = Path(__file__).resolve().parents[2] / "deploy" / "kamailio"
SCENARIOS: Final = Path(__file__).resolve().parents[1] / "e2e" / "sipp"
PATIENT: Final = {"CPS_CLIENT_PUBLISH_BUDGET": "20", "CPS_CLIENT_RETRIEVE_BUDGET": "20"}
"""Budgets for tests of anything but budgets: a busy machine may take its time."""
DEFAULT: Final = {"CPS_CLIENT_PUBLISH_BUDGET": "1", "CPS_CLIENT_RETRIEVE_BUDGET": "0.5"}

SIP_WORKERS: Final = 2
"""How many of a Kamailio's processes take messages."""

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
    cps: Cps
    home: ServiceProvider
    trunk: Trunk
    valve: Valve
    sidecars: tuple[Sidecar, Sidecar]
    kamailios: tuple[Kamailio, Kamailio]
    called_port: int
    tcp: bool = False
    """Whether callers and called use TCP."""

    @asynccontextmanager
    async def called(self, call: Call, expected: Expected, calls: int = 1) -> AsyncIterator[Sipp]:
        """Run the called side, which takes *calls* that are as *expected*."""
        first, second, third = [*expected.identities, "", "", ""][:3]
        keys = {"identity1": first, "identity2": second, "identity3": third, "verstat": expected.verstat}
        keys |= {"number": expected.number or call.orig, "attest": expected.attest, "origid": expected.origid}
        side = self._sipp("uas", self.called_port, keys, "-m", calls)
        try:
            yield await side.start()
        finally:
            await side.stop()

    def caller(
        self, call: Call, *fields: str, called: str | None = None, calls: int = 1, to: int | None = None
    ) -> Sipp:
        """
        Return the calling side, not started yet.

        Args:
            call: The numbers.
            fields: More header fields of its INVITE.
            called: The number before any retargeting.
            calls: How many calls it makes at once.
            to: Where it sends them in place of the first Kamailio.
        """
        headers = "".join(f"\r\n{field}" for field in fields)
        keys = {"orig": call.orig, "dest": call.dest, "called": called or call.dest, "headers": headers}
        rate = ("-m", calls, "-l", calls, "-r", calls)
        return self._sipp("uac", free_udp_ports(1)[0], keys, *rate, f"{ADDRESS}:{to or self.kamailios[0].port}")

    async def cancel(self, call: Call, at: int) -> None:
        """Place a call to the port *at* and give up before anybody was called; 487 has to come."""
        side = self._sipp(
            "cancelling",
            free_udp_ports(1)[0],
            {"orig": call.orig, "dest": call.dest},
            *("-m", 1, f"{ADDRESS}:{at}"),
        )
        await self.check(await side.start())

    async def place(self, call: Call, *fields: str, expected: Expected, called: str | None = None) -> None:
        """Place a call that has to arrive as *expected*."""
        async with self.called(call, expected) as side:
            await self.check(side, await self.caller(call, *fields, called=called).start())

    async def check(self, side: Program, *callers: Program) -> None:
        """Fail unless the called side was content; the callers then have heard all that they should, too."""
        everybody = (side, *callers)
        try:
            async with asyncio.timeout(2 * SECONDS):
                code = await side.ended()
                told = "\n".join(one.said() for one in (*everybody, *self.kamailios, *self.sidecars))
                assert 0 == code, told
                assert [0] * len(callers) == [await one.ended() for one in callers], told
        finally:
            for one in everybody:
                await one.stop()

    def _sipp(self, scenario: str, port: int, keys: Mapping[str, str], *options: object) -> Sipp:
        log = self.lab.directory / f"{scenario}-{next(_calls)}.log"
        return Sipp(log, SCENARIOS / f"{scenario}.xml", port, keys, *options, tcp=self.tcp)


def adapted(name: str, changes: Mapping[str, str], defines: Sequence[str] = ()) -> str:
    """Return a shipped configuration with *changes*, and with these *defines* no longer commented out."""
    text = (SHIPPED / name).read_text()
    for theirs, ours in {**changes, **{f"##!define {define}\n": f"#!define {define}\n" for define in defines}}.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    return text


def kamailio(
    folder: Path,
    role: str,
    changes: Mapping[str, str],
    sidecar: Sidecar,
    defines: Sequence[str] = (),
    *,
    wait: int = 30,
) -> Kamailio:
    """
    Return a Kamailio in a *folder* of its own, not started yet.

    Args:
        folder: Where its configuration and its log are.
        role: Which of the shipped configurations it has.
        changes: What its operator writes into it.
        sidecar: Whom it asks.
        defines: What its operator uncomments.
        wait: Seconds that it waits for a sidecar that does not answer.
    """
    (port,) = free_udp_ports(1)
    folder.mkdir()
    asks = {"http://127.0.0.1:8090": sidecar.url, '"connection_timeout", 2)': f'"connection_timeout", {wait})'}
    (folder / "oob.cfg").write_text(adapted("oob.cfg", asks))
    small = {"OOB_WORKERS 32": "OOB_WORKERS 12", "children=4": f"children={SIP_WORKERS}"}
    listen = {f"LISTEN!127.0.0.1:{theirs}!": f"LISTEN!{ADDRESS}:{port}!" for theirs in (5060, 5070)}
    name = f"kamailio-{role}.cfg"
    own = {theirs: ours for theirs, ours in listen.items() if theirs in (SHIPPED / name).read_text()}
    (folder / name).write_text(adapted(name, small | own | dict(changes), defines))
    return Kamailio(folder, name, port)


@asynccontextmanager
async def network(folder: Path) -> AsyncIterator[Network]:
    """Run everything."""
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab.open(folder))
        home, away = lab.world.service_provider("123A"), lab.world.service_provider("456B")
        cps = await lab.start_cps()
        valve = await stack.enter_async_context(Valve(int(cps.url.rpartition(":")[2])).running())
        url = f"https://{HOST}:{valve.port}"
        near, far = (
            Sidecar(folder, f"sidecar-{one.spc}", {**lab.client_settings(one, url), **PATIENT}) for one in (home, away)
        )
        (called,) = free_udp_ports(1)
        behind = kamailio(folder / "b", "tdm-to-sip", {"127.0.0.1:5080": f"{ADDRESS}:{called}"}, far)
        trunk = await stack.enter_async_context(Trunk(behind.port).running())
        before = kamailio(folder / "a", "sip-to-tdm", {"127.0.0.1:5070": f"{ADDRESS}:{trunk.port}"}, near)
        for program in (near, far, before, behind):
            stack.push_async_callback(program.stop)
        await asyncio.gather(*(program.start() for program in (near, far, before, behind)))
        yield Network(lab, cps, home, trunk, valve, (near, far), (before, behind), called)
