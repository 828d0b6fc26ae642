"""Instants to the tenth of a millisecond; an event loop's own timers count whole milliseconds."""

import asyncio
import ctypes
import os
import time
from collections.abc import Callable
from typing import Final

_ABSOLUTE: Final = 1
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


class Timer:
    """
    Calls *wake* at instants of the monotonic clock.

    Raises:
        OSError: The system has no such timer: it is not Linux.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._file = _libc.timerfd_create(time.CLOCK_MONOTONIC, _FLAGS)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        asyncio.get_running_loop().add_reader(self._file, self._ready)

    def set(self, instant: float) -> None:
        """Wake at *instant*, at once if it is past; whatever was set before is forgotten."""
        nanoseconds = max(1, round(instant * 1e9))
        times = (ctypes.c_long * 4)(0, 0, *divmod(nanoseconds, 1_000_000_000))
        _libc.timerfd_settime(self._file, _ABSOLUTE, times, None)

    def close(self) -> None:
        """Never wake again."""
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)

    def _ready(self) -> None:
        os.read(self._file, 8)
        self._wake()
