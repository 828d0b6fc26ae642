"""What the SIP face counts: plain numbers, made into metrics when somebody asks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Counts(Collector):
    """How often what happened; labels come from small fixed sets, never from a message."""

    requests: Counter[Labels] = field(default_factory=Counter)
    """By transport and method; a method that is not known here is other."""
    answers: Counter[Labels] = field(default_factory=Counter)
    """By status; without the retransmissions."""
    retransmissions: int = 0
    """INVITEs that came again: they were absorbed, or got the same answer."""
    dropped: Counter[Labels] = field(default_factory=Counter)
    """What got no answer, by reason: source, malformed, response, keepalive, connections, unsent."""
    fail_open: Counter[Labels] = field(default_factory=Counter)
    """Calls that were sent on without a result, by reason: too-large, stopping, usage, or gateway-…."""
    calls: int = 0
    """Calls under way."""
    connections: int = 0
    """TCP connections that are open."""

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers as they are now, for a registry of Prometheus."""
        yield _counter("requests", "SIP requests that came in.", ("transport", "method"), self.requests)
        yield _counter("answers", "SIP answers, retransmissions left out.", ("status",), self.answers)
        yield _counter("retransmissions", "INVITEs that came again.", (), {(): self.retransmissions})
        yield _counter("dropped", "What came by SIP and got no answer, by reason.", ("reason",), self.dropped)
        yield _counter("fail_open", "Calls sent on without a result, by reason.", ("reason",), self.fail_open)
        yield GaugeMetricFamily("cps_gateway_sip_calls", "Calls by SIP under way.", value=self.calls)
        yield GaugeMetricFamily("cps_gateway_sip_connections", "Open TCP connections.", value=self.connections)


def _counter(name: str, text: str, labels: Labels, numbers: dict[Labels, int]) -> Metric:
    family = CounterMetricFamily(f"cps_gateway_sip_{name}", text, labels=labels)
    for values, number in list(numbers.items()):
        family.add_metric(values, number)
    return family
