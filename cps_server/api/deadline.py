"""The deadline of requests: one timer for all that are under way, since one for each costs more than its routing."""

import asyncio
from types import TracebackType

from cps_server import limits


class Deadline:
    """
    A context manager that all requests share; each is a task of its own, and within it no longer than it may be.

    It does what :func:`asyncio.timeout` does: who is late is cancelled, and that comes out as TimeoutError.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Task[object], float] = {}
        """When each has to be done, which is the order in which they began."""
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        """Start the clock for this task."""
        loop = asyncio.get_running_loop()
        end = self._ends[_this_task()] = loop.time() + limits.REQUEST_SECONDS
        if self._timer is None:
            self._timer = loop.call_at(end, self._look)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """
        Stop it.

        Raises:
            TimeoutError: The task was late, and cancelled for that alone.
        """
        task = _this_task()
        is_late = self._ends.pop(task, None) is None
        if is_late and task.uncancel() == 0 and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def _look(self) -> None:
        """Cancel who is late, and come again when the next one would be."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for task, end in list(self._ends.items()):
            if end > loop.time():
                self._timer = loop.call_at(end, self._look)
                return
            del self._ends[task]
            task.cancel()


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None, "requests are tasks"  # noqa: S101 - a programming error
    return task
