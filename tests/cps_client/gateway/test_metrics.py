"""Numbers: what is counted, under which labels, and that nobody makes up labels."""

import pytest
from aiohttp.test_utils import TestClient
from prometheus_client.parser import text_string_to_metric_families

from cps_client.breaker import State
from cps_client.errors import CpsError
from cps_client.exchange import Endpoint
from cps_client.gateway.metrics import Metrics
from cps_client.gateway.readings import CpsReadings
from cps_client.origination import Originated
from cps_client.outcome import Receipt, Retrieval, not_known
from cps_client.tally import Counts
from cps_client.termination import Terminated
from cps_client.watch import Watch
from stir.errors import FetchError, StirError, UnavailableError
from stir.verdict import Source
from tests.support.sidecar import NOTHING

ERROR = CpsError("no CPS answered", reason="timeout")


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return all counters and gauges by name and labels' values, in the order of the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("outcome", "became", "reason"),
    [
        (Originated(("a",), receipt=Receipt(("a",))), "published", None),
        (Originated(("a",)), "not-published", None),
        (Originated((), error=UnavailableError("x")), "failed", "unavailable"),
        (Originated((), receipt=Receipt((), error=ERROR)), "failed", "timeout"),
    ],
)
def test_calls_that_go_out(outcome: Originated, became: str, reason: str | None) -> None:
    """A call is counted by what became of it; one that went on without is counted by why, too."""
    metrics = Metrics(["north"])
    metrics.originated("native", "north", outcome, 0.01)
    found = samples(metrics)
    assert 1 == found["cps_gateway_calls_total", ("native", "publish", became, "north")]
    assert 1 == found["cps_gateway_call_seconds_count", ("native", "publish")]
    told = [labels for name, labels in found if name == "cps_gateway_fail_open_total"]
    assert ([("publish", reason)] if reason else []) == told


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Terminated(NOTHING), None),
        (Terminated(NOTHING, retrieval=Retrieval(error=ERROR)), "timeout"),
        (Terminated(not_known(FetchError("x"), Source.IN_BAND)), "fetch-failed"),
        (Terminated(not_known(StirError("x"), Source.IN_BAND)), None),
    ],
)
def test_calls_that_come_in(outcome: Terminated, reason: str | None) -> None:
    """A call is counted by its verstat; that something could not be found out is counted by why, too."""
    metrics = Metrics()
    metrics.terminated("plain", None, outcome, 0.01)
    found = samples(metrics)
    assert 1 == found["cps_gateway_calls_total", ("plain", "retrieve", "No-TN-Validation", "none")]
    told = [labels for name, labels in found if name == "cps_gateway_fail_open_total"]
    assert ([("retrieve", reason)] if reason else []) == told


async def test_callers_cannot_make_up_labels(http: TestClient) -> None:
    """A trunk that is in no settings is other, and neither numbers nor ids of calls are in any label."""
    for trunk in ("secret-trunk", "12155550100"):
        body = {"orig": "12155550100", "dest": "12155551212", "trunk": trunk, "call_id": "secret-call"}
        await http.post("/v1/publish", json=body)
    await http.post("/secret-path", json={})
    async with http.get("/metrics") as answer:
        text = await answer.text()
        assert (200, "text/plain") == (answer.status, answer.content_type)
    assert 'trunk="other"} 2.0' in text
    assert 'cps_gateway_refusals_total{code="not-found",face="other"} 1.0' in text
    assert not any(word in text for word in ("secret", "1215555"))


def test_how_the_cpss_do() -> None:
    """Requests, hedges and circuits are shown by CPS, as they are when somebody asks."""
    counts, watch, metrics = Counts(), Watch(), Metrics()
    metrics.registry.register(CpsReadings(counts, watch, lambda: 0.0))
    endpoint = Endpoint.of("https://cps.example", None)
    counts.asked(endpoint.name, "answered")
    counts.hedged(endpoint.name)
    permit = watch.enter(endpoint, 0.0)

    before = samples(metrics)
    for _ in range(100):
        watch.leave(endpoint, permit, 0.0, is_good=False)
        if (permit := watch.enter(endpoint, 0.0)) is None:
            break

    name = endpoint.name
    assert (1, 1) == (
        before["cps_client_requests_total", (name, "answered")],
        before["cps_client_hedges_total", (name,)],
    )
    assert (1, 0) == (before["cps_client_in_flight", (name,)], before["cps_client_circuit_open", (name,)])
    assert State.OPEN is watch.states(0.0)[name]
    assert 1 == samples(metrics)["cps_client_circuit_open", (name,)]
