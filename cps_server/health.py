"""Whether this CPS could serve a publish and a retrieve right now."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from cps_server import limits
from cps_server.store.base import PassportStore
from stir.aio.verification import TrustSource
from stir.errors import StirError

OK: Final = "ok"
"""What a check says that found nothing wrong."""

log = structlog.get_logger()


class Health:
    """Tries what a request would need; one try serves all who ask within a second."""

    def __init__(self, store: PassportStore, trust: TrustSource) -> None:
        self._store = store
        self._trust = trust
        self._trial: asyncio.Task[Mapping[str, str]] | None = None
        self._tried_at = float("-inf")
        self.draining = False
        """Whether this process is about to stop: it still answers, and no balancer should send it more."""

    async def check(self) -> bool:
        """Return whether a publish and a retrieve could be served; never raises, never waits long."""
        return all(found == OK for found in (await self.checks()).values())

    async def checks(self) -> Mapping[str, str]:
        """Return what each check found, by its name: ``ok``, or the code of what is wrong."""
        now = asyncio.get_running_loop().time()
        if self._trial is None or now - self._tried_at > limits.HEALTH_CACHED_SECONDS:
            self._tried_at = now
            self._trial = asyncio.create_task(self._try())
        return await asyncio.shield(self._trial)

    async def _try(self) -> Mapping[str, str]:
        found = {"trust": self._try_trust(), "store": await self._try_store()}
        for name, outcome in found.items():
            if outcome != OK:
                log.error("health_failed", check=name, error=outcome)
        return found

    def _try_trust(self) -> str:
        try:
            self._trust.current()
        except StirError as error:
            return error.code
        return OK

    async def _try_store(self) -> str:
        try:
            async with asyncio.timeout(limits.HEALTH_SECONDS):
                await self._store.check()
        except StirError as error:
            return error.code
        except TimeoutError:
            return "timeout"
        return OK
