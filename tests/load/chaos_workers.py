"""Two workers on one SQLite file, one of which is killed again and again: what the node acknowledged must be found."""

import asyncio
import os
import random
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from cps_client.lab.lab import Lab
from cps_client.lab.loopback import HOST
from cps_client.lab.process import CpsProcess
from tests.load.chaos_calls import Node, calling, steadily
from tests.load.chaos_cluster import RETENTION, Calls, Kill, Outcome

WORKERS: Final = 2
READY_SECONDS: Final = 60.0
"""Longest wait until all workers serve again, in seconds; a busy machine needs some."""

_POLL: Final = 0.02


async def workers_under_fire(*, kills: int, rate: float, pause: float) -> Outcome:
    """Kill a worker *kills* times, *pause* seconds apart, during *rate* calls a second; return what happened."""
    with tempfile.TemporaryDirectory(prefix="cps-chaos-") as folder:
        secret = Path(folder) / "cps.secret"
        settings = {"CPS_WORKERS": str(WORKERS), "CPS_STORE__RETENTION": str(RETENTION), "CPS_LIMITS__SPC_RATE": "0"}
        async with Lab.open(Path(folder)) as lab, calling(lab.world.service_provider("709J")) as caller:
            process = (await lab.start_cps(**settings)).process
            await all_ready(process)
            calls = Calls([Node(process.url, HOST)] * WORKERS, caller, secret)
            await calls.warm_up()
            killing = asyncio.create_task(_kill(calls.outcome, process, kills, pause))
            calls.outcome.rate = await steadily(rate, lambda _: killing.done(), calls.call)
            await killing
            return calls.outcome


def workers(process: CpsProcess) -> set[int]:
    """Return the numbers of a node's worker processes, as the system knows them."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"cps_server\0worker\0" in path.read_bytes() and os.getpgid(int(path.parent.name)) == process.group:
                found.add(int(path.parent.name))
    return found


async def all_ready(process: CpsProcess, *, without: int | None = None) -> None:
    """
    Wait until as many workers as are wanted say that they are ready, none of them the process *without*.

    Raises:
        TimeoutError: They do not.
    """
    url = f"http://{process.settings['CPS_ADMIN_LISTEN']}/ready"
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession(trust_env=False) as session:
        while without in workers(process) or not await _says_ready(session, url):  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(_POLL)


async def _says_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            found = (await answer.json(content_type=None))["workers"].values()
    except (aiohttp.ClientError, OSError):
        return False
    return len(found) == WORKERS and all(worker and worker["ready"] for worker in found)


async def _kill(outcome: Outcome, process: CpsProcess, kills: int, pause: float) -> None:
    for _ in range(kills):
        await asyncio.sleep(pause)
        victim = random.choice(sorted(workers(process)))
        kill = Kill("worker", time.monotonic())
        outcome.kills.append(kill)
        os.kill(victim, signal.SIGKILL)
        await all_ready(process, without=victim)
        kill.whole = time.monotonic() - kill.at
    await asyncio.sleep(pause)
