"""
Metrics of one process, for Prometheus.

What happens to requests is observed as it happens. Everything else is kept by the objects that do the work, as plain
numbers, and read when somebody asks: a :class:`Reading` says where, and under which name. Labels come from small
fixed sets; only providers' codes do not, and they go through a :class:`~cps_server.tally.Tally`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cps_server import limits
from cps_server.store.timed import Stopwatch
from cps_server.timings import Timings

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
"""The text format that every Prometheus reads."""

WORKER: Final = "worker"
"""Label of every number: the process that it is from."""

Value = float | None | Mapping[tuple[str, ...], float]
"""One number, none at present, or one for each combination of labels."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that some object keeps, and the name under which it is shown; a name in ``_total`` only ever grows."""

    name: str
    help: str
    read: Callable[[], Value]
    labels: tuple[str, ...] = ()

    def family(self) -> Metric:
        """Return the number as it is now."""
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        value = self.read()
        if isinstance(value, Mapping):
            for labels, one in list(value.items()):
                family.add_metric(labels, one)
        elif value is not None:
            family.add_metric((), value)
        return family


class Metrics:
    """What one process can be asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._readings: list[Reading] = []
        self.registry.register(_Readings(self._readings))
        ProcessCollector(registry=self.registry)
        self._requests = Timings(
            "cps_request_seconds", "Time from a request's header to its answer.", ("route", "method", "status")
        )
        self.registry.register(self._requests)
        self._refusals = Counter(
            "cps_refusals",
            "Requests that were refused or failed, by the code of the answer.",
            ("code",),
            registry=self.registry,
        )
        self._store = Timings(
            "cps_store_seconds", "Time that the store took for one operation.", ("store", "operation")
        )
        self.registry.register(self._store)
        self._store_errors = Counter(
            "cps_store_errors", "Operations that the store failed.", ("store", "operation"), registry=self.registry
        )

    def add(self, *readings: Reading) -> None:
        """Show these numbers, too."""
        self._readings.extend(readings)

    def answered(self, route: str, method: str, status: int, seconds: float, problem: str | None) -> None:
        """Count one answer; *problem* is its code if it is a problem document."""
        known = method if method in limits.COUNTED_METHODS else "other"
        self._requests.observe(seconds, route, known, f"{status // 100}xx")
        if problem is not None:
            self._refusals.labels(problem).inc()

    def stopwatch(self, store: str) -> Stopwatch:
        """Return what a store of kind *store* tells how long it took."""

        def note(operation: str, seconds: float, *, failed: bool) -> None:
            self._store.observe(seconds, store, operation)
            if failed:
                self._store_errors.labels(store, operation).inc()

        return note

    def families(self, worker: str) -> list[Metric]:
        """Return everything as it is now, marked as *worker*'s."""
        families = list(self.registry.collect())
        for family in families:
            family.samples = [
                one._replace(labels={WORKER: worker, **one.labels})
                for one in family.samples
                if not one.name.endswith("_created")  # as many numbers again, and the process has its start time
            ]
        return families


def render(families: Iterable[Metric]) -> bytes:
    """Return the text that Prometheus reads, with families of the same name, from several workers, put together."""
    merged: dict[str, Metric] = {}
    for family in families:
        if family.name in merged:
            merged[family.name].samples += family.samples
        else:
            merged[family.name] = family
    return generate_latest(_Fixed(merged.values()))


class _Fixed(CollectorRegistry):
    """A registry of families that were collected already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


class _Readings(Collector):
    """Reads numbers where they are kept."""

    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        """Return all as they are now."""
        return [reading.family() for reading in self._readings]
