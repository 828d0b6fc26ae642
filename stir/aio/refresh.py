"""Keeping a published list fresh in the background: one task a list, the last good one kept whatever happens."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from stir import limits
from stir.aio.clock import Clock
from stir.errors import StirError

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Edition:
    """What a list says about itself."""

    this_update: datetime | None
    next_update: datetime | None
    sequence: int | None
    entries: int
    complaints: tuple[str, ...] = ()
    """Parts of the list that could not be used; the rest is in force."""


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How a list is doing, as data for health, metrics and logs."""

    name: str
    url: str
    edition: Edition | None = None
    """None: nothing was ever read."""
    loaded_at: datetime | None = None
    tried_at: datetime | None = None
    failures: int = 0
    """Failures since the last success."""
    last_error: StirError | None = None
    """Why the last try failed; None after a success."""

    def is_stale(self, at: datetime) -> bool:
        """Tell whether there is no list, or its successor should have been there at *at*."""
        if self.edition is None:
            return True
        return self.edition.next_update is not None and at > self.edition.next_update

    def age(self, at: datetime) -> timedelta | None:
        """Return for how long the list has been held at *at*, or None without one."""
        return None if self.loaded_at is None else at - self.loaded_at

    @property
    def due(self) -> datetime | None:
        """When to try next; None: at once."""
        if self.tried_at is None:
            return None
        if self.failures:
            doubled = limits.LIST_RETRY_FIRST * (1 << min(self.failures - 1, 16))
            return self.tried_at + min(doubled, limits.LIST_RETRY_LAST)
        due = self.tried_at + limits.LIST_REFRESH
        if self.edition is not None and self.edition.next_update is not None:
            due = min(due, self.edition.next_update)
        return max(due, self.tried_at + limits.LIST_PAUSE)


Observer = Callable[[ListStatus], None]
"""Told after each try, for logs and metrics."""


class Refresher(ABC, Generic[T]):
    """
    Reads one list at once, then when it is due, for ever; a failure is retried with back-off.

    Args:
        name: What the list is called in status and metrics.
        url: Where it is.
        clock: Tells the time.
        sleep: Waits some seconds; tests move their clock in it.
        observe: Told after each try.
    """

    def __init__(
        self,
        name: str,
        url: str,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        observe: Observer | None = None,
    ) -> None:
        self.held: T | None = None
        """The last good list; it is never dropped for a failure."""
        self.status = ListStatus(name, url)
        self._clock = clock
        self._sleep = sleep
        self._observe = observe
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Try to read the list once, and go on in the background; a failure shows in the status only."""
        await self.refresh()
        self._task = asyncio.create_task(self._run(), name=f"refresh {self.status.name}")

    async def close(self) -> None:
        """Stop; an error that nobody expected, which ended the task before, is raised here."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_running(self) -> bool:
        """Whether the background task is alive; it ends by :meth:`close` or by a programming error."""
        return self._task is not None and not self._task.done()

    async def refresh(self) -> bool:
        """Read the list now; return whether that went well."""
        async with self._reading:
            now = self._clock.now()
            try:
                found = await self._load(self.held)
            except StirError as error:
                self._note(tried_at=now, failures=self.status.failures + 1, last_error=error)
            else:
                self.held = found
                self._note(edition=self._edition(found), loaded_at=now, tried_at=now)
            return self.status.last_error is None

    @abstractmethod
    async def _load(self, held: T | None) -> T:
        """Return the list as published now, checked; raise a StirError if it must not replace *held*."""

    @abstractmethod
    def _edition(self, found: T) -> Edition:
        """Describe a list."""

    def _drop(self) -> None:
        """Forget the list that is held, because its signer is no longer believed."""
        self.held = None
        self.status = ListStatus(self.status.name, self.status.url)

    def _note(
        self,
        *,
        tried_at: datetime,
        edition: Edition | None = None,
        loaded_at: datetime | None = None,
        failures: int = 0,
        last_error: StirError | None = None,
    ) -> None:
        before = self.status
        self.status = ListStatus(
            before.name,
            before.url,
            edition or before.edition,
            loaded_at or before.loaded_at,
            tried_at,
            failures,
            last_error,
        )
        if self._observe is not None:
            self._observe(self.status)

    async def _run(self) -> None:
        while True:
            if (seconds := self._seconds_left()) > 0:
                await self._sleep(min(seconds, limits.LIST_TICK.total_seconds()))
            else:
                await self.refresh()

    def _seconds_left(self) -> float:
        due = self.status.due
        return 0.0 if due is None else (due - self._clock.now()).total_seconds()
