"""
Calls through the SIP redirect server, placed by SIPp: every call goes into TDM, and a moment later comes out of it.

Two sidecars with a CPS between them, as with two providers: the first signs, publishes and sends on; the second, asked
for the same numbers two seconds later, retrieves, verifies and sends on with the Identity. Prints how long answers
took, and what the CPU was spent on. Exit 0 if no call was lost and every answer was right; how fast it was does not
matter.

    PYTHONPATH=. .venv/bin/python -m tests.load.sip_redirect --rate 500 --seconds 60

With ``--side out`` or ``--side in`` only one of the two gets that rate, for machines with few cores.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import aiohttp

from cps_client.lab.lab import Lab
from tests.load.chaos_calls import percentile
from tests.support.telephony import Program, Sidecar, free_udp_ports

TARGET: Final = "sip:{user}@192.0.2.9:5080"
LAG: Final = 2.0
"""Seconds until a call comes out of TDM."""

NUMBERS: Final = 50
"""Called numbers that the calls out of TDM take turns with, where they alone are measured."""

REFRESH: Final = 8.0
"""Seconds after which these are published again; the CPS keeps them for 20."""

WARM_UP: Final = 20
"""Calls that each sidecar has answered before anything is measured."""

SCENARIO: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<scenario name="{name}">
  <send retrans="500" start_rtd="answer">
    <![CDATA[

      INVITE sip:{dest}@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      From: <sip:+12155550100@[local_ip]:[local_port]>;tag=[pid]-[call_number]
      To: <sip:{dest}@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:+12155550100@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>
  <recv response="100" optional="true"/>
  <recv response="302" rtd="answer">
    <action>
      <ereg regexp="^ *eyJ[A-Za-z0-9_.-]*;info=" search_in="hdr" header="Identity:" start_line="true" check_it="true"
            assign_to="identity"/>
      {check}
    </action>
  </recv>
  <Reference variables="identity{also}"/>
  <send>
    <![CDATA[

      ACK sip:{dest}@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3];rport
      From: <sip:+12155550100@[local_ip]:[local_port]>;tag=[pid]-[call_number]
      [last_To:]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>
</scenario>
"""
VERIFIED: Final = (
    '<ereg regexp="verstat=TN-Validation-Passed" search_in="hdr" header="P-Asserted-Identity:" start_line="true" '
    'check_it="true" assign_to="verified"/>'
)


@dataclass(frozen=True)
class Leg:
    """How one side's calls were answered."""

    name: str
    calls: int
    exit_code: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    retransmissions: float
    """INVITEs that SIPp sent again because no answer had come in half a second."""


@dataclass(frozen=True)
class Run:
    """What came out."""

    legs: list[Leg]
    cpu: dict[str, float]
    """Cores that each part was busy with, from the first call to the last."""

    @property
    def is_right(self) -> bool:
        """Whether no call was lost, and every answer was what it had to be."""
        return all(leg.exit_code == 0 for leg in self.legs)


class Side:
    """A sidecar and the SIPp that calls it."""

    def __init__(self, folder: Path, name: str, sidecar: Sidecar, port: int) -> None:
        self.name, self.sidecar = name, sidecar
        self._folder, self._port, self._runs = folder, port, 0

    @property
    def group(self) -> int:
        """The process group of the sidecar."""
        assert self.sidecar._process is not None
        return self.sidecar._process.pid

    async def calls(self, count: int, rate: float, base: int, *, turns: bool = False) -> tuple[int, list[float]]:
        """
        Place so many calls; return SIPp's exit code, and how long each answer took in milliseconds.

        Args:
            count: How many.
            rate: How many a second.
            base: What the called numbers begin with.
            turns: Whether they take turns with a few called numbers, instead of having one each.
        """
        self._runs += 1
        folder = self._folder / f"{self.name}-{self._runs}"
        folder.mkdir()
        is_in = self.name == "in"
        also, check = (",verified", VERIFIED) if is_in else ("", "")
        dest = "[field0]" if turns else f"+1215{base}[call_number]"
        (folder / "calls.xml").write_text(SCENARIO.format(name=self.name, dest=dest, also=also, check=check))
        (folder / "calls.csv").write_text("SEQUENTIAL\n" + "".join(f"+1215{base}{n + 1};\n" for n in range(NUMBERS)))
        program = Program(
            folder / "sipp.log",
            *(shutil.which("sipp") or "sipp", "-sf", "calls.xml", "-i", "127.0.0.1", "-p", *free_udp_ports(1)),
            *("-r", rate, "-m", count, "-l", 10 * round(rate), "-nostdin", "-recv_timeout", 30_000),
            *("-trace_rtt", "-rtt_freq", 1, "-timer_resol", 1, "-trace_err", "-buff_size", 1_048_576),
            *(("-inf", "calls.csv") if turns else ()),
            f"127.0.0.1:{self._port}",
        )
        await program.start()
        try:
            code = await program.ended()
        finally:
            await program.stop()
        if code:
            print(program.said(), file=sys.stderr)  # noqa: T201 - a command
        rows = [line.split(";") for file in folder.glob("*_rtt.csv") for line in file.read_text().splitlines()[1:]]
        return code, [float(row[1]) for row in rows]

    async def retransmissions(self) -> float:
        """Return how many INVITEs came again."""
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(f"{self.sidecar.url}/metrics") as told,
        ):
            lines = (await told.text()).splitlines()
        return next(
            float(line.split()[-1]) for line in lines if line.startswith("cps_gateway_sip_retransmissions_total")
        )

    async def leg(self, count: int, rate: float, base: int, *, turns: bool = False) -> Leg:
        """Place the calls that are measured."""
        before = await self.retransmissions()
        code, took = await self.calls(count, rate, base, turns=turns)
        again = await self.retransmissions() - before
        if not took:
            return Leg(self.name, 0, code or 1, 0, 0, 0, again)
        return Leg(self.name, len(took), code, percentile(took, 50), percentile(took, 99), max(took), again)


