"""A CPS of the lab: ``cps-server serve`` as a process of its own, which is started, stopped and killed."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

import aiohttp

from cps_client.lab import tether
from cps_client.lab.errors import LabError
from cps_client.lab.loopback import ADDRESS, free_ports

START_SECONDS: Final = 30.0
"""Longest wait for a CPS to become healthy; a busy machine needs a few seconds, an idle one less than one."""

_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_LOG_LINES: Final = 20


class CpsProcess:
    """
    One CPS on loopback; use it as an asynchronous context manager, or call :meth:`start` and :meth:`stop`.

    Args:
        directory: Where its database and its log are.
        name: What its files are called.
        environment: Its settings, ``CPS_…``; the addresses are chosen here.
        command: What to run in place of the product's server.
    """

    def __init__(
        self, directory: Path, name: str, environment: Mapping[str, str], *, command: tuple[str, ...] | None = None
    ) -> None:
        self.port, admin_port = free_ports(2)
        self.database = directory / f"{name}.db"
        self.log = directory / f"{name}.log"
        self.settings = {
            "CPS_LISTEN": f"{ADDRESS}:{self.port}",
            "CPS_ADMIN_LISTEN": f"{ADDRESS}:{admin_port}",
            "CPS_STORE__URL": f"sqlite:///{self.database.absolute()}",
            **environment,
        }
        self._command = command or (sys.executable, "-P", "-m", "cps_server", "serve")
        self._process: Process | None = None
        self.start_seconds = 0.0
        """How long the last start took."""

    @property
    def url(self) -> str:
        """The base URL of its public API, without TLS."""
        return f"http://{ADDRESS}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    @property
    def group(self) -> int | None:
        """The number of the process group of it and its workers; None while it does not run."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """
        Start it and wait until it is healthy.

        Raises:
            LabError: It ended, or is not healthy in time; the detail has the end of its log.
        """
        began = time.perf_counter()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", tether.__file__, str(os.getpid()), *self._command),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,  # Ctrl-C is for the lab, which then stops it in order
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._until_healthy()
        except TimeoutError as error:
            await self.kill()
            raise LabError(f"the CPS was not healthy after {START_SECONDS:g} s; {self._last_words()}") from error
        except BaseException:
            await self.kill()
            raise
        self.start_seconds = time.perf_counter() - began

    async def stop(self) -> None:
        """Let it end in order, or kill it when it does not."""
        if self.running:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._wait()
        await self.kill()

    async def kill(self) -> None:
        """End it and its workers at once, as ``kill -9`` does."""
        self._signal(signal.SIGKILL)
        await self._wait()
        self._process = None  # its number may be another's by now

    async def restart(self, **settings: str) -> None:
        """Stop it and start it again, on the same port and store, with other *settings*."""
        await self.stop()
        self.settings |= settings
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _environment(self) -> dict[str, str]:
        """Return this process's environment with no other CPS's settings in it."""
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("CPS_")}
        return inherited | self.settings

    def _signal(self, number: signal.Signals) -> None:
        # To the whole group: a server may have workers, and they may be left when it is gone.
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _wait(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def _until_healthy(self) -> None:
        timeout = aiohttp.ClientTimeout(total=START_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while not await self._is_healthy(session):
                if not self.running:
                    raise LabError(f"the CPS did not start; {self._last_words()}")
                await asyncio.sleep(_POLL_SECONDS)

    async def _is_healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/health") as answer:
                return answer.status == HTTPStatus.OK
        except aiohttp.ClientConnectionError:
            return False

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n  ".join(["its log ends:", *lines]) if lines else "its log is empty"
