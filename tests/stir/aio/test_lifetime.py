"""How long a server runs, and what the service manager hears of it."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from stir.aio.lifetime import managed, until_signal
from stir.aio.notify import Notifier


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_until_a_signal(number: int) -> None:
    """SIGTERM and SIGINT both say that it is time to stop."""
    stopped = until_signal()
    assert not stopped.is_set()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(stopped.wait(), 5)


async def test_the_manager_hears_of_start_and_reload(tmp_path: Path) -> None:
    """Ready comes at the start and again when a reload, which SIGHUP asks for, is done; signs of life meanwhile."""
    loop, reloading, done = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    async def reload() -> None:
        reloading.set()
        await done.wait()

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0)

        async def told() -> str:
            """Return the next state that is no sign of life."""
            while (state := (await asyncio.wait_for(loop.sock_recv(manager, 200), 5)).decode()) == "WATCHDOG=1":
                pass
            return state.partition("\n")[0]

        async with managed(Notifier(str(tmp_path / "notify"), watchdog=0.05), reload):
            assert "READY=1" == await told()
            os.kill(os.getpid(), signal.SIGHUP)
            assert "RELOADING=1" == await told()
            await asyncio.wait_for(reloading.wait(), 5)
            done.set()
            assert "READY=1" == await told()
