"""One shared server: what lies there, how it fails, and how it heals."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog
import trustme
from redis import exceptions

from cps_server.store import SealedStore, open_store
from cps_server.store.base import Mark
from cps_server.store.redis import ENTRIES_KEPT, RedisStore
from cps_server.store.redis_link import Link
from cps_server.store.redis_servers import Single
from cps_server.store.redis_url import Target
from stir.errors import ReplayedTokenError, StoreError
from tests.support.publications import KEY, KEY_2, NOW, nonce, publication
from tests.support.valkey import HOST, Server, running_server

Opener = Callable[..., SealedStore]


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """Give an empty server, and leave it well."""
    valkey.ask("FLUSHALL")
    yield valkey
    valkey.go_on()
    if not valkey.answers():
        valkey.start()
        valkey.wait()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opener]:
    """Open stores, which are closed after the test."""
    stores: list[SealedStore] = []

    def open_one(url: str, *, secret: str = "cps.secret", **options: object) -> SealedStore:
        stores.append(open_store(url, secret_file=tmp_path / secret, **options))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
def store(server: Server, opened: Opener) -> SealedStore:
    """Open a store on the server."""
    return opened(f"valkey://{server.address}")


async def test_database_tells_nothing(store: SealedStore, server: Server) -> None:
    """Neither keys nor values on the server hold a number, SPC, token, PASSporT or jti."""
    jti = "0c4e6e0e-5d4b-4a39-9d0e-6f2f6d9f9a03"
    for key in (KEY, KEY_2):
        await store.publish(key, publication(publisher="PUBL"), nonce=nonce(), now=NOW)
        await store.retrieve(key, nonce=nonce(jti + (key.spc or ""), issuer="ASKR"), now=NOW)

    keys = server.ask("KEYS", "*")
    content = b"".join([*keys, *(server.ask("DUMP", key) for key in keys)])

    assert 6 == len(keys)
    for secret in ("eyJ", "PUBL", "ASKR", "709J", KEY.dest, KEY.orig, jti, *publication().passports):
        assert secret.encode() not in content


async def test_server_forgets_by_itself(store: SealedStore, server: Server) -> None:
    """Everything has an end there, a few seconds after the end of the last thing in it, and the check's soon."""
    await store.publish(KEY, publication("long", seconds=60), nonce=nonce(seconds=120), now=NOW)
    await store.publish(KEY, publication("short", seconds=15), nonce=nonce(seconds=120), now=NOW)
    await store.check()

    lives = sorted(server.ask("PTTL", key) / 1_000 for key in server.ask("KEYS", "*"))

    assert [65, 120, 125, 125] == [pytest.approx(life, abs=1) for life in (lives[0], *lives[1:])]


async def test_flood_for_one_call_is_bounded(store: SealedStore, server: Server) -> None:
    """A partner who floods one call fills no memory: the newest are kept, and what is dead goes first."""
    await store.publish(KEY, publication("first", seconds=60), nonce=nonce(), now=NOW)
    for number in range(ENTRIES_KEPT + 10):
        await store.publish(KEY, publication(str(number)), nonce=nonce(), now=NOW)

    [call] = [key for key in server.ask("KEYS", "*") if b"mark" not in key]
    found = await store.retrieve(KEY, nonce=nonce(), now=NOW)

    assert 1 + ENTRIES_KEPT == server.ask("HLEN", call)
    assert [publication(str(number)) for number in range(ENTRIES_KEPT + 9, ENTRIES_KEPT - 23, -1)] == list(found)
    await store.publish(KEY, publication("last"), nonce=nonce(), now=publication().expires_at)
    assert 1 + 1 == server.ask("HLEN", call)


async def test_two_nodes_see_each_other(server: Server, opened: Opener) -> None:
    """What one node acknowledged, the other hands out; a token used at one is used at the other."""
    one, other = opened(f"valkey://{server.address}"), opened(f"redis://{server.address}/0")
    used = nonce()
    await one.publish(KEY, publication(), nonce=used, now=NOW)

    assert [publication()] == list(await other.retrieve(KEY, nonce=nonce(), now=NOW))
    with pytest.raises(ReplayedTokenError):
        await other.retrieve(KEY, nonce=used, now=NOW)


