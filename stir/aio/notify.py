"""Tells the service manager how it goes (sd_notify(3)); without one it tells nobody."""

import asyncio
import os
import socket
import time
from dataclasses import dataclass
from typing import Self

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Notifier:
    """
    The manager's datagram socket.

    Args:
        address: Its path, or with ``@`` its abstract name; empty: nobody listens.
        watchdog: Seconds within which the manager wants a sign of life; 0: it wants none.
    """

    address: str = ""
    watchdog: float = 0.0

    @classmethod
    def from_environment(cls) -> Self:
        """Take what the manager left in the environment; it is removed there, for no child speaks for us."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        interval, meant = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        mine = interval.isdecimal() and meant in {"", str(os.getpid())}
        return cls(address, int(interval) / 1_000_000 if mine else 0.0)

    def ready(self) -> None:
        """Say that start or reload is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that a reload has begun."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    async def keep_watchdog(self) -> None:
        """Give signs of life as long as the event loop turns."""
        while self.watchdog:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog / 2)

    def _send(self, state: str) -> None:
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.settimeout(1)
            try:
                manager.sendto(state.encode(), name)
            except OSError as error:
                log.warning("manager_not_told", state=state.partition("\n")[0], error=error.strerror or "timeout")
