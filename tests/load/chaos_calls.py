"""Publishing and retrieving at nodes that may be dead: what they answer, or how they fail."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

import aiohttp

from stir.testing import ServiceProvider

ORIG: Final = "12155550100"
FIRST_DEST: Final = 12_150_000_000
PATIENCE: Final = 1.0
"""Longest wait for one node, in seconds: a gateway's whole budget for a publish."""


@dataclass(frozen=True)
class Node:
    """A CPS, by the address and the name under which it is asked."""

    url: str
    hostname: str


@dataclass(frozen=True)
class Answer:
    """What a node said, or in one word how it failed."""

    status: int | None
    passports: tuple[str, ...] = ()
    failure: str | None = None


class Caller:
    """A provider that publishes and retrieves; every request has a token of its own."""

    def __init__(self, provider: ServiceProvider, session: aiohttp.ClientSession) -> None:
        self._provider = provider
        self._session = session

    def passport(self, dest: str) -> str:
        """Return a PASSporT for the call to *dest*."""
        return self._provider.passport(orig=ORIG, dest=dest)

    async def publish(self, node: Node, dest: str, passports: Sequence[str]) -> Answer:
        """Publish *passports* at *node*."""
        token = self._provider.request_token("publish", orig=ORIG, dest=dest, aud=node.hostname, passports=passports)
        return await self._ask("POST", node, dest, token, json={"passports": list(passports)})

    async def retrieve(self, node: Node, dest: str) -> Answer:
        """Ask *node* for the call to *dest*."""
        token = self._provider.request_token("retrieve", orig=ORIG, dest=dest, aud=node.hostname)
        return await self._ask("GET", node, dest, token)

    async def _ask(self, method: str, node: Node, dest: str, token: str, **body: object) -> Answer:
        url, headers = f"{node.url}/passports/{dest}/{ORIG}", {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.request(method, url, headers=headers, **body) as answer:
                said = await answer.json(content_type=None)
        except TimeoutError:
            return Answer(None, failure="timeout")
        except aiohttp.ClientConnectorError:
            return Answer(None, failure="refused")
        except (aiohttp.ClientError, OSError):
            return Answer(None, failure="broken")
        if answer.status == 503:
            return Answer(503, failure="503")
        return Answer(answer.status, tuple(said.get("passports", ())))


@asynccontextmanager
async def calling(provider: ServiceProvider) -> AsyncIterator[Caller]:
    """Yield a caller of *provider*."""
    timeout, connector = aiohttp.ClientTimeout(total=PATIENCE), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False) as session:
        # The library would ask again with the same token when a connection breaks, which is a replay.
        session._retry_connection = False
        yield Caller(provider, session)


async def steadily(rate: float, done: Callable[[int], bool], call: Callable[[int], Awaitable[None]]) -> float:
    """Begin *rate* calls a second, whether or not earlier ones have ended, until *done*; return the rate kept."""
    began, calls = time.monotonic(), set[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as group:
        for number in count():
            await asyncio.sleep(began + number / rate - time.monotonic())
            if done(number):
                break
            task = group.create_task(call(number))  # type: ignore[arg-type]
            calls.add(task)
            task.add_done_callback(calls.discard)
        return number / (time.monotonic() - began)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile; not a number when there are no values."""
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")
