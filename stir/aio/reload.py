"""Reading anew, while a server runs, what an operator may have changed."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from stir.errors import StirError

Reload = Callable[[], Awaitable[object]]

log = structlog.get_logger()


class Reloader:
    """Reloads part after part; one that fails stays as it was, says so, and does not harm the others."""

    def __init__(self) -> None:
        self._parts: dict[str, Reload] = {}
        self._one_at_a_time = asyncio.Lock()

    def add(self, name: str, reload: Reload) -> None:
        """Reload the part called *name*, too, by *reload*, which raises StirError and changes nothing if it cannot."""
        self._parts[name] = reload

    async def reload(self) -> bool:
        """Reload every part; return whether all went well."""
        failed: list[str] = []
        async with self._one_at_a_time:
            for name, reload in self._parts.items():
                try:
                    await reload()
                except StirError as error:
                    failed.append(name)
                    log.error(
                        "reload_failed", part=name, error=error.code, detail=error.detail, kept="what was in force"
                    )
        log.info("reloaded", parts=[name for name in self._parts if name not in failed])
        return not failed