async def test_databases_are_apart(server: Server, opened: Opener) -> None:
    """Another number in the URL is another store."""
    one, other = opened(f"valkey://{server.address}/1"), opened(f"valkey://{server.address}/2")
    await one.publish(KEY, publication(), nonce=nonce(), now=NOW)

    assert [] == list(await other.retrieve(KEY, nonce=nonce(), now=NOW))
    assert 1 == len(await one.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_nodes_with_different_secrets_are_told(server: Server, opened: Opener) -> None:
    """Nodes that would never find each other's PASSporTs are not ready, and the message says what to do."""
    one, other = opened(f"valkey://{server.address}"), opened(f"valkey://{server.address}", secret="other.secret")
    await one.check()

    with pytest.raises(StoreError, match="CPS_STORE__SECRET_FILE"):
        await other.check()
    await one.check()


async def test_password(opened: Opener) -> None:
    """The URL's password opens a protected server; a wrong one, or none, is an unavailable store."""
    with running_server("--requirepass", "hunter2") as server:
        await opened(f"valkey://:hunter2@{server.address}").check()
        await opened(f"valkey://default:hunter2@{server.address}").check()
        for userinfo in ("", ":wrong@", "nobody:hunter2@"):
            with pytest.raises(StoreError) as refused:
                await opened(f"valkey://{userinfo}{server.address}").check()
            assert "hunter2" not in str(refused.value)


async def test_documented_rights_are_enough(server: Server, opened: Opener) -> None:
    """A user with the rights that the guide lists can do everything, and no right of the list is idle."""
    guide = (Path(__file__).parents[3] / "docs" / "how-to" / "share-a-store.md").read_text(encoding="utf-8")
    rights = guide.partition("The user of the URL needs `")[2].partition("`")[0].split()
    server.ask("ACL", "SETUSER", "cps", "reset", "on", ">hunter2", *rights)
    store = opened(f"valkey://cps:hunter2@{server.address}")

    async def everything() -> None:
        await store.check()
        for seconds in (1, 15):
            await store.publish(KEY, publication(str(seconds), seconds=seconds), nonce=nonce(), now=NOW)
        at = publication(seconds=1).expires_at
        await store.publish(KEY, publication("last"), nonce=nonce(), now=at)
        await store.retrieve(KEY, nonce=nonce(), now=at)

    await everything()
    for right in [right for right in rights if right.startswith("+") and right not in {"+eval", "+evalsha"}]:
        server.ask("ACL", "SETUSER", "cps", "-" + right.removeprefix("+"))
        with pytest.raises(StoreError):
            await everything()
        server.ask("ACL", "SETUSER", "cps", right)
        server.ask("FLUSHALL")
    server.ask("ACL", "DELUSER", "cps")


async def test_tls(opened: Opener, tmp_path: Path) -> None:
    """A server is spoken to over TLS when its certificate is good for its name, and not otherwise."""
    ca = trustme.CA()
    certificate = ca.issue_cert(HOST)
    names = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    ca.cert_pem.write_to_path(names[0])
    certificate.cert_chain_pems[0].write_to_path(names[1])
    certificate.private_key_pem.write_to_path(names[2])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    listening = await asyncio.start_server(answer, HOST, 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    reasons = []
    for url, ca_file in ((f"rediss://{HOST}:{port}", names[0]), (f"rediss://{HOST}:{port}", None)):
        with pytest.raises(StoreError) as refused:
            await opened(url, ca_file=ca_file).check()
        reasons.append(str(refused.value.__cause__))
    listening.close()

    assert "closed by server" in reasons[0]
    assert "CERTIFICATE_VERIFY_FAILED" in reasons[1]


async def test_killed_server_fails_at_once_and_heals(store: SealedStore, server: Server) -> None:
    """Without its server every request is refused at once; with it again, the next one is served."""
    await store.check()
    server.kill()

    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(StoreError):
            await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    assert time.monotonic() - started < 2

    server.start()
    server.wait()
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_restart_between_requests_is_not_noticed(store: SealedStore, server: Server) -> None:
    """A connection that was closed while nobody used it is opened again without an error for anybody."""
    await store.check()
    server.kill()
    server.start()
    server.wait()

    await asyncio.gather(*(store.publish(KEY, publication(str(n)), nonce=nonce(), now=NOW) for n in range(10)))


async def test_hanging_server_holds_nobody_up(store: SealedStore, server: Server) -> None:
    """Who meets a server that hangs is refused within its bound, who comes later at once; then it heals by itself."""
    await store.check()
    server.hang()

    async def refused() -> float:
        started = time.monotonic()
        with pytest.raises(StoreError):
            await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
        return time.monotonic() - started

    first = await asyncio.gather(*(refused() for _ in range(100)))
    probe = asyncio.ensure_future(refused())
    await asyncio.sleep(0.05)
    later = await asyncio.gather(*(refused() for _ in range(100)))

    assert max(first) < 1
    assert max(later) < 0.4
    assert await probe < 1
    server.go_on()
    await store.publish(KEY, publication("after"), nonce=nonce(), now=NOW)
    assert publication("after") == (await store.retrieve(KEY, nonce=nonce(), now=NOW))[0]


async def test_failure_is_told_once_and_so_is_healing(store: SealedStore, server: Server) -> None:
    """A server that fails is logged when it begins and when it ends, with its address, not for every request."""
    await store.check()
    server.kill()
    with structlog.testing.capture_logs() as events:
        for _ in range(3):
            with pytest.raises(StoreError):
                await store.check()
        server.start()
        server.wait()
        await store.check()

    assert [("store_failed", server.address), ("store_healed", server.address)] == [
        (event["event"], event["server"]) for event in events
    ]


async def test_full_server_refuses_then_heals(store: SealedStore, server: Server) -> None:
    """A server without memory refuses what is new, keeps what it has, and takes more when it can."""
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    server.ask("CONFIG", "SET", "maxmemory", "1")

    with pytest.raises(StoreError, match="OutOfMemory"):
        await store.publish(KEY_2, publication(), nonce=nonce(), now=NOW)
    with pytest.raises(StoreError):
        await store.check()
    server.ask("CONFIG", "SET", "maxmemory", "0")

    await store.check()
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    assert [] == list(await store.retrieve(KEY_2, nonce=nonce(), now=NOW))


async def test_scripts_that_the_server_forgot(store: SealedStore, server: Server) -> None:
    """A server that lost its scripts gets them again."""
    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    server.ask("SCRIPT", "FLUSH")

    await store.publish(KEY, publication("two"), nonce=nonce(), now=NOW)
    assert 2 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_what_others_do_to_our_keys(store: SealedStore, server: Server) -> None:
    """An entry that lost its body is not there; a key that is something else is an error that shows no key."""
    await store.publish(KEY, publication("one"), nonce=nonce(), now=NOW)
    await store.publish(KEY, publication("two"), nonce=nonce(), now=NOW)
    [call] = [key for key in server.ask("KEYS", "*") if b"mark" not in key]
    newest = server.ask("HGET", call, "")[:16]
    server.ask("HDEL", call, newest)
    assert [publication("one")] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))

    server.ask("SET", call, "something else")

    with pytest.raises(StoreError) as refused:
        await store.retrieve(KEY, nonce=nonce(), now=NOW)
    assert "WRONGTYPE" in str(refused.value)
    assert call.decode() not in str(refused.value)


