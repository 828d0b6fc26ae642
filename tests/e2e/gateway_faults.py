"""
The gateway's view of failure: one fault after the other, and what the sidecar told the gateway meanwhile, and when.

``scripts/faults`` prints the table of docs/explanation/gateway-failures.md.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import aiohttp
import structlog
import uvloop
from aiohttp import web

from cps_client.client import CpsClient
from cps_client.gateway.app import build_app, runner_of
from cps_client.lab import Cps, Lab
from cps_client.lab.loopback import ADDRESS, listener, port_of
from cps_client.lab.stage import settings_of
from cps_client.origination import Originator
from cps_client.settings import ClientSettings
from cps_client.termination import Terminator
from stir.aio.clock import Clock
from stir.testing import RunningClock, ServiceProvider, TlsAuthority
from tests.support import faults
from tests.support.valkey import running_server

ORIG, HEARD, SPOKEN = "12155550100", "121555512{:02}", "121555513{:02}"
"""Who calls; and the numbers, one for each fault, of calls that come in and of calls that go out."""
T = TypeVar("T")
REPEATS = 7
"""Calls for each fault: by the last one the gateway knows the CPS."""

NOT_FOUND = "nothing there"


@dataclass(frozen=True)
class Scene:
    """What a gateway finds itself in."""

    urls: tuple[str, ...]
    """Its CPSs."""
    home: str
    """Where the other side publishes."""
    clock: Clock | None = None
    strike: Callable[[ServiceProvider], None] = lambda _: None
    """What happens once the other side's publish is there; told whose it was."""


@dataclass(frozen=True)
class Got:
    """What the gateway was told about one call."""

    status: int
    outcome: str
    """``published`` or the verstat."""
    why: str
    """Why not, in a word; empty if all was well."""
    milliseconds: float
    identities: int = 0

    @property
    def text(self) -> str:
        """The outcome in a cell of the table."""
        return f"{self.outcome}: {self.why}" if self.why else self.outcome


@dataclass
class Row:
    """What one fault did."""

    fault: str
    publishes: list[Got] = field(default_factory=list)
    retrieves: list[Got] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """A lab with a CPS that is well."""

    lab: Lab
    cps: Cps
    folder: Path


Arrange = Callable[[Stage], AbstractAsyncContextManager[Scene]]


@asynccontextmanager
async def well(stage: Stage) -> AsyncIterator[Scene]:
    """Break nothing."""
    yield Scene((stage.cps.url,), stage.cps.url)


@asynccontextmanager
async def alone(
    broken: Callable[[TlsAuthority], AbstractAsyncContextManager[str]], stage: Stage
) -> AsyncIterator[Scene]:
    """Let the gateway's only CPS be *broken*."""
    async with broken(stage.lab.tls) as url:
        yield Scene((url,), stage.cps.url)


@asynccontextmanager
async def first(
    broken: Callable[[TlsAuthority], AbstractAsyncContextManager[str]], stage: Stage
) -> AsyncIterator[Scene]:
    """Let the first of the gateway's two CPSs be *broken*."""
    async with broken(stage.lab.tls) as url:
        yield Scene((url, stage.cps.url), stage.cps.url)


@asynccontextmanager
async def both(
    broken: Callable[[TlsAuthority], AbstractAsyncContextManager[str]], stage: Stage
) -> AsyncIterator[Scene]:
    """Let both of the gateway's two CPSs be *broken*."""
    async with broken(stage.lab.tls) as one, broken(stage.lab.tls) as other:
        yield Scene((one, other), stage.cps.url)


@asynccontextmanager
async def killed(stage: Stage) -> AsyncIterator[Scene]:
    """Kill the CPS under calls; its TLS front stays."""
    cps = await stage.lab.start_cps("killed")

    def strike(_: ServiceProvider) -> None:
        cps.process._signal(9)

    yield Scene((cps.url,), cps.url, strike=strike)


