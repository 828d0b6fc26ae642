"""Group commit: shared transactions, own answers, bounded waits."""

import asyncio
import sqlite3
import threading
import time

import pytest
import structlog

from cps_server.store.transactions import JOBS_PER_TRANSACTION, Connector, Transactions
from stir.errors import StoreError


class InMemory(Connector):
    """A database without a file, that counts transactions and can be out of order."""

    def __init__(self) -> None:
        self.commits = 0
        self.broken = False

    def connect(self) -> sqlite3.Connection:
        """Open it."""
        if self.broken:
            raise OSError(5, "Input/output error")
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.set_trace_callback(self.count)
        return connection

    def is_current(self) -> bool:
        """It is never replaced."""
        return not self.broken

    def count(self, statement: str) -> None:
        """Count commits."""
        self.commits += statement == "COMMIT"


async def test_what_piles_up_shares_a_transaction() -> None:
    """Jobs that wait while one is going on are committed together, in their order, up to a bound."""
    connector = InMemory()
    transactions = Transactions(connector, timeout=5)
    gate = threading.Event()
    first = asyncio.ensure_future(transactions.run(lambda _: gate.wait(5)))
    await asyncio.sleep(0.05)
    order: list[int] = []
    rest = [
        asyncio.ensure_future(transactions.run(lambda _, n=n: order.append(n) or n))
        for n in range(2 * JOBS_PER_TRANSACTION)
    ]
    await asyncio.sleep(0)
    gate.set()

    assert list(range(2 * JOBS_PER_TRANSACTION)) == await asyncio.gather(*rest)
    assert await first
    assert sorted(order) == order
    assert 3 == connector.commits
    await transactions.close()


async def test_too_many_waiting_are_refused_at_once() -> None:
    """A full queue refuses without waiting."""
    transactions = Transactions(InMemory(), timeout=5, waiting=2)
    gate = threading.Event()
    jobs = [asyncio.ensure_future(transactions.run(lambda _: gate.wait(5)))]
    await asyncio.sleep(0.05)
    jobs += [asyncio.ensure_future(transactions.run(lambda _: True)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(StoreError, match="waiting"):
        await transactions.run(lambda _: None)
    gate.set()

    assert [True] * 3 == await asyncio.gather(*jobs)
    await transactions.close()


async def test_a_hanging_database_is_not_waited_for() -> None:
    """Requests are answered in time though the database hangs; what nobody waits for any more is not done."""
    transactions = Transactions(InMemory(), timeout=0.1)
    gate = threading.Event()
    done: list[int] = []
    started = time.monotonic()
    outcomes = await asyncio.gather(
        transactions.run(lambda _: gate.wait(5)),
        *(transactions.run(lambda _: done.append(1)) for _ in range(3)),
        return_exceptions=True,
    )

    assert [StoreError] * 4 == [type(outcome) for outcome in outcomes]
    assert time.monotonic() - started < 1
    gate.set()
    assert 5 == await transactions.run(lambda _: 5)
    await transactions.close()


async def test_cancelled_before_its_turn_is_not_done() -> None:
    """A job whose caller went away before its turn is left out."""
    transactions = Transactions(InMemory(), timeout=5)
    gate = threading.Event()
    done: list[int] = []
    first = asyncio.ensure_future(transactions.run(lambda _: gate.wait(5)))
    await asyncio.sleep(0.05)
    second = asyncio.ensure_future(transactions.run(lambda _: done.append(2)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    gate.set()
    await first
    await transactions.run(lambda _: done.append(3))

    assert [3] == done
    await transactions.close()


async def test_failure_is_told_once_and_so_is_healing() -> None:
    """A database that fails is logged when it begins and when it ends, not for every request."""
    connector = InMemory()
    transactions = Transactions(connector, timeout=5)
    with structlog.testing.capture_logs() as events:
        await transactions.run(lambda _: None)
        connector.broken = True
        for _ in range(3):
            with pytest.raises(StoreError, match="OSError"):
                await transactions.run(lambda _: None)
        connector.broken = False
        await transactions.run(lambda _: None)

    assert [("store_failed", "OSError"), ("store_healed", None)] == [
        (event["event"], event.get("reason")) for event in events
    ]
    await transactions.close()


async def test_a_programming_error_reaches_its_caller() -> None:
    """A defect of ours is not dressed up as an unavailable store, rolls back, and the thread lives on."""
    transactions = Transactions(InMemory(), timeout=5)

    with pytest.raises(ZeroDivisionError):
        await transactions.run(lambda _: 1 // 0)
    assert 1 == await transactions.run(lambda _: 1)
    await transactions.close()


async def test_close_finishes_what_waits() -> None:
    """Closing answers the jobs that were taken, then refuses others."""
    transactions = Transactions(InMemory(), timeout=5)
    jobs = [asyncio.ensure_future(transactions.run(lambda _, n=n: n)) for n in range(5)]
    await asyncio.sleep(0)
    await transactions.close()

    assert list(range(5)) == await asyncio.gather(*jobs)
    with pytest.raises(StoreError, match="closed"):
        await transactions.run(lambda _: None)


async def test_a_file_that_is_replaced_for_ever_is_no_store() -> None:
    """A database that is another one each time it is looked at fails the job instead of being opened for ever."""
    connector = InMemory()
    connector.is_current = lambda: False
    transactions = Transactions(connector, timeout=5)
    with pytest.raises(StoreError, match="again and again"):
        await transactions.run(lambda _: None)
    await transactions.close()
