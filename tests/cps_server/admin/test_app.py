"""The admin listener: what it says, and that the public API says none of it."""

from collections.abc import Mapping, Sequence

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.metrics_core import Metric

from cps_server.admin.app import build_admin
from cps_server.admin.node import Readiness
from cps_server.metrics import Metrics
from tests.cps_server.conftest import run_cps


class Node:
    """A node that says what the test has it say."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def readiness(self) -> Readiness:
        """Return it."""
        return self._readiness

    async def families(self) -> Sequence[Metric]:
        """Return the metrics of an idle process."""
        return Metrics().families("0")


GOOD = Readiness({"store": "ok", "draining": "ok"})
BAD = Readiness({"store": "store-unavailable", "draining": "ok"})


@pytest.mark.parametrize(
    ("readiness", "ready"),
    [
        (GOOD, True),
        (BAD, False),
        (Readiness({"draining": "draining"}), False),
        (Readiness({}, {"0": GOOD, "1": GOOD}), True),
        (Readiness({}, {"0": GOOD, "1": None}), True),
        (Readiness({}, {"0": GOOD, "1": BAD}), False),
        (Readiness({}, {"0": None, "1": None}), False),
        (Readiness({"draining": "draining"}, {"0": GOOD}), False),
    ],
)
async def test_ready_says_whether_and_why(readiness: Readiness, ready: bool) -> None:  # noqa: FBT001 - a parameter
    """/ready is 200 or 503 and names every check; one worker that is being restarted does no harm."""
    async with TestClient(TestServer(build_admin(Node(readiness)))) as client:
        response = await client.get("/ready")
        body: Mapping[str, object] = await response.json()

    assert (200 if ready else 503) == response.status
    assert ready == body["ready"]
    assert dict(readiness.checks) == body["checks"]
    assert ("workers" in body) == (readiness.workers is not None)


async def test_live_and_metrics() -> None:
    """/live answers whatever the checks say, and /metrics is what Prometheus reads."""
    async with TestClient(TestServer(build_admin(Node(BAD)))) as client:
        live, metrics = await client.get("/live"), await client.get("/metrics")
        text = await metrics.text()

    assert 200 == live.status
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE cps_request_seconds histogram" in text
    assert {"oob-shaken"} == {live.headers["Server"], metrics.headers["Server"]}


@pytest.mark.parametrize("path", ["/metrics", "/ready", "/live"])
async def test_the_public_api_says_none_of_it(path: str) -> None:
    """The operator's pages are not on the public listener."""
    async for cps in run_cps():
        assert 404 == (await cps.client.get(path)).status
