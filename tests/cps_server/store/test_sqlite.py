"""The file: what survives, what can be read in it, how it fails, heals and shrinks."""

import asyncio
import base64
import contextlib
import signal
import sqlite3
import stat
import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cps_server.store import CallKey, SealedStore, open_store
from cps_server.store.sqlite import SqliteStore, _File
from stir.errors import StoreError
from tests.support.processes import child, race
from tests.support.publications import KEY, KEY_2, NOW, nonce, publication

Opener = Callable[..., SealedStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the database."""
    return tmp_path / "cps.db"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Opener]:
    """Open stores on *path*, which are closed after the test."""
    stores: list[SealedStore] = []

    def open_one(**limits: float) -> SealedStore:
        stores.append(SealedStore(SqliteStore(path, **limits), bytes(32)))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


def beside(path: Path, suffix: str) -> Path:
    """Name the log or the index beside a database."""
    return path.with_name(path.name + suffix)


def size(path: Path) -> int:
    """Return the size of a file in bytes."""
    return path.stat().st_size


async def fill(store: SealedStore, count: int) -> None:
    """Publish for *count* calls that were not there, 50 at once; their tokens expire with them."""
    for _ in range(0, count, 50):
        keys = [CallKey(nonce().jti, "2") for _ in range(50)]
        await asyncio.gather(
            *(store.publish(key, publication("x" * 1_000), nonce=nonce(seconds=15), now=NOW) for key in keys)
        )


PUBLISHER = """
import asyncio, sys
from cps_server.store import CallKey, open_store
from tests.support.publications import NOW, nonce, publication
"""
PUBLISH_FOREVER = """
async def main():
    store = open_store(f"sqlite:///{sys.argv[1]}")
    async def publish(n):
        for m in range(n, 10**9, 8):
            await store.publish(CallKey(str(m), "2"), publication(), nonce=nonce(str(m)), now=NOW)
            print(m, flush=True)
    await asyncio.gather(*(publish(n) for n in range(8)))
asyncio.run(main())
"""


@pytest.mark.clause("cps-3-durable")
async def test_acknowledged_survives_kill_9(path: Path) -> None:
    """What publish() returned for is there after the process was killed without warning, and so are its nonces."""
    process = child(PUBLISHER, PUBLISH_FOREVER, path)
    process.stdin.write("go\n")
    process.stdin.flush()
    assert "ready\n" == process.stdout.readline()
    acknowledged = [int(process.stdout.readline()) for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
    assert -signal.SIGKILL == process.returncode

    store = open_store(f"sqlite:///{path}")
    for number in acknowledged:
        key = CallKey(str(number), "2")
        assert [publication()] == list(await store.retrieve(key, nonce=nonce(), now=NOW))
    await store.close()


@pytest.mark.clause("cps-9-memory", "oob-4.1-learn")
async def test_database_tells_nothing(opened: Opener, path: Path) -> None:
    """The file, its log and its index hold no number, SPC, token, PASSporT or jti, raw, in hex, or in base64."""
    store = opened()
    jti = "0c4e6e0e-5d4b-4a39-9d0e-6f2f6d9f9a03"
    for key in (KEY, KEY_2):
        await store.publish(key, publication(publisher="PUBL"), nonce=nonce(), now=NOW)
        await store.retrieve(key, nonce=nonce(jti + (key.spc or ""), issuer="ASKR"), now=NOW)

    files = [beside(path, suffix) for suffix in ("", "-wal", "-shm")]
    content = b"".join(file.read_bytes() for file in files)
    held = ["eyJ", "PUBL", "ASKR", "709J", KEY.dest, KEY.orig, jti, *publication().passports]
    for secret in [word.encode() for word in held] + [uuid.UUID(jti).bytes]:
        for form in forms(secret):
            assert form not in content
    assert publication().tokens[0].encode() not in content
    assert [0o600] * 3 == [stat.S_IMODE(file.stat().st_mode) for file in files]


def forms(secret: bytes) -> list[bytes]:
    """Return how *secret* could be written; in base64 at each offset, without the characters shared with neighbours."""
    encoded = [base64.b64encode(b"\0" * shift + secret)[4 if shift else 0 : -4] for shift in range(3)]
    return [form for form in (secret, secret.hex().encode(), *encoded) if len(form) > 2]


async def test_space_is_reclaimed(opened: Opener, path: Path) -> None:
    """After many calls came and went, the file is small again, and so is its log."""
    store = opened()
    await fill(store, 1_000)
    grown = size(path) + size(beside(path, "-wal"))

    end = NOW + timedelta(seconds=15)
    while await store.reclaim(end):
        pass
    await store.close()

    assert grown > 2_000_000
    assert size(path) < 300_000


async def test_file_is_bounded_under_steady_load(opened: Opener, path: Path) -> None:
    """While calls come and go, the file does not grow beyond what lives at once."""
    store = opened()
    sizes = []
    for round_ in range(8):
        now = NOW + timedelta(seconds=15 * round_)
        for n in range(0, 400, 50):
            await asyncio.gather(
                *(
                    store.publish(
                        CallKey(str(m), "2"), publication("x" * 1_000, at=now), nonce=nonce(at=now, seconds=15), now=now
                    )
                    for m in range(n, n + 50)
                )
            )
        while await store.reclaim(now + timedelta(seconds=15)):
            pass
        sizes.append(size(path) + size(beside(path, "-wal")))

    assert max(sizes) < 7_500_000  # of which the log 4 MB; without reclaiming it is over 10
    with sqlite3.connect(path) as reader:
        assert (0,) == reader.execute("SELECT count(*) FROM entries").fetchone()
    reader.close()


@pytest.mark.clause("oob-4.1-flood")
async def test_file_is_bounded_after_an_hour(opened: Opener, path: Path) -> None:
    """
    An hour of calls, 5 a second, of two workers leaves a file of a few seconds' calls.

    Time is moved by hand, and each worker reclaims after every ten seconds of it.
    """
    one, other = opened(timeout=30), opened(timeout=30)
    largest = 0
    for second in range(0, 3_600, 10):
        now = NOW + timedelta(seconds=second)
        for name, store in (("one", one), ("other", other)):
            calls = (CallKey(f"{second}-{number}", name) for number in range(25))
            await asyncio.gather(
                *(store.publish(key, publication("x" * 300, at=now), nonce=nonce(at=now), now=now) for key in calls)
            )
            while await store.reclaim(now):
                pass
        largest = max(largest, size(path) + size(beside(path, "-wal")))

    with contextlib.closing(sqlite3.connect(path)) as reader:
        [entries], [marks] = (
            reader.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("entries", "marks")
        )
    assert (100, 600) == (entries, marks)  # 15 s of publications, in steps of 10; 120 s of tokens
    assert size(path) < 400_000
    assert largest < 6_000_000  # of which the log 4 MB; all publications of the hour are over 20 MB


async def test_full_file_refuses_then_heals(opened: Opener) -> None:
    """A file at its bound refuses quickly what does not fit, keeps what it has, and takes more after reclaiming."""
    store = opened(max_bytes=400_000)
    await store.publish(KEY, publication(seconds=600), nonce=nonce(), now=NOW)

    with pytest.raises(StoreError, match="SQLITE_FULL"):
        await fill(store, 1_000)

    later = NOW + timedelta(seconds=120)
    while await store.reclaim(later):
        pass
    await store.publish(KEY_2, publication(at=later), nonce=nonce(at=later), now=later)
    assert [publication(seconds=600)] == list(await store.retrieve(KEY, nonce=nonce(), now=later))


async def test_locked_database_fails_fast_and_heals(opened: Opener, path: Path) -> None:
    """While another program holds the database, requests fail within their bound; afterwards all is well."""
    store = opened(timeout=0.2)
    await store.check()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    started = time.monotonic()
    with pytest.raises(StoreError):
        await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    with pytest.raises(StoreError):
        await store.check()
    assert time.monotonic() - started < 1
    other.execute("ROLLBACK")
    other.close()

    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_broken_file_fails_and_heals(opened: Opener, path: Path) -> None:
    """A file that is no database is an unavailable store, not a crash; when it goes, the store is back."""
    await asyncio.to_thread(path.write_bytes, b"no database at all, but long enough to be looked at" * 100)
    store = opened()

    for _ in range(2):
        with pytest.raises(StoreError, match="SQLITE_NOTADB"):
            await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    await asyncio.to_thread(path.unlink)

    await store.publish(KEY, publication(), nonce=nonce(), now=NOW)
    assert 1 == len(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_file_damaged_while_open(opened: Opener, path: Path) -> None:
    """Garbage written over an open database stops a worker that starts; when it goes, old and new workers are well."""
    old, new = opened(), opened()
    await fill(old, 50)
    for file in (path, beside(path, "-wal")):
        file.write_bytes(b"\xa5" * size(file))

    with pytest.raises(StoreError):
        await new.check()
    for file in path.parent.iterdir():
        file.unlink()

    await old.publish(KEY, publication(), nonce=nonce(), now=NOW)
    assert 1 == len(await old.retrieve(KEY, nonce=nonce(), now=NOW))
    assert 1 == len(await new.retrieve(KEY, nonce=nonce(), now=NOW))


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
async def test_busy_start_is_waited_for(lock: str, opened: Opener, path: Path) -> None:
    """A new file that another process just makes ready is waited for, within the bound, not taken for broken."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"BEGIN {lock}")
    started = time.monotonic()
    with pytest.raises(StoreError):
        await opened(timeout=0.2).check()
    assert time.monotonic() - started < 1

    waiting = asyncio.ensure_future(opened(timeout=5).check())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()

    await waiting


class Racing(sqlite3.Connection):
    """A connection that loses the race for the log some times: SQLite then refuses without waiting."""

    losses = 0

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Refuse the switch to the log while there are losses left."""
        if "journal_mode" in statement and self.losses:
            self.losses -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(statement, *parameters)


@pytest.mark.parametrize(("losses", "wins"), [(3, True), (10**9, False)])
def test_lost_race_for_the_log_is_run_again(losses: int, *, wins: bool, path: Path) -> None:
    """A worker that is refused the log because another one just switches to it tries again, within its patience."""
    connection = sqlite3.connect(path, factory=Racing)
    connection.losses = losses
    outcome = contextlib.nullcontext() if wins else pytest.raises(sqlite3.OperationalError, match="locked")

    with outcome:
        _File(path, 0.1, 2**20)._use_log(connection)

    assert ("wal" if wins else "delete") == sqlite3.Connection.execute(connection, "PRAGMA journal_mode").fetchone()[0]
    connection.close()


async def test_removed_file_is_made_again(opened: Opener, path: Path) -> None:
    """A database that was removed or replaced under a running store is left at once: nothing goes into the void."""
    store = opened()
    await store.publish(KEY, publication("one"), nonce=nonce(), now=NOW)
    for file in path.parent.iterdir():
        file.unlink()

    await store.publish(KEY, publication("two"), nonce=nonce(), now=NOW)

    assert size(path) > 0
    assert [publication("two")] == list(await store.retrieve(KEY, nonce=nonce(), now=NOW))


async def test_impossible_place(tmp_path: Path) -> None:
    """A folder that is absent is an unavailable store; when it comes, the store works."""
    store = SealedStore(SqliteStore(tmp_path / "absent" / "cps.db"), bytes(32))

    with pytest.raises(StoreError, match="FileNotFoundError"):
        await store.check()
    (tmp_path / "absent").mkdir()
    await store.check()
    await store.close()


async def test_read_only_database_is_refused(opened: Opener, path: Path) -> None:
    """A database that cannot be written to serves nobody: it could not remember who was here."""
    store = opened()
    await store.check()
    raw = store._raw
    await raw._transactions.run(lambda connection: connection.execute("PRAGMA query_only = ON"))

    with pytest.raises(StoreError, match="SQLITE_READONLY"):
        await store.check()
    await store.check()  # on another connection, which may write


async def test_check_notices_a_database_that_forgets(opened: Opener) -> None:
    """The check reads what it wrote, and does not just trust it."""
    store = opened()
    raw = store._raw
    trigger = "CREATE TRIGGER forget AFTER INSERT ON marks BEGIN DELETE FROM marks; END"
    await raw._transactions.run(lambda connection: connection.execute(trigger))

    with pytest.raises(StoreError, match="does not keep"):
        await store.check()


@pytest.mark.parametrize("statements", ["CREATE TABLE t (a)", "PRAGMA user_version = 1", "PRAGMA user_version = 2"])
async def test_foreign_database_is_left_alone(statements: str, opened: Opener, path: Path) -> None:
    """The database of another program, or of another version, is refused and not touched."""
    other = sqlite3.connect(path)
    other.executescript(f"CREATE TABLE u (a); {statements}")
    other.close()

    with pytest.raises(StoreError, match="not a store of this version"):
        await opened().check()

    other = sqlite3.connect(path)
    assert (0,) == other.execute("SELECT count(*) FROM sqlite_master WHERE name = 'entries'").fetchone()
    other.close()


RACE = """
async def main():
    for n in range(10):
        store = open_store(f"sqlite:///{sys.argv[1]}.{n}")
        await store.check()
        for m in range(20):
            await store.publish(CallKey("1", "2"), publication(nonce().jti), nonce=nonce(), now=NOW)
        await store.close()
asyncio.run(main())
"""


async def test_processes_share_one_new_file(path: Path) -> None:
    """Workers that start at once on a new file all get it ready and all their publishes are there."""
    race(3, PUBLISHER, RACE, path)

    for number in range(10):
        reader = sqlite3.connect(f"{path}.{number}")
        assert (60,) == reader.execute("SELECT count(*) FROM entries").fetchone()
        assert ("wal",) == reader.execute("PRAGMA journal_mode").fetchone()
        assert (2,) == reader.execute("PRAGMA auto_vacuum").fetchone()
        reader.close()


async def test_two_stores_see_each_other(opened: Opener) -> None:
    """What one worker acknowledged, the other hands out; a token used at one is used at the other."""
    one, other = opened(), opened()
    used = nonce()
    await one.publish(KEY, publication(), nonce=used, now=NOW)

    assert [publication()] == list(await other.retrieve(KEY, nonce=nonce(), now=NOW))
    with pytest.raises(Exception, match="used before"):
        await other.retrieve(KEY, nonce=used, now=NOW)
