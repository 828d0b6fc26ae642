"""
A client that costs little: bytes that were made beforehand, on kept-alive connections, over a bare protocol.

A closed loop sends the next request when an answer is there, and so finds the capacity. An open loop sends at given
instants whatever the server does, and counts the time of each from that instant, not from when a connection was free:
what waits because the server is slow counts as slow (no coordinated omission).
"""

import asyncio
import gc
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, cast

from cps_client.lab.loopback import ADDRESS
from tests.load.service.timer import Timer

REFUSALS: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Statuses by which a server says that it has too much to do."""

LOST: Final = 0
"""The status of a request whose connection ended before its answer."""

PATIENCE: Final = 30.0
"""How long the last answers of a shot may take, in seconds."""

ANSWER_BYTES: Final = 1 << 20
"""Largest answer that is read."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class ShotError(Exception):
    """The server does not answer, so that nothing was measured."""


@dataclass(frozen=True)
class Shot:
    """What came of some requests."""

    seconds: float
    statuses: Counter[int]
    times: Sequence[float] = field(repr=False)
    """Of those that were answered as they must be, in seconds, sorted."""
    late: Sequence[float] = field(default=(), repr=False)
    """How much later than planned requests were sent although a connection was free: the client's own fault."""
    expected: int = HTTPStatus.OK
    answers: Sequence[int] = field(default=(), repr=False)
    """The status of each request, in their order."""

    @property
    def requests(self) -> int:
        """How many requests there were."""
        return self.statuses.total()

    @property
    def accepted(self) -> int:
        """How many were answered as they must be."""
        return self.statuses[self.expected]

    @property
    def refused(self) -> int:
        """How many were turned away because there was too much to do."""
        return sum(self.statuses[status] for status in REFUSALS)

    @property
    def wrong(self) -> int:
        """How many were answered otherwise, or not at all."""
        return self.requests - self.accepted - self.refused


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the sorted *values* that *percent* of them do not exceed; 0 of none."""
    if not values:
        return 0.0
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


class Connection(asyncio.Protocol):
    """One connection, with at most one request under way; calls *answered* with the status of each answer."""

    def __init__(self, answered: Callable[["Connection", int], None]) -> None:
        self.request = -1
        """The number of the request under way."""
        self.is_busy = False
        self.is_open = False
        self._answered = answered
        self._held = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's claim no kinship
        self.is_open = True

    def send(self, request: int, data: bytes) -> None:
        """Send the request that has this number."""
        assert self._transport is not None
        self.request, self.is_busy = request, True
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Take bytes; an answer that is whole ends its request."""
        held = self._held = self._held + data
        head, end, body = held.partition(_END)
        if end and self.is_busy:
            lower = head.lower()
            if len(body) >= _content_length(lower):
                self._held = b""
                if b"connection: close" in lower:
                    self.close()
                self._end(int(head[9:12]))
        if len(held) > ANSWER_BYTES:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request under way, without an answer."""
        del exc
        self.is_open = False
        if self.is_busy:
            self._end(LOST)

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    def _end(self, status: int) -> None:
        self.is_busy = False
        self._answered(self, status)


class Load:
    """Some connections to one server; :func:`connected` makes one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._firing: _Firing | None = None

    async def closed(self, requests: Sequence[bytes], expected: int) -> Shot:
        """Send *requests*, as many at a time as there are connections."""
        return await self._fire(_Firing(requests, None), expected)

    async def opened(self, requests: Sequence[bytes], instants: Sequence[float], expected: int) -> Shot:
        """Send *requests* at *instants*, in seconds from now, ascending; what finds no connection waits for one."""
        began = time.monotonic()
        firing = _Firing(requests, [began + instant for instant in instants])
        timer = Timer(lambda: self._release(firing, timer))
        try:
            return await self._fire(firing, expected, timer, planned=instants[-1])
        finally:
            timer.close()

    async def open(self, count: int) -> None:
        """Make *count* connections more."""
        await asyncio.gather(*(self._connect() for _ in range(count)))

    async def close(self) -> None:
        """Hang up all of them."""
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in self._connections:
            connection.close()
        await asyncio.sleep(0)

    async def _connect(self) -> None:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self._answered), ADDRESS, self._port
        )
        self._connections.add(connection)
        self._free(connection)

    async def _fire(
        self, firing: "_Firing", expected: int, timer: Timer | None = None, *, planned: float = 0.0
    ) -> Shot:
        self._firing, began = firing, time.monotonic()
        gc.disable()
        try:
            async with asyncio.timeout(planned + PATIENCE):
                for connection in [self._idle.pop() for _ in range(len(self._idle))]:
                    self._free(connection)
                if timer is not None:
                    self._release(firing, timer)
                await firing.done
        except TimeoutError as error:
            raise ShotError(f"{firing.left} of {len(firing.requests)} requests were not answered") from error
        finally:
            gc.enable()
            self._firing = None
        ended = time.monotonic()
        times = sorted(firing.times[n] for n, status in enumerate(firing.statuses) if status == expected)
        return Shot(ended - began, Counter(firing.statuses), times, sorted(firing.late), expected, firing.statuses)

    def _release(self, firing: "_Firing", timer: Timer) -> None:
        """Send what is due, and set the timer for what is next."""
        now = time.monotonic()
        due = firing.due
        while firing.released < len(due) and due[firing.released] <= now:
            firing.waiting.append(firing.released)
            firing.released += 1
            if self._idle:
                firing.late.append(now - due[firing.released - 1])
                self._free(self._idle.pop())
        if firing.released < len(due):
            timer.set(due[firing.released])

    def _answered(self, connection: Connection, status: int) -> None:
        if self._firing is not None:
            self._firing.end(connection.request, status)
        if connection.is_open:
            self._free(connection)
        else:
            self._replace(connection)

    def _free(self, connection: Connection) -> None:
        """Let *connection* send what waits, or rest."""
        firing = self._firing
        if not connection.is_open:
            self._replace(connection)
        elif firing is not None and firing.waiting:
            number = firing.waiting.popleft()
            firing.begin(number)
            connection.send(number, firing.requests[number])
        else:
            self._idle.append(connection)

    def _replace(self, connection: Connection) -> None:
        """Make a connection in place of one that ended; a server that ends more than it answers is out of order."""
        self._connections.discard(connection)
        if self._firing is not None:
            self._firing.replaced += 1
            if self._firing.replaced > len(self._firing.requests):
                self._firing.fail("the server ends its connections")
                return
        task = asyncio.get_running_loop().create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) and self._firing is not None:
            self._firing.fail(f"the server takes no connections: {error}")


