"""A worker's place: one process at a time, started, watched, asked and ended."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import structlog
from prometheus_client.metrics_core import Metric

from cps_server import limits
from cps_server.admin.node import Readiness
from cps_server.channel import Channel, GoneError, SilentError
from cps_server.reload import LiveSettings
from cps_server.workers import Order, unpack
from stir.aio.configuration import SettingsError

log = structlog.get_logger()


class WorkersFailedError(Exception):
    """No worker stays alive."""


class Slot:
    """
    A worker's place.

    Args:
        name: What its processes are called in logs and metrics.
        settings: What they are told at their start.
        sockets: What they inherit and serve on.
    """

    def __init__(self, name: str, settings: LiveSettings, sockets: Sequence[socket.socket]) -> None:
        self.name = name
        self.deaths: Counter[str] = Counter()
        """How often its process died, by how: a signal's name, or ``exit``."""
        self._settings = settings
        self._sockets = sockets
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._started_at = 0.0

    @property
    def is_running(self) -> bool:
        """Whether its process serves."""
        return self._channel is not None

    async def start(self) -> None:
        """
        Start a process, and wait until it serves.

        Raises:
            SettingsError: It cannot, with these settings.
            WorkersFailedError: It died, or does not come to the point.
        """
        ours, theirs = socket.socketpair()
        numbers = tuple(one.fileno() for one in self._sockets)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "cps_server", "worker", str(theirs.fileno())),
                stdin=DEVNULL,
                pass_fds=(theirs.fileno(), *numbers),
            )
        channel = await Channel.over(ours)
        channel.write(Order(self.name, self._settings.current, numbers).encode())
        try:
            async with asyncio.timeout(limits.WORKER_START_SECONDS):
                complaint = await channel.read()
        except TimeoutError:
            complaint = None
        if complaint != b"":
            await channel.close()
            await self._kill()
            if complaint is None:
                raise WorkersFailedError(f"worker {self.name} died while it started")
            raise SettingsError(complaint.decode())
        self._began(channel)

    async def ended(self) -> bool:
        """Wait until the process ends, and return whether it had stayed for a while."""
        if self._process is None:
            return False
        served = self.is_running
        status = await self._process.wait()
        await self._hang_up()
        if not served:
            return False
        lived = asyncio.get_running_loop().time() - self._started_at
        how = signal.Signals(-status).name if status < 0 else "exit"
        self.deaths[how] += 1
        log.error("worker_died", worker=self.name, how=how, status=status, lived=round(lived, 3))
        return lived > limits.WORKER_STEADY_SECONDS

    async def stop(self) -> None:
        """Let the process finish what is in flight; one that takes too long is killed."""
        process, patience = self._process, self._settings.current.drain.lame_duck + limits.WORKER_STOP_SECONDS
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(patience):
                    await process.wait()
            except TimeoutError:
                log.error("worker_killed", worker=self.name, reason="it did not finish in time")
                await self._kill()
        await self._hang_up()

    async def readiness(self) -> Readiness | None:
        """Return what the process says about itself; None while there is none."""
        if self._channel is None:
            return None
        try:
            return Readiness(await self._channel.ask("readiness"))
        except SilentError:
            return Readiness({"worker": "silent"}) if self.is_running else None

    async def families(self) -> list[Metric]:
        """Return the metrics of the process; none while it is not there."""
        if self._channel is None:
            return []
        try:
            return unpack(await self._channel.ask("metrics"))
        except SilentError:
            return []

    async def reload(self) -> bool:
        """Let the process read anew what may have changed; return whether all went well."""
        if self._channel is None:
            return True  # the next one reads everything at its start
        try:
            return bool(await self._channel.ask("reload", seconds=limits.WORKER_RELOAD_SECONDS))
        except SilentError:
            return False

    def _began(self, channel: Channel) -> None:
        assert self._process is not None  # noqa: S101 - it has just answered
        self._channel = channel
        self._started_at = asyncio.get_running_loop().time()
        self._tasks = [
            asyncio.create_task(channel.converse(_no_questions), name=f"talk to worker {self.name}"),
            asyncio.create_task(self._watch(channel), name=f"watch worker {self.name}"),
        ]
        log.info("worker_started", worker=self.name, pid=self._process.pid)

    async def _watch(self, channel: Channel) -> None:
        """Kill the process when its event loop no longer turns."""
        while True:
            await asyncio.sleep(limits.WORKER_ASKED_SECONDS)
            try:
                await channel.ask("readiness", seconds=limits.WORKER_SILENCE_SECONDS)
            except GoneError:
                return  # it died by itself, which is told elsewhere
            except SilentError:
                log.error("worker_killed", worker=self.name, reason="it does not answer")
                await self._kill()
                return

    async def _kill(self) -> None:
        assert self._process is not None  # noqa: S101 - a programming error
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if channel is not None:
            await channel.close()


async def _no_questions(question: str) -> object:
    """Answer a worker, which has nothing to ask."""
    return question
