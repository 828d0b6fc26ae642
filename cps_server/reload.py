"""The settings that can change while the server runs."""

import asyncio

import structlog

from cps_server.configuration import effective, load
from cps_server.settings import Settings
from stir.aio.logs import Lines

log = structlog.get_logger()


class LiveSettings:
    """The settings in force; of those read anew only the log's level changes, what else differs needs a restart."""

    def __init__(self, settings: Settings, lines: Lines | None) -> None:
        self.current = settings
        self._lines = lines

    async def reload(self) -> None:
        """
        Read the settings from the same places again.

        Raises:
            SettingsError: They cannot be used; nothing changes.
        """
        fresh = await asyncio.to_thread(load, self.current.config)
        self.current = self.current.model_copy(update={"log_level": fresh.log_level})
        if self._lines is not None:
            self._lines.set_level(fresh.log_level)
        before, after = effective(self.current), effective(fresh)
        if changed := [name for name, one in after.items() if one.value != before[name].value]:
            log.warning("settings_need_restart", settings=changed)
