"""Every store against a simple model, with requests in any order at any time."""

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cps_server.store import CallKey, Nonce, Publication, open_store, redis, redis_link
from cps_server.store.base import ENTRIES_PER_KEY
from cps_server.store.redis import ENTRIES_KEPT
from stir.errors import ReplayedTokenError
from tests.support.publications import NOW, nonce, publication
from tests.support.valkey import Cluster, Server

KEYS = [
    CallKey("1", "2"),
    CallKey("2", "1"),
    CallKey("12", ""),
    CallKey("1", "2", "709J"),
    CallKey("1", "2", "456B"),
    CallKey("1", "2709J"),
]
keys = st.sampled_from(KEYS)
jtis = st.sampled_from(["a", "b", "c", "d"])
issuers = st.sampled_from(["1234", "709j", "709J"])
lives = st.integers(min_value=1, max_value=4)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for a server than a call may: on a machine that stands still, what counts here is the answer."""
    monkeypatch.setattr(redis, "SECONDS", 30.0)
    monkeypatch.setitem(redis_link.Link.__init__.__kwdefaults__, "timeout", 30.0)


class StoreMachine(RuleBasedStateMachine):
    """Time counts whole milliseconds since ``NOW``; the model keeps lists and forgets nothing."""

    url = "memory://"
    one_place = True
    kept: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.time = 0
        self.used: dict[tuple[str, str, CallKey | None], int] = {}
        self.entries: dict[CallKey, list[tuple[int, Publication]]] = {key: [] for key in KEYS}

    @initialize()
    def open(self) -> None:
        """Open a new store."""
        self.store = open_store(self.url.format(folder=self.folder.name))

    def teardown(self) -> None:
        """Close everything."""
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    def replays(self, key: CallKey, issuer: str, jti: str, life: int) -> bool:
        """Return whether the token was used, and use it."""
        token = (issuer.upper(), jti, None if self.one_place else key)
        if self.used.get(token, 0) > self.time:
            return True
        self.used[token] = self.time + life
        return False

    def nonce(self, issuer: str, jti: str, life: int) -> Nonce:
        """Return the nonce of a request made now."""
        return nonce(jti, issuer=issuer, at=NOW, seconds=(self.time + life) / 1_000)

    def live(self, key: CallKey) -> list[Publication]:
        """Return what the model hands out."""
        alive = [entry for end, entry in reversed(self.entries[key]) if end > self.time]
        return alive[:ENTRIES_PER_KEY]

    @property
    def now(self) -> datetime:
        """The present instant."""
        return NOW + timedelta(milliseconds=self.time)

    @rule(key=keys, name=st.sampled_from(["x", "y"]), publisher=issuers, jti=jtis, life=lives, window=lives)
    def publish(self, key: CallKey, name: str, publisher: str, jti: str, life: int, window: int) -> None:
        """Publish something new, something that is there already, or with a used token."""
        end = self.time + life
        entry = publication(name, publisher=publisher.upper(), token=f"{self.time} {life}", seconds=end / 1_000)
        request = self.store.publish(key, entry, nonce=self.nonce(publisher, jti, window), now=self.now)
        if self.replays(key, publisher, jti, window):
            self.refused(request)
            return
        self.loop.run_until_complete(request)
        self.keep(key, end, entry)

    @rule(key=keys, count=st.integers(min_value=ENTRIES_PER_KEY - 1, max_value=ENTRIES_PER_KEY + 2), life=lives)
    def flood(self, key: CallKey, count: int, life: int) -> None:
        """Publish more than is handed out, in one breath."""
        end = self.time + life
        for number in range(count):
            entry = publication(f"{self.time}-{number}", token=f"{life} {len(self.entries[key])}", seconds=end / 1_000)
            self.loop.run_until_complete(self.store.publish(key, entry, nonce=nonce(), now=self.now))
            self.keep(key, end, entry)

    @rule(key=keys, issuer=issuers, jti=jtis, window=lives)
    def retrieve(self, key: CallKey, issuer: str, jti: str, window: int) -> None:
        """Retrieve with a token that may have been used."""
        request = self.store.retrieve(key, nonce=self.nonce(issuer, jti, window), now=self.now)
        if self.replays(key, issuer, jti, window):
            self.refused(request)
        else:
            assert self.live(key) == list(self.loop.run_until_complete(request))

    @rule(step=st.integers(min_value=1, max_value=3))
    def wait(self, step: int) -> None:
        """Let time pass, a millisecond at least."""
        self.time += step

    @rule()
    def reclaim(self) -> None:
        """Drop the dead; how many there were is the store's business."""
        assert 0 <= self.loop.run_until_complete(self.store.reclaim(self.now))

    @rule()
    def check(self) -> None:
        """Ask whether the store works."""
        self.loop.run_until_complete(self.store.check())

    @invariant()
    def every_key_shows_what_lives(self) -> None:
        """Whatever happened, each key shows exactly what the model says."""
        for key in KEYS:
            found = self.loop.run_until_complete(self.store.retrieve(key, nonce=nonce(), now=self.now))
            assert self.live(key) == list(found)

    def keep(self, key: CallKey, end: int, entry: Publication) -> None:
        """Put *entry* into the model, unless what is there lives longer."""
        former = [one for one in self.entries[key] if self.same(one[1], entry) and one[0] > self.time]
        if any(one[0] > end for one in former):
            return
        others = [one for one in self.entries[key] if one not in former]
        if self.kept is not None:
            others = [one for one in others if one[0] > self.time][-(self.kept - 1) :]
        self.entries[key] = [*others, (end, entry)]

    def same(self, one: Publication, other: Publication) -> bool:
        """Return whether two publishes are one entry."""
        return one.passports == other.passports and one.publisher == other.publisher

    def refused(self, request: Coroutine[None, None, object]) -> None:
        """Require that the request is refused as a replay."""
        try:
            self.loop.run_until_complete(request)
        except ReplayedTokenError:
            return
        raise AssertionError("a used token was taken")


