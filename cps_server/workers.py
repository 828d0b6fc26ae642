"""A worker process: it serves on the sockets that its supervisor opened, and answers its questions."""

import asyncio
import pickle
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from prometheus_client.metrics_core import Metric

from cps_server.channel import Channel
from cps_server.serving import Serving, serving
from cps_server.settings import Settings
from stir.aio import logs
from stir.aio.configuration import SettingsError
from stir.aio.lifetime import until_signal

REFUSED: Final = 78
"""Exit code of a worker that cannot serve with these settings; it has told its supervisor why."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told at its start: the settings as they were read once, so that all workers have the same."""

    name: str
    settings: Settings
    sockets: tuple[int, ...]

    def encode(self) -> bytes:
        """Return it as it goes through the channel."""
        return pickle.dumps(self)

    @staticmethod
    def decode(message: bytes) -> "Order":
        """Read it; the other end is the process that started this one, from the same code."""
        order = pickle.loads(message)  # noqa: S301 - see above
        assert isinstance(order, Order)  # noqa: S101 - a programming error
        return order


async def work(end: socket.socket, lines: logs.Lines) -> int:
    """Do what the supervisor at the other *end* orders, until SIGTERM or its end; return the exit code."""
    stopped = until_signal()
    # A hang-up of the terminal reaches every process of it; the supervisor passes it on as a question.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    channel = await Channel.over(end)
    try:
        message = await channel.read()
        return 0 if message is None else await _serve(Order.decode(message), channel, stopped, lines)
    finally:
        await channel.close()


async def _serve(order: Order, channel: Channel, stopped: asyncio.Event, lines: logs.Lines) -> int:
    structlog.contextvars.bind_contextvars(worker=order.name)
    lines.set_level(order.settings.log_level)
    sockets = [socket.socket(fileno=number) for number in order.sockets]
    try:
        async with serving(order.settings, sockets, lines=lines, worker=order.name) as cps:
            channel.write(b"")
            conversing = asyncio.create_task(channel.converse(_answers(cps)))
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait({conversing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if orphaned := conversing.done():
                log.error("supervisor_gone", consequence="this worker ends, too")
            await cps.drain(0 if orphaned else order.settings.drain.lame_duck)
            conversing.cancel()
            stopping.cancel()
            await asyncio.gather(conversing, stopping, return_exceptions=True)
    except SettingsError as error:
        channel.write(error.detail.encode())
        return REFUSED
    return 0


def _answers(cps: Serving) -> Callable[[str], Awaitable[object]]:
    async def answer(question: str) -> object:
        match question:
            case "readiness":
                return dict((await cps.readiness()).checks)
            case "metrics":
                return pack(await cps.families())
            case _:
                return await cps.reloader.reload()

    return answer


def pack(families: Iterable[Metric]) -> list[Any]:
    """Return *families* as JSON has them."""
    return [
        [one.name, one.documentation, one.type, [[each.name, each.labels, each.value] for each in one.samples]]
        for one in families
    ]


def unpack(content: list[Any]) -> list[Metric]:
    """Return the families that :func:`pack` packed."""
    families: list[Metric] = []
    for name, documentation, kind, samples in content:
        family = Metric(name, documentation, kind)
        for each, labels, value in samples:
            family.add_sample(each, labels, value)
        families.append(family)
    return families
