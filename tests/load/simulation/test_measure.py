"""What is measured on real nodes; how much comes out is no matter for a test."""

from collections import defaultdict

import pytest

from tests.load.simulation import measure
from tests.load.simulation.parameters import Parameters
from tests.support.valkey import running_server


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask little, and leave the test's process on all cores."""
    monkeypatch.setattr(measure, "REQUESTS", 60)
    monkeypatch.setattr(measure, "WARM_UP", 10)
    monkeypatch.setattr(measure, "SECONDS", 0.2)
    monkeypatch.setattr(measure, "pin", lambda _: None)


async def test_a_node_and_its_store_are_measured() -> None:
    """A publish and a retrieve take processor time of the node and of Valkey, bytes, and memory."""
    with running_server() as server:
        found = await measure.one_node(f"valkey://{server.address}/0", server)

    assert all(value > 0 for value in found.values()), found
    assert found["publish_store_bytes"] > found["retrieve_store_bytes"]


async def test_sending_on_is_measured() -> None:
    """Both ends of the way between two members take processor time; the request is larger than the publish."""
    found = await measure.mesh_of_two()

    assert found["publish_and_send_us"] > 0 < found["receive_us"]
    assert 1_000 < found["republish_request_bytes"] < 5_000


async def test_delays_are_measured() -> None:
    """Each load has its percentiles in order."""
    for one in await measure.one_round(0, 2_000.0):
        assert 0 < one.p50_ms <= one.p90_ms <= one.p99_ms


def test_the_file_has_a_place_for_everything_measured() -> None:
    """Every value that is measured here stands in the file as measured."""
    held = Parameters.load().all
    measured = {name for name, one in held.items() if one.source == "measured"}
    nothing = defaultdict[str, float](float)

    assert {*measure.values(nothing, nothing, nothing)} == measured - {"shard_heal"}