class SqliteMachine(StoreMachine):
    """The same on a file."""

    url = "sqlite:///{folder}/cps.db"

    @rule()
    def restart(self) -> None:
        """Close the store and open it again: nothing is forgotten."""
        self.loop.run_until_complete(self.store.close())
        self.open()


class ValkeyMachine(StoreMachine):
    """The same on a server that other machines share."""

    kept = ENTRIES_KEPT
    servers: Server | Cluster
    secret_file: Path

    @initialize()
    def open(self) -> None:
        """Open an empty store, whose server forgets nothing as long as the test takes."""
        self.flush()
        self.connect()

    def connect(self) -> None:
        """Open the store."""
        self.store = open_store(self.url, secret_file=self.secret_file)
        self.store._raw._spare = 600_000

    def flush(self) -> None:
        """Forget everything."""
        self.servers.ask("FLUSHALL")

    @rule()
    def restart(self) -> None:
        """Close the store and open it again: nothing is forgotten."""
        self.loop.run_until_complete(self.store.close())
        self.connect()


class ValkeyClusterMachine(ValkeyMachine):
    """The same on a cluster."""

    one_place = False

    def flush(self) -> None:
        """Forget everything."""
        self.servers.flush()


@pytest.fixture(scope="module")
def one_server(valkey: Server, shared_secret: Path) -> None:
    """Say where the server is."""
    ValkeyMachine.servers, ValkeyMachine.url = valkey, f"valkey://{valkey.address}"
    ValkeyMachine.secret_file = shared_secret


@pytest.fixture(scope="module")
def three_masters(valkey_cluster: Cluster, shared_secret: Path) -> None:
    """Say where the cluster is."""
    ValkeyClusterMachine.servers, ValkeyClusterMachine.url = valkey_cluster, valkey_cluster.url
    ValkeyClusterMachine.secret_file = shared_secret


few = settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
fewer = settings(few, max_examples=20)
TestMemory = StoreMachine.TestCase
TestMemory.settings = few
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = fewer
TestValkey = pytest.mark.usefixtures("one_server")(ValkeyMachine.TestCase)
TestValkey.settings = fewer
TestValkeyCluster = pytest.mark.usefixtures("three_masters")(ValkeyClusterMachine.TestCase)
TestValkeyCluster.settings = fewer
