"""The demo itself: every call is made and measured, and then the CPS's files are looked at."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import aiohttp

from cps_client.lab.calls import CALLS, DemoCall, another_caller
from cps_client.lab.evidence import Dump, legible
from cps_client.lab.rows import Check, Outcome, Report, Row
from cps_client.lab.stage import Line, Stage
from cps_client.lab.tdm import Invite
from stir.errors import StirError

_ORIG: Final = 12155550100
_DEST: Final = 12015550100
_POLL_SECONDS: Final = 0.05
_RECLAIM_SECONDS: Final = 5.0
"""Longest time for which a row may lie in the database after its PASSporT's life."""


async def perform(stage: Stage, calls: Sequence[DemoCall] = CALLS) -> Report:
    """Make all *calls*, one after the other but for those that mostly wait, and return how everything came out."""
    began = time.perf_counter()
    invites = [_invite(place) for place in range(len(calls) + 1)]
    numbers = {number for each in invites for number in (each.orig, each.dest, another_caller(each))}
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Row]] = []
        for call, invite in zip(calls, invites, strict=False):
            tasks.append(group.create_task(_row(stage, call, invite)))
            if not call.waits:
                await asyncio.wait(tasks[-1:])
        sealed, publishes = await _sealed(stage, invites[-1], numbers)
    rows = tuple(task.result() for task in tasks)
    checks = (sealed, _silent(stage, numbers), await _gone(stage, publishes))
    return Report(rows, checks, time.perf_counter() - began)


async def _row(stage: Stage, call: DemoCall, invite: Invite) -> Row:
    start, came, problem = time.perf_counter(), Outcome(), None
    try:
        came = await call.play(stage, invite)
    except (StirError, OSError, aiohttp.ClientError) as error:
        problem = f"{type(error).__name__}: {error}"
    return Row(call.name, call.done, call.expected, came, (time.perf_counter() - start) * 1000, problem)


def _invite(place: int) -> Invite:
    """Return a call between two numbers that no other call of the demo has, nor anybody in the world."""
    return Invite(f"{_ORIG + place}", f"{_DEST + place}")


async def _sealed(stage: Stage, invite: Invite, numbers: set[str]) -> tuple[Check, int]:
    """Look into the database while there is a PASSporT in it; return also how many publishes it holds."""
    home, _ = stage.gateways[Line.FIRST_GENERATION]
    await home.originate(home.signed(invite, "A"))
    dump = Dump.of(stage.cps.process.database)
    readable = dump.readable(numbers)
    detail = f"{dump.entries} publishes in it; of {len(numbers)} numbers and all tokens, {readable} can be read"
    return Check("database file", holds=dump.entries > 0 and not readable, detail=detail), dump.entries


def _silent(stage: Stage, numbers: set[str]) -> Check:
    """Look into the logs of the CPSs."""
    logs = [cps.process.log.read_text(errors="replace") for cps in (stage.cps, stage.careless)]
    readable = sum(legible(log, numbers) for log in logs)
    lines = sum(len(log.splitlines()) for log in logs)
    return Check(
        "logs",
        holds=lines > 0 and not readable,
        detail=f"{lines} lines in them; of {len(numbers)} numbers and all tokens, {readable} can be read",
    )


async def _gone(stage: Stage, publishes: int) -> Check:
    """Wait until the life of all *publishes* is over, and look into the database again."""
    began, left = time.perf_counter(), publishes
    while left and time.perf_counter() - began < stage.lifetime + _RECLAIM_SECONDS:
        await asyncio.sleep(_POLL_SECONDS)
        left = Dump.of(stage.cps.process.database).entries
    return Check(
        "after retention",
        holds=publishes > 0 and not left,
        detail=f"{left} of the {publishes} publishes are left in the database file",
    )
