"""Parameters with round values, so that outcomes can be told beforehand."""

import pytest

from tests.load.simulation.parameters import Parameters


@pytest.fixture
def parameters() -> Parameters:
    """Return costs of a millisecond, and a network of 10 ms one way."""
    costs = dict.fromkeys(("publish", "retrieve", "send", "receive"), 1_000.0)
    costs |= {"proxy": 0.0, "valkey_put": 50.0, "valkey_get": 50.0, "variation": 0.3, "far": 10.0, "near": 0.2}
    costs |= {"setup_least": 100.0, "setup_more": 400.0, "outage": 4.0, "node_removal": 2.0, "shard_heal": 3.0}
    return Parameters.load().with_values(**costs, target=0.6)