async def calls_through(*, rate: float, seconds: float, side: str = "both") -> Run:
    """Place *rate* calls a second on one side or both; return how they were answered."""
    with tempfile.TemporaryDirectory(prefix="cps-sip-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            lab = await stack.enter_async_context(Lab.open(folder))
            cps = await lab.start_cps(CPS_STORE__URL="memory://", CPS_STORE__RETENTION="20")
            sides = []
            for direction, spc in [("out", "709J"), ("in", "123A")]:
                (port,) = free_udp_ports(1)
                listen = f'["udp:127.0.0.1:{port};direction={direction}"]'
                sip = {"GATEWAY__SIP__LISTEN": listen, "GATEWAY__SIP__CONTACT": TARGET, "GATEWAY__LOG_LEVEL": "warning"}
                settings = lab.client_settings(
                    lab.world.service_provider(spc), cps.process.url, AUDIENCE="localhost", **sip
                )
                sidecar = Sidecar(folder, direction, settings)
                stack.push_async_callback(sidecar.stop)
                await sidecar.start()
                sides.append(Side(folder, direction, sidecar, port))
            for one in sides:
                await one.calls(WARM_UP, WARM_UP, 1)
            return await measured(sides, side, cps.process.group or 0, rate, round(rate * seconds))


async def measured(sides: Sequence[Side], side: str, cps: int, rate: float, count: int) -> Run:
    """Place the calls, those out of TDM a little later than those into it, and look at the clocks of all processes."""
    refreshed = None
    if side == "in":
        await sides[0].calls(NUMBERS, NUMBERS, 2)
        refreshed = asyncio.create_task(_refresh(sides[0]))
    groups = {f"sidecar {one.name}": one.group for one in sides} | {"CPS": cps}
    before = {name: cpu_of(group) for name, group in groups.items()}
    children = _children()
    began = asyncio.get_running_loop().time()

    async def later(one: Side) -> Leg:
        await asyncio.sleep(LAG if (side, one.name) == ("both", "in") else 0)
        return await one.leg(count, rate, 2, turns=side == "in")

    legs = await asyncio.gather(*(later(one) for one in sides if side in {"both", one.name}))
    if refreshed is not None:
        refreshed.cancel()
        with suppress(asyncio.CancelledError):
            await refreshed
    took = asyncio.get_running_loop().time() - began
    cpu = {name: (cpu_of(group) - before[name]) / took for name, group in groups.items()}
    return Run(list(legs), cpu | {"SIPp": (_children() - children) / took})


async def _refresh(out: Side) -> None:
    """Publish the calls of the few numbers again and again, so that there is always something to retrieve."""
    while True:
        await asyncio.sleep(REFRESH)
        await out.calls(NUMBERS, NUMBERS / 2, 2)


def cpu_of(group: int) -> float:
    """Return the seconds of CPU that a process group has used."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=500, help="calls a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--side", choices=("both", "out", "in"), default="both")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    if shutil.which("sipp") is None:
        parser.error("sipp is missing: apt-get install sip-tester")
    run = asyncio.run(calls_through(rate=given.rate, seconds=given.seconds, side=given.side))
    told = json.dumps(asdict(run)) if given.json else "\n".join(lines_of(run))
    print(told)  # noqa: T201 - a command
    return 0 if run.is_right else 1


def lines_of(run: Run) -> list[str]:
    """Return what came out, for people."""
    legs = [
        f"{leg.name:>4}: {leg.calls:,} calls, exit code {leg.exit_code}, p50 {leg.p50_ms:.1f} ms, "
        f"p99 {leg.p99_ms:.1f} ms, at most {leg.most_ms:.1f} ms, {leg.retransmissions:.0f} INVITEs came again"
        for leg in run.legs
    ]
    return [*legs, "cores: " + ", ".join(f"{name} {cores:.2f}" for name, cores in run.cpu.items())]


if __name__ == "__main__":
    sys.exit(main())
