"""
One server and the one connection to it: what has piled up is sent at once, and the answers come back in order.

A request costs its client far less in company than alone, so requests that arrive while some are under way go together
next. No request waits longer than the exchange may last: a server that does not answer fails all who wait for it, and
while it is tried again, by one exchange at a time, everybody else is refused at once.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis import exceptions
from redis.asyncio.connection import Connection

from stir.errors import StoreError

EXCHANGE_SECONDS: Final = 0.5
"""Longest time for connecting, sending and reading together, in seconds; a healthy server takes a millisecond."""

REQUESTS_PER_EXCHANGE: Final = 64
"""Most requests sent at once, so that the last one's answer does not wait long behind the others'."""

REQUESTS_WAITING: Final = 1_024
"""Most requests waiting for their exchange: a tenth of a second's work; more would only time out later."""

_FAILURES: Final = (exceptions.RedisError, OSError, EOFError, ValueError)
"""What connecting to a server that is down, hangs or is none can raise; time-outs are OSErrors."""

_log = structlog.get_logger(__name__)

Command = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    commands: tuple[Command, ...]
    answer: asyncio.Future[Any]


class Link:
    """The connection to one server, opened by the first request and again after every failure."""

    def __init__(
        self, connection: Connection, *, timeout: float = EXCHANGE_SECONDS, waiting: int = REQUESTS_WAITING
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._waiting = waiting
        self._requests: deque[_Request] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self.failing = False
        """Whether the last exchange failed."""

    async def ask(self, *commands: Command) -> Any:
        """
        Send *commands* one behind the other and return the answer to the last.

        Raises:
            ResponseError: The server refused.
            StoreError: It did not answer, in time or at all; it may or may not have done what was asked.
        """
        if self._closed:
            raise StoreError("the store is closed")
        trying = self._worker is not None and not self._worker.done()
        if self.failing and trying:
            raise StoreError("the store's server does not answer; it is being tried again")
        if len(self._requests) >= self._waiting:
            raise StoreError(f"the store has {self._waiting} requests waiting")
        request = _Request(commands, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        if not trying:
            self._worker = asyncio.create_task(self._work(), name="store exchanges")
        return await request.answer

    async def close(self) -> None:
        """Finish what waits, then close the connection; an exchange lasts no longer than it may."""
        self._closed = True
        if self._worker is not None:
            await self._worker
        await self._disconnect()

    async def _work(self) -> None:
        """Exchange what has piled up until nothing is left."""
        while self._requests:
            requests = [self._requests.popleft() for _ in range(min(len(self._requests), REQUESTS_PER_EXCHANGE))]
            # Who no longer waits was told that it may or may not be done.
            requests = [request for request in requests if not request.answer.done()]
            if not requests:
                continue
            try:
                answers = await self._exchange([command for request in requests for command in request.commands])
            except _FAILURES as error:
                self._fail([*requests, *self._requests], error)
                self._requests.clear()
            else:
                self._deliver(requests, answers)

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        reused = self._connection.is_connected
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return await self._once(commands)
                except (exceptions.ConnectionError, OSError):
                    if not reused:
                        raise
                # The server closed the connection since, as after a restart. What is asked here may be asked twice.
                await self._disconnect()
                return await self._once(commands)
        except BaseException:
            await self._disconnect()
            raise

    async def _once(self, commands: Sequence[Command]) -> list[Any]:
        await self._connection.connect()  # type: ignore[no-untyped-call] # redis-py has types for most, not for this
        await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await self._connection.read_response())
            except exceptions.ResponseError as error:
                answers.append(error)
        return answers

    async def _disconnect(self) -> None:
        await self._connection.disconnect(nowait=True)

    def _deliver(self, requests: Sequence[_Request], answers: Sequence[Any]) -> None:
        if self.failing:
            self.failing = False
            _log.info("store_healed", server=self._name)
        position = -1
        for request in requests:
            position += len(request.commands)
            answer = answers[position]
            if request.answer.done():
                continue
            if isinstance(answer, Exception):
                request.answer.set_exception(answer)
            else:
                request.answer.set_result(answer)

    def _fail(self, requests: Sequence[_Request], error: Exception) -> None:
        reason = type(error).__name__
        if not self.failing:
            self.failing = True
            _log.error("store_failed", server=self._name, reason=reason)
        for request in requests:
            if not request.answer.done():
                failure = StoreError(f"the store's server cannot be used now: {reason}")
                failure.__cause__ = error
                request.answer.set_exception(failure)

    @property
    def _name(self) -> str:
        return f"{self._connection.host}:{self._connection.port}"
