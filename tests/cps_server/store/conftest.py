"""Real servers for the stores that are shared over the network; each is started by the first test that wants it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.valkey import Cluster, Server, running_cluster, running_server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Server]:
    """Run one Valkey server."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_cluster() -> Iterator[Cluster]:
    """Run a cluster of three masters."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def shared_secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name the secret file that all nodes share."""
    return tmp_path_factory.mktemp("secret") / "cps.secret"
