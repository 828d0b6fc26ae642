"""What the SIP face counts: plain numbers, read when somebody asks for metrics."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

Labels = tuple[str, ...]


@dataclass(slots=True)
class Counts:
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
    """Calls that were sent on without a result, by reason: too-large, usage, gateway-busy, -late or -failed."""
    calls: int = 0
    """Calls under way."""
    connections: int = 0
    """TCP connections that are open."""

    def readings(self) -> Mapping[str, Mapping[Labels, float]]:
        """Return the counters and gauges by the end of their names, each number by its labels."""
        return {
            "requests_total": dict(self.requests),
            "answers_total": dict(self.answers),
            "retransmissions_total": {(): self.retransmissions},
            "dropped_total": dict(self.dropped),
            "fail_open_total": dict(self.fail_open),
            "calls": {(): self.calls},
            "connections": {(): self.connections},
        }