class Losing:
    """Servers that do what they are asked and lose the first answer."""

    shared = True

    def __init__(self, target: Target) -> None:
        self.real = Single(target)
        self.lost = 0

    async def ask(self, key: bytes, command: tuple) -> object:
        """Ask again when the answer was lost, as the link does."""
        await self.real.ask(key, command)
        self.lost += 1
        return await self.real.ask(key, command)


async def test_a_lost_answer_is_no_replay(server: Server, tmp_path: Path) -> None:
    """A request that reached the server twice, since the connection broke before its answer, is served once."""
    servers = Losing(Target.parse(f"valkey://{server.address}"))
    store = SealedStore(RedisStore(servers, b"f"), bytes(32))
    used = nonce()
    await store.publish(KEY, publication(), nonce=used, now=NOW)

    assert [publication()] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))
    assert 2 == servers.lost
    with pytest.raises(ReplayedTokenError):
        await store.publish(KEY, publication(), nonce=used, now=NOW)
    await servers.real.close()


class Scripted:
    """A connection that plays a server: what each exchange does stands in a list."""

    host, port = "h", 1

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)
        self.is_connected = False
        self.sent: list[list[tuple]] = []

    async def connect(self) -> None:
        """Connect, unless that is what fails."""
        if isinstance(self.outcomes[0], OSError):
            raise self.outcomes.pop(0)
        self.is_connected = True

    async def disconnect(self, *, nowait: bool) -> None:
        """Break off."""
        self.is_connected = False

    def pack_commands(self, commands: list[tuple]) -> list[tuple]:
        """Leave them as they are."""
        return commands

    async def send_packed_command(self, commands: list[tuple], *, check_health: bool) -> None:
        """Write them down."""
        self.sent.append(commands)

    async def read_response(self) -> object:
        """Do what stands next in the list: an error, a pause, or an answer."""
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
        return outcome


