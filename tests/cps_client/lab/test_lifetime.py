"""Ending in order."""

import asyncio
import os
import signal

import pytest

from cps_client.lab.lifetime import run, until_interrupted


def test_the_work_s_code_is_returned() -> None:
    """Work that ends by itself decides the exit code."""

    async def work() -> int:
        return 3

    assert 3 == run(work())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_work(number: signal.Signals) -> None:
    """On Ctrl-C, SIGTERM and a closed terminal the work gets to clean up."""
    cleaned = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            cleaned.append(number)
        return 0

    assert 130 == run(work())
    assert [number] == cleaned


def test_waiting_for_the_signal_is_no_failure() -> None:
    """What waits for Ctrl-C goes on after it as if never cancelled, and decides the exit code."""

    async def work() -> int:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        await until_interrupted()
        task = asyncio.current_task()
        assert task is not None
        return 4 + task.cancelling()

    assert 4 == run(work())
