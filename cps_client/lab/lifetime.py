"""Running until done or told to stop, and cleaning up either way."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Final

INTERRUPTED: Final = 130
"""Exit code of a command that was stopped with Ctrl-C before it was done."""


def run(work: Coroutine[None, None, int]) -> int:
    """Run *work* and return its exit code; Ctrl-C and SIGTERM cancel it, so that everything it opened is closed."""

    async def cancelled_by_signals() -> int:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(cancelled_by_signals())
    except asyncio.CancelledError:
        return INTERRUPTED


async def until_interrupted() -> None:
    """Wait until Ctrl-C, which here is the ordinary end."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
