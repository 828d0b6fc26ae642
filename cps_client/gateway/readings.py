"""How the CPSs do, read where it is kept when somebody asks; their names come from the settings."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cps_client.breaker import State
from cps_client.tally import Counts
from cps_client.watch import Watch


class CpsReadings(Collector):
    """
    Numbers about the requests to CPSs.

    Args:
        counts: What happened.
        watch: What is known of each CPS.
        time: The clock that *watch* goes by.
    """

    def __init__(self, counts: Counts, watch: Watch, time: Callable[[], float]) -> None:
        self._counts = counts
        self._watch = watch
        self._time = time

    def collect(self) -> Iterator[Metric]:
        """Yield all as they are now."""
        requests = CounterMetricFamily(
            "cps_client_requests", "Requests to a CPS, by how they came out.", labels=("cps", "outcome")
        )
        for (cps, outcome), count in list(self._counts.requests.items()):
            requests.add_metric((cps, outcome), count)
        yield requests
        hedges = CounterMetricFamily(
            "cps_client_hedges", "Requests that were made because another CPS was slow.", labels=("cps",)
        )
        for cps, count in list(self._counts.hedges.items()):
            hedges.add_metric((cps,), count)
        yield hedges
        circuits = GaugeMetricFamily(
            "cps_client_circuit_open", "1 while a CPS is left alone because it failed again and again.", labels=("cps",)
        )
        for cps, state in self._watch.states(self._time()).items():
            circuits.add_metric((cps,), state is State.OPEN)
        yield circuits
        under_way = GaugeMetricFamily("cps_client_in_flight", "Requests to a CPS that are under way.", labels=("cps",))
        for cps, number in self._watch.in_flight().items():
            under_way.add_metric((cps,), number)
        yield under_way
