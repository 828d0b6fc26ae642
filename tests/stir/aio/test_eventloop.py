"""The event loop that servers run on."""

import asyncio
import sys

import pytest

from stir.aio.eventloop import run


async def loop_name() -> str:
    """Return which library the running loop is of."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.parametrize(("platform", "library"), [("linux", "uvloop"), ("darwin", "asyncio")])
def test_the_fastest_loop_there_is(platform: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux it is uvloop, elsewhere the standard library's."""
    pytest.importorskip("uvloop")
    monkeypatch.setattr(sys, "platform", platform)
    assert library == run(loop_name())