@asynccontextmanager
async def _in_thread(work: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave *work*, which waits, without holding up the event loop."""
    made = await asyncio.to_thread(work.__enter__)
    try:
        yield made
    finally:
        await asyncio.to_thread(work.__exit__, None, None, None)


@asynccontextmanager
async def without_store(stage: Stage) -> AsyncIterator[Scene]:
    """Take away the Valkey server behind a CPS."""
    async with _in_thread(running_server()) as server:
        store = {"CPS_STORE__URL": f"valkey://{server.address}", "CPS_STORE__SECRET_FILE": str(stage.folder / "secret")}
        cps = await stage.lab.start_cps("storeless", **store)
        yield Scene((cps.url,), cps.url, strike=lambda _: server.kill())


@asynccontextmanager
async def repository(change: str, stage: Stage, **how: float) -> AsyncIterator[Scene]:
    """Make the certificate of whoever published unavailable."""

    def strike(publisher: ServiceProvider) -> None:
        getattr(stage.lab.world.fetcher, change)(publisher.x5u, **how)

    yield Scene((stage.cps.url,), stage.cps.url, strike=strike)


@asynccontextmanager
async def clock_off(seconds: float, stage: Stage) -> AsyncIterator[Scene]:
    """Let the gateway's clock be wrong."""
    clock = RunningClock()
    clock.advance(seconds)
    yield Scene((stage.cps.url,), stage.cps.url, clock)


ANSWERING = {f"CPS {fault}": partial(alone, partial(faults.answering_cps, fault)) for fault in faults.ANSWERS}
FAULTS: dict[str, Arrange] = {
    "none": well,
    "CPS refuses connections": partial(alone, faults.refusing_cps),
    "CPS accepts, and is silent": partial(alone, faults.silent_cps),
    **ANSWERING,
    "CPS shows another host's certificate": partial(alone, faults.misnamed_cps),
    "CPS shows an expired certificate": partial(alone, faults.expired_cps),
    "CPS's name is not in the DNS": partial(alone, faults.nameless_cps),
    "CPS is killed": killed,
    "Valkey behind the CPS is gone": without_store,
    "first of two CPSs hangs": partial(first, partial(faults.answering_cps, "hangs")),
    "first of two CPSs accepts, and is silent": partial(first, faults.silent_cps),
    "first of two CPSs refuses connections": partial(first, faults.refusing_cps),
    "first of two CPSs answers 503": partial(first, partial(faults.answering_cps, "answers 503")),
    "both CPSs hang": partial(both, partial(faults.answering_cps, "hangs")),
    "certificate repository is gone": partial(repository, "down"),
    "certificate repository answers 503": partial(repository, "fail"),
    "certificate repository takes 5 s": partial(repository, "slow", seconds=5),
    "clock is 90 s fast": partial(clock_off, 90.0),
    "clock is 90 s slow": partial(clock_off, -90.0),
}
"""Every fault, by its name in the table."""


@dataclass(frozen=True)
class Gateway:
    """Asks the sidecar as a gateway does."""

    session: aiohttp.ClientSession
    base: str
    place: int
    """The fault's place in the table, which its numbers are made of."""

    async def publish(self) -> Got:
        """Tell what became of a call that went out."""
        status, said, took = await self._ask("publish", SPOKEN)
        if said["published"]:
            return Got(status, "published", "", took, said["passports"])
        return Got(status, "not published", _why(said, said["error"]), took, len(said["identity"]))

    async def retrieve(self) -> Got:
        """Tell what was said of a call that came in."""
        status, said, took = await self._ask("retrieve", HEARD)
        verdict = said["verdict"]
        case = NOT_FOUND if verdict["case"] == "none" else verdict["case"]
        why = "" if case == "ok" else _why(said, case) if case == "unavailable" else case
        return Got(status, verdict["verstat"], why, took, len(said["identity"]))

    async def _ask(self, operation: str, dest: str) -> tuple[int, dict[str, Any], float]:
        start, call = time.perf_counter(), {"orig": ORIG, "dest": dest.format(self.place)}
        async with self.session.post(f"{self.base}/v1/{operation}", json=call) as answer:
            said = await answer.json()
            return answer.status, said, (time.perf_counter() - start) * 1000


def _why(said: dict[str, Any], otherwise: str) -> str:
    """Return the reason of the last request that failed, else what the answer calls it."""
    last = said["attempts"][-1] if said["attempts"] else {"error": None, "status": None}
    return f"{last['error']} {last['status'] or ''}".strip() if last["error"] else otherwise


@asynccontextmanager
async def gateway(settings: ClientSettings, clock: Clock | None, place: int) -> AsyncIterator[Gateway]:
    """Run a sidecar."""
    others = {} if clock is None else {"clock": clock}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(CpsClient(settings, **others))
        originates = await stack.enter_async_context(Originator.of(client))
        app = build_app(settings, originates=originates, terminates=Terminator.of(client), **others)
        runner, sock = runner_of(app, settings), listener()
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, sock).start()
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        yield Gateway(session, f"http://{ADDRESS}:{port_of(sock)}", place)


