"""The event loop that everything runs on."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


def run(main: Coroutine[object, object, T]) -> T:
    """Run *main* on the fastest loop there is."""
    if sys.platform == "linux":
        import uvloop

        return uvloop.run(main)
    return asyncio.run(main)
