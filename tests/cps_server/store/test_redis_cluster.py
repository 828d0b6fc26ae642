"""A cluster: masters that die, hang, come back or are replaced, and keys that move."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cps_server.store import CallKey, SealedStore, open_store
from cps_server.store.redis_servers import Cluster as Servers
from cps_server.store.redis_servers import Layout
from cps_server.store.redis_url import Address, Target
from stir.errors import ReplayedTokenError, StoreError
from tests.support.publications import NOW, nonce, publication
from tests.support.valkey import HOST, PATIENCE, Cluster, Server, free_port, running_cluster, until

CALLS = [CallKey(str(number), "2") for number in range(60)]


@pytest.fixture
def cluster(valkey_cluster: Cluster) -> Iterator[Cluster]:
    """Give an empty cluster, and leave it whole."""
    valkey_cluster.flush()
    yield valkey_cluster
    for server in valkey_cluster.servers:
        server.go_on()
        if not server.answers():
            server.start()
            server.wait()
    until(valkey_cluster.is_ready, "the cluster is not whole again")


@pytest.fixture
async def store(cluster: Cluster, shared_secret: Path) -> AsyncIterator[SealedStore]:
    """Open a store on the cluster."""
    store = open_store(cluster.url, secret_file=shared_secret)
    yield store
    await store.close()


async def attempt(store: SealedStore, call: CallKey) -> tuple[bool, float]:
    """Publish for *call*; return whether that went well, and how long it took."""
    started = time.monotonic()
    try:
        await store.publish(call, publication(), nonce=nonce(), now=NOW)
    except StoreError:
        return False, time.monotonic() - started
    return True, time.monotonic() - started


async def healed(store: SealedStore) -> float:
    """Return how long it takes until every call is served, one after the other."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        if all([(await attempt(store, call))[0] for call in CALLS]):
            return time.monotonic() - started
        await asyncio.sleep(0.02)
    raise AssertionError("the store does not heal")


async def test_calls_are_spread(store: SealedStore, cluster: Cluster) -> None:
    """Each call and its tokens lie on one master, and all masters have some."""
    assert all([(await attempt(store, call))[0] for call in CALLS])

    kept = [server.ask("DBSIZE") for server in cluster.servers]
    assert 2 * len(CALLS) == sum(kept)
    assert all(count >= 10 for count in kept)
    assert all(count % 2 == 0 for count in kept)


@pytest.mark.parametrize("failure", ["kill", "hang"])
async def test_one_master_down_harms_only_its_calls(failure: str, store: SealedStore, cluster: Cluster) -> None:
    """Calls of a dead or hanging master are refused in time, others are served as before; it heals by itself."""
    await healed(store)
    getattr(cluster.servers[0], failure)()

    outcomes = await asyncio.gather(*(attempt(store, call) for call in CALLS for _ in range(3)))
    outcomes += await asyncio.gather(*(attempt(store, call) for call in CALLS for _ in range(3)))
    served = [seconds for done, seconds in outcomes if done]
    refused = [seconds for done, seconds in outcomes if not done]

    assert 0.4 < len(served) / len(outcomes) < 0.9
    assert statistics.median(served) < 0.3
    assert max(served) < 1
    assert max(refused) < 1.2
    await store.check()  # most calls are served
    if failure == "kill":
        cluster.servers[0].start()
    else:
        cluster.servers[0].go_on()
    assert await healed(store) < 10


async def test_most_masters_down(store: SealedStore, cluster: Cluster) -> None:
    """Without most of its masters the store says that it does not work, fast, and again when it does."""
    await store.check()
    for server in cluster.servers[:2]:
        server.kill()

    started = time.monotonic()
    with pytest.raises(StoreError):
        await store.check()
    assert time.monotonic() - started < 1
    for server in cluster.servers[:2]:
        server.start()
    await healed(store)
    await store.check()


async def test_nobody_there(shared_secret: Path) -> None:
    """A cluster of which nobody answers is an unavailable store at once, again and again."""
    store = open_store(f"valkey+cluster://{HOST}:{free_port()},{HOST}:{free_port()}", secret_file=shared_secret)

    started = time.monotonic()
    for _ in range(5):
        with pytest.raises(StoreError, match="no server of the store's cluster answers"):
            await store.check()
    assert time.monotonic() - started < 1
    await store.close()


async def test_one_of_the_named_servers_is_enough(cluster: Cluster, shared_secret: Path) -> None:
    """A node starts although a server that its URL names is down."""
    url = f"valkey+cluster://{HOST}:{free_port()},{cluster.servers[1].address}"
    store = open_store(url, secret_file=shared_secret)

    assert all(done for done, _ in await asyncio.gather(*(attempt(store, call) for call in CALLS)))
    await store.close()


