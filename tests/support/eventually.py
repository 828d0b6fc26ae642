"""Waiting for what another task or thread does."""

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as *condition* holds; it must within *seconds*."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the other side knows nothing of tests
            await asyncio.sleep(0.005)