class _Firing:
    """One shot under way."""

    def __init__(self, requests: Sequence[bytes], due: Sequence[float] | None) -> None:
        self.requests = requests
        self.is_closed = due is None
        self.due = [0.0] * len(requests) if due is None else due
        self.released = len(requests) if due is None else 0
        self.waiting = deque(range(self.released))
        self.times = [0.0] * len(requests)
        self.statuses = [LOST] * len(requests)
        self.late: list[float] = []
        self.left = len(requests)
        self.replaced = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, number: int) -> None:
        """Note that a request is sent; in a closed loop its time begins now."""
        if self.is_closed:
            self.due[number] = time.monotonic()

    def end(self, number: int, status: int) -> None:
        """Note an answer."""
        self.times[number] = time.monotonic() - self.due[number]
        self.statuses[number] = status
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        """Give up."""
        if not self.done.done():
            self.done.set_exception(ShotError(why))


@asynccontextmanager
async def connected(port: int, connections: int) -> AsyncIterator[Load]:
    """Yield a load of so many *connections* to the server at *port* of this machine."""
    load = Load(port)
    try:
        await load.open(connections)
        yield load
    finally:
        await load.close()


def _content_length(head: bytes) -> int:
    """Return the length of the body behind *head*, which is in lower case; what names none has none."""
    _, found, rest = head.partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0
