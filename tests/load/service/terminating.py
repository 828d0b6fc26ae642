"""What a terminating provider spends on a call: a process with a warm client that retrieves and verifies."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import uvloop

from cps_client.client import CpsClient
from cps_client.lab.loopback import ADDRESS, HOST
from tests.load.service import cores
from tests.load.service.client import LOST, Shot, connected
from tests.load.service.costs import Costs, Run, Yardstick
from tests.load.service.prepared import ORIG, Kind
from tests.load.service.rig import CONNECTIONS, ROOT, Asked, Rig

WHAT: Final = "retrieve_and_verify, on the client's side"
AIM: Final = 4.0
AT_ONCE: Final = 8
BUDGET: Final = 10.0
"""Seconds that a call may take here, so that a busy machine changes no verdict."""

LINE_BYTES: Final = 1 << 22


@asynccontextmanager
async def client_of(rig: Rig, server: Asked) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a process with a client of *server*."""
    url = f"http://{ADDRESS}:{server.port}"
    settings = {**rig.lab.client_settings(rig.provider, url, AUDIENCE=HOST), "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-P", "-m", "tests.load.service.terminating")
    with cores.on([cores.LOAD]):
        process = await asyncio.create_subprocess_exec(
            *command, env=settings, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES
        )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def measure(rig: Rig, costs: Costs, yardstick: Yardstick, server: Asked, *, rounds: int, requests: int) -> None:
    """Let a client retrieve and verify *requests* calls, *rounds* times after one to get warm; keep what it cost."""
    async with client_of(rig, server) as process:
        for turn in range(rounds + 1):
            published = server.maker.publishes(Kind(), requests)
            async with connected(server.port, CONNECTIONS) as load:
                await load.closed([each.data for each in published], HTTPStatus.CREATED)
            before = yardstick.take()
            own = time.process_time()
            shot, cpu = await _ask(process, [each.dest for each in published])
            own = time.process_time() - own
            yard = (before + yardstick.take()) / 2
            if turn:
                costs.keep(WHAT, Run(shot, cpu / requests, 0.0, own / requests, yard), AIM)


async def _ask(process: asyncio.subprocess.Process, dests: Sequence[str]) -> tuple[Shot, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(dests).encode() + b"\n")
    found = json.loads(await process.stdout.readline())
    statuses = Counter({int(HTTPStatus.OK): found["passed"], LOST: len(dests) - found["passed"]})
    return Shot(found["seconds"], statuses, sorted(found["times"])), found["cpu"]


async def main() -> None:
    """Answer each line of called numbers with what it took to verify the calls to them."""
    loop = asyncio.get_running_loop()
    async with CpsClient.from_settings() as client:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            began, cpu, turns, times = time.perf_counter(), time.process_time(), iter(json.loads(line)), []
            passed = sum(await asyncio.gather(*(_calls(client, turns, times) for _ in range(AT_ONCE))))
            spent, seconds = time.process_time() - cpu, time.perf_counter() - began
            print(json.dumps({"passed": passed, "cpu": spent, "seconds": seconds, "times": times}), flush=True)  # noqa: T201 - its answer


async def _calls(client: CpsClient, dests: Iterator[str], times: list[float]) -> int:
    passed = 0
    for dest in dests:
        began = time.perf_counter()
        termination = await client.retrieve_and_verify(orig=ORIG, dest=dest, budget=BUDGET)
        times.append(time.perf_counter() - began)
        passed += termination.verdict.passed
    return passed


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