async def test_a_single_server_is_no_cluster(valkey: Server, shared_secret: Path) -> None:
    """The URL of a cluster that leads to a server on its own is an unavailable store."""
    store = open_store(f"valkey+cluster://{valkey.address}", secret_file=shared_secret)

    with pytest.raises(StoreError, match="no server"):
        await store.check()
    await store.close()


async def test_replica_takes_over(shared_secret: Path) -> None:
    """A killed master's calls are refused fast until its replica has taken over; what it had copied is still there."""
    with running_cluster(replicas=1) as cluster:
        store = open_store(cluster.url, secret_file=shared_secret)
        await healed(store)
        cluster.servers[0].ask("WAIT", 1, 1_000)
        cluster.servers[0].kill()

        slowest, served, started = 0.0, 0, time.monotonic()
        while served < len(CALLS):
            outcomes = [await attempt(store, call) for call in CALLS]
            served = sum(done for done, _ in outcomes)
            slowest = max(slowest, *(seconds for _, seconds in outcomes))
            assert time.monotonic() - started < PATIENCE

        assert slowest < 1.2
        for call in CALLS:
            assert [publication()] == list(await store.retrieve(call, nonce=nonce(), now=NOW))
        await store.close()


def moved(cluster: Cluster, slot: int, *, finish: bool) -> None:
    """Move a slot of the first master to the second, as a rebalancing does, wholly or up to the last step."""
    source, target = cluster.servers[:2]
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(0))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(1))
    for key in source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
        source.ask("MIGRATE", HOST, target.port, key, 0, 5_000)
    if finish:
        for server in (target, source):
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.id(1))


def restored(cluster: Cluster, slot: int) -> None:
    """Give the slot back."""
    cluster.flush()
    for server in cluster.servers:
        server.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.id(0))


async def test_keys_that_move_are_followed(store: SealedStore, cluster: Cluster) -> None:
    """While a slot moves, who asks waits until it has moved; then what was there is found in its new place."""
    for call in CALLS:
        cluster.flush()
        await store.publish(call, publication(), nonce=nonce(), now=NOW)
        if cluster.servers[0].ask("DBSIZE"):
            break
    slot = int(cluster.servers[0].ask("CLUSTER", "KEYSLOT", cluster.servers[0].ask("KEYS", "*")[0]))
    moved(cluster, slot, finish=False)

    waiting = asyncio.ensure_future(store.retrieve(call, nonce=nonce(), now=NOW))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    moved(cluster, slot, finish=True)

    assert [publication()] == list(await waiting)
    used = nonce()
    await store.publish(call, publication("new"), nonce=used, now=NOW)
    with pytest.raises(ReplayedTokenError):
        await store.retrieve(call, nonce=used, now=NOW)
    assert 2 == len(await store.retrieve(call, nonce=nonce(), now=NOW))
    restored(cluster, slot)


async def test_moving_keys_without_new_ones_are_asked_for_elsewhere(cluster: Cluster) -> None:
    """A single key that has gone ahead is asked for where its slot goes to (ASK)."""
    servers = Servers(Target.parse(cluster.url))
    key = next(b"{%d}" % number for number in range(1_000) if cluster.serving(f"{{{number}}}") is cluster.servers[0])
    slot = int(cluster.servers[0].ask("CLUSTER", "KEYSLOT", key))
    await servers.ask(key, ("SET", key, "here"))
    moved(cluster, slot, finish=False)

    assert b"here" == await servers.ask(key, ("GET", key))
    await servers.close()
    cluster.flush()
    for server in cluster.servers[:2]:
        server.ask("CLUSTER", "SETSLOT", slot, "STABLE")


@pytest.mark.parametrize("answer", [None, b"OK", 5, [[0]], [[0, b"x", [b"h", 1]]], [[0, 1, []]], [[0, 1]]])
def test_layouts_that_are_none(answer: object) -> None:
    """Whatever a server answers, it is a layout or an error of the store."""
    with pytest.raises(StoreError):
        Layout.read(answer, Address("h", 1))


def test_layout() -> None:
    """Slots lead to masters; a server without a name is the one that was asked; a slot past the last is nobody's."""
    layout = Layout.read([[100, 200, [b"", 2, b"id"], [b"c", 3]], [0, 99, [b"a", 1]]], Address("b", 9))

    assert [("a", 1), ("a", 1), ("b", 2), ("b", 2), None] == [layout.master(slot) for slot in (0, 99, 100, 200, 201)]
    assert {("a", 1), ("b", 2), ("c", 3)} == layout.known
