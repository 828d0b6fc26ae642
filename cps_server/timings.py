"""Histograms of durations: one list of counts for each combination of labels, and nothing else on the way."""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets, in seconds; the last bucket has none."""

_NAMES: Final = (*map(floatToGoString, BOUNDS), "+Inf")


class _Row:
    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * len(_NAMES)
        self.seconds = 0.0


class Timings(Collector):
    """
    A histogram of one process, for one event loop.

    prometheus-client's own locks and looks its labels up anew each time, which costs a request more than its routing.
    """

    def __init__(self, name: str, documentation: str, labels: Iterable[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(labels)
        self._rows: dict[tuple[str, ...], _Row] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        """Count something that took *seconds*."""
        row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = _Row()
        row.counts[bisect_left(BOUNDS, seconds)] += 1
        row.seconds += seconds

    def collect(self) -> Iterable[Metric]:
        """Return the histogram as it is now."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, row in list(self._rows.items()):
            buckets = list(zip(_NAMES, map(float, accumulate(row.counts)), strict=True))
            family.add_metric(labels, buckets, row.seconds)
        return [family]
