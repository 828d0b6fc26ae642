"""Several worker processes on one port: started, watched, restarted, asked, and ended together."""

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog
from prometheus_client.metrics_core import Metric

from cps_server import limits
from cps_server.admin.node import Readiness
from cps_server.health import OK
from cps_server.lifecycle import administered, announce, check
from cps_server.metrics import Metrics, Reading
from cps_server.readings import of_process
from cps_server.reload import LiveSettings
from cps_server.settings import Settings
from cps_server.slot import Slot, WorkersFailedError
from stir.aio.configuration import SettingsError
from stir.aio.lifetime import managed, until_signal
from stir.aio.listeners import listeners, named
from stir.aio.logs import Lines
from stir.aio.notify import Notifier
from stir.aio.reload import Reloader

log = structlog.get_logger()


async def supervise(settings: Settings, *, lines: Lines) -> None:
    """
    Run ``settings.workers`` worker processes until SIGTERM or SIGINT, then let them finish what is in flight.

    The listening socket is opened here and inherited by all, so that the port answers as long as one of them lives,
    and connections only wait while none does.

    Raises:
        SettingsError: It cannot start with these settings.
        WorkersFailedError: The workers cannot be kept alive.
    """
    check(settings)
    notifier, stopped = Notifier.from_environment(), until_signal()
    async with AsyncExitStack() as stack:
        sockets = stack.enter_context(listeners("CPS_LISTEN", settings.listen))
        fleet = Fleet(LiveSettings(settings, lines), sockets, lines)
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        await stack.enter_async_context(administered(settings, fleet))
        await stack.enter_async_context(managed(notifier, fleet.reload))
        announce(settings, listen=named(sockets))
        await fleet.until(stopped)
        log.info("cps_stopping", lame_duck=settings.drain.lame_duck)
        notifier.stopping()
        for one in sockets:
            one.close()  # the workers have theirs; the port closes with the last of them
        await fleet.stop()
    log.info("cps_stopped")


class Fleet:
    """The workers, as one node."""

    def __init__(self, settings: LiveSettings, sockets: Sequence[socket.socket], lines: Lines) -> None:
        self._settings = settings
        self._slots = [Slot(str(number), settings, sockets) for number in range(settings.current.workers)]
        self._draining = False
        self._metrics = Metrics()
        self._metrics.add(*of_process(lines), *self._readings())
        self._reloader = Reloader()
        self._reloader.add("settings", settings.reload)
        self._keeping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """
        Start every worker, and keep them from then on.

        Raises:
            SettingsError: A worker cannot serve with these settings.
            WorkersFailedError: A worker died while it started.
        """
        await asyncio.gather(*(slot.start() for slot in self._slots))
        self._keeping = {asyncio.create_task(self._keep(slot), name=f"worker {slot.name}") for slot in self._slots}

    async def until(self, stopped: asyncio.Event) -> None:
        """
        Wait for *stopped*.

        Raises:
            WorkersFailedError: The workers cannot be kept alive.
        """
        stopping = asyncio.create_task(stopped.wait())
        done, _ = await asyncio.wait({stopping, *self._keeping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done - {stopping}:
            task.result()

    async def stop(self) -> None:
        """Let every worker finish, and wait for them; a second call finds nothing left to do."""
        self._draining = True
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(slot.stop() for slot in self._slots))

    async def readiness(self) -> Readiness:
        """Return whether new requests should be sent here."""
        found = await asyncio.gather(*(slot.readiness() for slot in self._slots))
        workers = {slot.name: one for slot, one in zip(self._slots, found, strict=True)}
        return Readiness({"draining": "draining" if self._draining else OK}, workers)

    async def families(self) -> Sequence[Metric]:
        """Return the metrics of all processes, each number marked with its own."""
        found = await asyncio.gather(*(slot.families() for slot in self._slots))
        return [*self._metrics.families("supervisor"), *(family for families in found for family in families)]

    async def reload(self) -> bool:
        """Reload every worker; return whether all went well."""
        own = await self._reloader.reload()
        return all([own, *await asyncio.gather(*(slot.reload() for slot in self._slots))])

    async def _keep(self, slot: Slot) -> None:
        """Start the worker of *slot* again whenever it dies, later and later while it does not stay."""
        failures = 0
        while True:
            steady = await slot.ended()
            failures = 0 if steady else failures + 1
            if failures >= limits.WORKER_FAILURES and not any(other.is_running for other in self._slots):
                raise WorkersFailedError(f"worker {slot.name} died {failures} times in a row, and no other runs")
            await asyncio.sleep(min(limits.WORKER_RETRY_FIRST * 2 ** max(failures - 1, 0), limits.WORKER_RETRY_LAST))
            try:
                await slot.start()
            except (SettingsError, WorkersFailedError) as error:
                log.error("worker_not_started", worker=slot.name, detail=str(error))

    def _readings(self) -> list[Reading]:
        running = Reading(
            "cps_workers_running", "Worker processes that run.", lambda: sum(slot.is_running for slot in self._slots)
        )
        wanted = Reading("cps_workers_wanted", "Worker processes that are meant to run.", lambda: len(self._slots))
        deaths = Reading(
            "cps_worker_deaths_total",
            "Worker processes that died and were started again, by how: a signal's name, or exit.",
            self._deaths,
            ("how",),
        )
        return [running, wanted, deaths]

    def _deaths(self) -> dict[tuple[str, ...], float]:
        total = sum((slot.deaths for slot in self._slots), Counter[str]())
        return {(how,): count for how, count in total.items()}