async def test_what_piles_up_goes_together_and_each_gets_its_own_answer() -> None:
    """Requests that wait share the next exchange, an error is for the one that it answers, ASKING is not for anyone."""
    gate = asyncio.Event()
    refusal = exceptions.ResponseError("WRONGTYPE")
    connection = Scripted(gate, 1, "OK", 2, refusal, 4)
    link = Link(connection, timeout=5)
    first = asyncio.ensure_future(link.ask(("FIRST",)))
    await asyncio.sleep(0.01)
    requests = [(("A",),), (("ASKING",), ("B",)), (("C",),), (("D",),)]
    others = [asyncio.ensure_future(link.ask(*commands)) for commands in requests]
    await asyncio.sleep(0)
    gate.set()

    assert [1, 2, refusal, 4] == await asyncio.gather(*others, return_exceptions=True)
    assert [[("FIRST",)], [("A",), ("ASKING",), ("B",), ("C",), ("D",)]] == connection.sent
    assert await first is gate
    await link.close()


async def test_who_went_away_confuses_nobody() -> None:
    """A request that was cancelled while its answer was on its way takes nobody else's answer, before or after."""
    gate = asyncio.Event()
    connection = Scripted(gate, "own", "next")
    link = Link(connection, timeout=5)
    first = asyncio.ensure_future(link.ask(("FIRST",)))
    await asyncio.sleep(0.01)
    gone, second = (asyncio.ensure_future(link.ask((name,))) for name in ("GONE", "SECOND"))
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    gate.set()

    assert "own" == await second
    assert "next" == await link.ask(("NEXT",))
    assert [[("FIRST",)], [("SECOND",)], [("NEXT",)]] == connection.sent
    await link.close()


async def test_broken_connection_is_tried_twice_only_when_it_was_old() -> None:
    """A fresh connection that breaks is a failure; an old one may just have been closed."""
    broken = exceptions.ConnectionError("reset")
    link = Link(Scripted(broken, 1, broken, 2, broken, OSError("refused")))

    with pytest.raises(StoreError, match="ConnectionError"):
        await link.ask(("FRESH",))
    assert [1, 2] == [await link.ask(("A",)), await link.ask(("OLD",))]
    with pytest.raises(StoreError, match="OSError"):
        await link.ask(("OLD",))
    await link.close()


async def test_too_many_waiting_are_refused_at_once() -> None:
    """A full queue refuses without waiting; a closed link refuses everything."""
    gate = asyncio.Event()
    link = Link(Scripted(gate, 1, 2), timeout=5, waiting=2)
    requests = [asyncio.ensure_future(link.ask(("FIRST",)))]
    await asyncio.sleep(0.01)
    requests += [asyncio.ensure_future(link.ask(("A",))) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(StoreError, match="waiting"):
        await link.ask(("B",))
    gate.set()
    await asyncio.gather(*requests)
    await link.close()
    with pytest.raises(StoreError, match="closed"):
        await link.ask(("C",))


async def test_whole_requests_have_a_bound(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly servers answer, a request ends."""

    class Slow:
        shared = True

        async def ask(self, key: bytes, command: tuple) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr("cps_server.store.redis.SECONDS", 0.05)
    with pytest.raises(StoreError, match="did not answer within"):
        await RedisStore(Slow(), b"f").get(b"k", Mark(b"m", 1), now=0, limit=1)
