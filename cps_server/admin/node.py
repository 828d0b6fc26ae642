"""What the admin listener asks: one process that serves, or a supervisor of several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.metrics_core import Metric

from cps_server.health import OK


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether new requests should be sent here, and why not."""

    checks: Mapping[str, str]
    """What each check found: ``ok``, or what is wrong."""
    workers: Mapping[str, "Readiness | None"] | None = None
    """The same for each worker, None for one that does not run at present; None without workers."""

    @property
    def is_ready(self) -> bool:
        """Whether every check is content, with at least one worker, and with all that run."""
        if any(found != OK for found in self.checks.values()):
            return False
        if self.workers is None:
            return True
        running = [worker for worker in self.workers.values() if worker is not None]
        return bool(running) and all(worker.is_ready for worker in running)

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        answer: dict[str, object] = {"ready": self.is_ready, "checks": dict(self.checks)}
        if self.workers is not None:
            answer["workers"] = {name: one.as_dict() if one else None for name, one in self.workers.items()}
        return answer


class Node(Protocol):
    """A CPS on this machine, of one process or more."""

    async def readiness(self) -> Readiness:
        """Return whether new requests should be sent here."""
        ...

    async def families(self) -> Sequence[Metric]:
        """Return all metrics as they are now."""
        ...
