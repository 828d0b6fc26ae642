"""How long a server runs: until a signal says stop; and what the service manager hears of it meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from stir.aio.notify import Notifier


def until_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


@asynccontextmanager
async def managed(notifier: Notifier, reload: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Tell the service manager how it goes, and *reload* at SIGHUP."""
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    async def reload_once() -> None:
        notifier.reloading()
        await reload()
        notifier.ready()

    def hung_up() -> None:
        task = asyncio.create_task(reload_once(), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, hung_up)
    watchdog = asyncio.create_task(notifier.keep_watchdog(), name="watchdog")
    notifier.ready()
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        watchdog.cancel()
        with suppress(asyncio.CancelledError):
            await watchdog
