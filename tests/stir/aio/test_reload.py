"""Reloading: part after part, and what fails stays as it was."""

from structlog.testing import capture_logs

from stir.aio.reload import Reloader
from stir.errors import StirError


async def test_a_part_that_fails_harms_no_other() -> None:
    """Every part is tried; who failed is told, and the answer is no."""
    reloader, done = Reloader(), []

    async def good() -> None:
        done.append("good")

    async def bad() -> None:
        raise StirError("it is broken")

    reloader.add("bad", bad)
    reloader.add("good", good)
    with capture_logs() as logs:
        assert not await reloader.reload()
    assert ["good"] == done
    assert [("reload_failed", "bad", "it is broken")] == [
        (log["event"], log["part"], log["detail"]) for log in logs if log["log_level"] == "error"
    ]
    reloader.add("bad", good)
    assert await reloader.reload()
