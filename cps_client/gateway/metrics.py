"""Numbers about the sidecar's calls, for Prometheus; labels come from small fixed sets and from the settings."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from cps_client.gateway import limits
from cps_client.origination import Originated
from cps_client.tally import reason_of
from cps_client.termination import Terminated
from stir.errors import UnavailableError

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5)
_NONE, _OTHER = "none", "other"


class Metrics:
    """
    What the sidecar can be asked for.

    Args:
        trunks: The names of the trunk groups in the settings; whatever else a request names is counted as other.
    """

    def __init__(self, trunks: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self._trunks = frozenset(list(trunks)[: limits.COUNTED_TRUNKS])
        ProcessCollector(registry=self.registry)
        self._calls = Counter(
            "cps_gateway_calls",
            "Calls, by what was asked, by whom it was asked, by trunk group, and by how it came out.",
            ("operation", "face", "trunk", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cps_gateway_call_seconds",
            "Time from a call's request to its outcome.",
            ("operation", "face"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._open = Counter(
            "cps_gateway_fail_open",
            "Calls that went on without what was asked for, by the reason in one word.",
            ("operation", "reason"),
            registry=self.registry,
        )
        self._refusals = Counter(
            "cps_gateway_refusals",
            "Requests that were a mistake, by face and the code of the answer.",
            ("face", "code"),
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "cps_gateway_calls_in_flight", "Calls that are being worked on.", registry=self.registry
        )

    def watch(self, in_flight: Callable[[], float]) -> None:
        """Show the number of calls that are being worked on."""
        self._in_flight.set_function(in_flight)

    def originated(self, face: str, trunk: str | None, outcome: Originated, seconds: float) -> None:
        """Count a call that goes out."""
        error = outcome.failure
        became = "published" if outcome.published else "failed" if error else "not-published"
        self._count("publish", face, trunk, became, seconds, reason_of(error) if error is not None else None)

    def terminated(self, face: str, trunk: str | None, outcome: Terminated, seconds: float) -> None:
        """Count a call that comes in."""
        error = outcome.retrieval.error if outcome.retrieval is not None else None
        wrong = outcome.verdict.decisive.error
        reason = reason_of(error) if error is not None else None
        # A verdict on a PASSporT is an outcome; that something could not be found out is a failure.
        if reason is None and wrong is not None and issubclass(wrong, UnavailableError):
            reason = wrong.code
        self._count("retrieve", face, trunk, outcome.verdict.verstat.value, seconds, reason)

    def refused(self, face: str, code: str) -> None:
        """Count a request that was a mistake."""
        self._refusals.labels(face, code).inc()

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def _count(
        self, operation: str, face: str, trunk: str | None, outcome: str, seconds: float, reason: str | None
    ) -> None:
        self._calls.labels(operation, face, self._trunk(trunk), outcome).inc()
        self._seconds.labels(operation, face).observe(seconds)
        if reason is not None:
            self._open.labels(operation, reason).inc()

    def _trunk(self, name: str | None) -> str:
        if name is None:
            return _NONE
        return name if name in self._trunks else _OTHER