async def row(stage: Stage, fault: str, repeats: int, **budgets: str) -> Row:
    """Show what *fault* does to so many calls of either direction."""
    place = list(FAULTS).index(fault)
    ours, theirs = (stage.lab.world.service_provider(f"{place:02}{side}") for side in ("A", "Z"))
    async with FAULTS[fault](stage) as scene:
        settings = settings_of(stage.lab.client_settings(ours, *scene.urls, **budgets))
        others = settings_of(stage.lab.client_settings(theirs, scene.home, PUBLISH_BUDGET="10"))
        async with gateway(settings, scene.clock, place) as asked, CpsClient(others, verifies=False) as publisher:
            receipt = await publisher.publish(orig=ORIG, dest=HEARD.format(place))
            assert receipt.published, receipt.reason
            scene.strike(theirs)
            found = Row(fault)
            for _ in range(repeats):
                found.publishes.append(await asked.publish())
                found.retrieves.append(await asked.retrieve())
            return found


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Set up the lab and a CPS that keeps what it has for long."""
    with TemporaryDirectory() as folder:
        async with Lab.open(Path(folder)) as lab:
            yield Stage(lab, await lab.start_cps(CPS_STORE__RETENTION="60"), Path(folder))


async def survey(
    names: Sequence[str] = tuple(FAULTS), *, repeats: int = 1, at_once: int = 1, **budgets: str
) -> list[Row]:
    """Return the rows of all faults, so many of which are tried at once."""
    places = asyncio.Semaphore(at_once)
    async with stage() as setting:

        async def one(fault: str) -> Row:
            async with places:
                return await row(setting, fault, repeats, **budgets)

        return await asyncio.gather(*map(one, names))


HEAD = ("fault", "call out", "ms", "last", "call in", "headers", "ms", "last")


def cells(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """Return the table: for each direction what the first call got and when, and when the last one got it."""
    yield HEAD
    for each in rows:
        out, back = each.publishes[0], each.retrieves[0]
        yield (
            each.fault,
            *(out.text, f"{out.milliseconds:.0f}", f"{each.publishes[-1].milliseconds:.0f}"),
            *(back.text, str(back.identities)),
            *(f"{back.milliseconds:.0f}", f"{each.retrieves[-1].milliseconds:.0f}"),
        )


def plain(table: Sequence[Sequence[str]]) -> str:
    """Return *table* for a terminal."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return *table* for a document."""
    head, *body = table
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body))


def main() -> int:
    """Print the table; fail if a call was not answered with 200."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="a table for a document")
    parser.add_argument("--only", metavar="WORD", default="", help="only faults with this in their name")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    names = [name for name in FAULTS if arguments.only in name]
    rows = uvloop.run(survey(names, repeats=REPEATS))
    sys.stdout.write((markdown if arguments.markdown else plain)(list(cells(rows))) + "\n")
    gots = [got for each in rows for got in (*each.publishes, *each.retrieves)]
    slowest = [max(got.milliseconds for each in rows for got in side(each)) for side in (_outgoing, _incoming)]
    sys.stdout.write(f"\nSlowest of {len(gots)}: out {slowest[0]:.0f} ms of 1000, in {slowest[1]:.0f} ms of 500.\n")
    return int(any(got.status != 200 for got in gots))


def _outgoing(each: Row) -> list[Got]:
    return each.publishes


def _incoming(each: Row) -> list[Got]:
    return each.retrieves


if __name__ == "__main__":
    sys.exit(main())
