"""The rules in force, kept up with their file: a good change counts within a second, a broken one changes nothing."""

import asyncio
from contextlib import suppress
from pathlib import Path

import structlog

from cps_server import limits
from cps_server.partners.file import PartnerFileError, Version, read, version_of
from cps_server.partners.rules import Rules

log = structlog.get_logger()


class Partners:
    """
    Holds the rules in force; whoever decides takes :attr:`rules` once, so that a change never falls into a decision.

    Args:
        rules: What is in force until the file changes.
        file: Where they came from; None: they never change.
        version: Which version of the file they are.
    """

    def __init__(self, rules: Rules | None = None, file: Path | None = None, version: Version | None = None) -> None:
        self.rules = rules or Rules()
        self.file = file
        self.loads = 0
        """How often the rules were replaced, for a metric."""
        self.failures = 0
        """How many versions of the file were refused, for a metric."""
        self.last_error: PartnerFileError | None = None
        """Why the file as it is now is not in force; None while it is."""
        self._seen = version
        self._reading = asyncio.Lock()

    @classmethod
    def open(cls, file: Path | None) -> "Partners":
        """
        Return the rules of *file*; without one everyone with a valid STI certificate may do everything.

        Raises:
            PartnerFileError: It cannot be used, so there is nothing to begin with.
        """
        return cls() if file is None else cls(*_swapped(file))

    async def reload(self) -> None:
        """
        Read the file now.

        Raises:
            PartnerFileError: It cannot be used; the rules from before stay in force.
        """
        if self.file is None:
            return
        async with self._reading:
            self._seen = await asyncio.to_thread(_version, self.file)
            try:
                rules, self._seen = await asyncio.to_thread(read, self.file)
            except PartnerFileError as error:
                self._refuse(error)
                raise
            self._accept(rules)

    async def watch(self) -> None:
        """Reload whenever the file has become another one; runs until it is cancelled."""
        while self.file is not None:
            await asyncio.sleep(limits.PARTNER_POLL_SECONDS)
            if await asyncio.to_thread(_version, self.file) != self._seen:
                with suppress(PartnerFileError):  # it is logged and counted
                    await self.reload()

    def _accept(self, rules: Rules) -> None:
        changed = rules != self.rules
        self.rules, self.last_error = rules, None
        self.loads += 1
        log.info("partners_loaded", mode=rules.mode.value, partners=len(rules.partners), changed=changed)

    def _refuse(self, error: PartnerFileError) -> None:
        self.last_error = error
        self.failures += 1
        log.error("partners_refused", detail=error.detail, consequence="the rules from before stay in force")


def _swapped(file: Path) -> tuple[Rules, Path, Version]:
    rules, version = read(file)
    return rules, file, version


def _version(file: Path) -> Version | None:
    try:
        return version_of(file.stat())
    except OSError:
        return None
