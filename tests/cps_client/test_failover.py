"""Whatever a CPS does, the answer is there inside the budget, and the next CPS gets its chance."""

import asyncio
import time
from pathlib import Path

import pytest

from cps_client.breaker import State
from cps_client.errors import CpsError, CpsRefusedError
from cps_client.limits import BREAKER_FAILURES
from stir.testing import ServiceProvider, TlsAuthority
from stir.verdict import Verstat
from tests.cps_client.conftest import DEST, ORIG, Opened
from tests.support.fake_cps import (
    FakeCps,
    Reaction,
    answering,
    drip,
    endless_body,
    half_body,
    hang,
    hang_up,
    no_http,
    reply,
)

SLACK = 0.25
"""Seconds over the budget that a busy machine is forgiven."""


async def late(_, writer) -> None:
    """Answer when nobody waits any more."""
    await asyncio.sleep(0.7)
    reply(writer, 200, {"passports": []})


BAD_ANSWERS: dict[str, tuple[Reaction, str]] = {
    "hangs": (hang, "timeout"),
    "late": (late, "timeout"),
    "hangs up": (hang_up, "disconnected"),
    "500": (answering(500, {"status": 500}), "status"),
    "503 with an endless explanation": (answering(503, b"x" * 100_000), "status"),
    "redirect": (answering(307, b"", Location="http://127.0.0.1:1/"), "status"),
    "no HTTP": (no_http, "malformed"),
    "garbage": (answering(200, b"<html>"), "malformed"),
    "not UTF-8": (answering(200, b"\xff\xfe"), "malformed"),
    "bottomless": (answering(200, b"[" * 100_000), "malformed"),
    "duplicate names": (answering(200, b'{"passports":[],"passports":[]}'), "malformed"),
    "array with a tail": (answering(200, b'[],"tokens":[]'), "malformed"),
    "no passports": (answering(200, {"status": 200}), "malformed"),
    "passports no array": (answering(200, {"passports": "x"}), "malformed"),
    "compressed": (answering(200, b"\x1f\x8b", Content_Encoding="gzip"), "malformed"),
    "half a body": (half_body, "broken"),
    "endless body": (endless_body, "malformed"),
    "2 MB": (answering(200, b" " * 2_000_000 + b"[]"), "malformed"),
    "drip": (drip, "timeout"),
}


@pytest.mark.clause("cps-12-1", "oob-6-timeout", "oob-6-budget")
@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_bad_cps_costs_no_more_than_the_budget(name: str, cps: FakeCps, client_of: Opened) -> None:
    """One CPS that misbehaves in any way: a verdict inside the budget, with the reason, and nothing raised."""
    reaction, reason = BAD_ANSWERS[name]
    cps.reactions = [reaction] * 3

    async with client_of(cps.url) as client:
        start = time.monotonic()
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST, budget=0.4)
        took = time.monotonic() - start

    assert took < 0.4 + SLACK
    assert (Verstat.NONE, "unavailable") == (termination.verdict.verstat, termination.as_dict()["case"])
    assert reason == termination.retrieval.attempts[-1].error.reason
    assert termination.retrieval.reason == termination.reason
    assert "127.0.0.1" not in termination.reason


@pytest.mark.clause("cps-12-2-alternate")
@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_next_cps_gets_its_chance(
    name: str, cps: FakeCps, second: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """A first CPS that misbehaves in any way, hanging included, leaves time for the second one."""
    passport = provider.passport(orig=ORIG, dest=DEST)
    cps.reactions = [BAD_ANSWERS[name][0]] * 3
    second.kept[f"/passports/{DEST}/{ORIG}"] = [passport]
    second.tokens[f"/passports/{DEST}/{ORIG}"] = []

    async with client_of(cps.url, second.url) as client:
        start = time.monotonic()
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)
        took = time.monotonic() - start

    assert termination.verdict.passed
    assert took < 0.5 + SLACK
    assert 1 == len(second.requests)
    jtis = {asked.claims["jti"] for asked in (*cps.requests, *second.requests)}
    assert len(cps.requests) + 1 == len(jtis)


@pytest.mark.clause("cps-10-mesh", "cps-12-2-alternate", "oob-6-publish")
async def test_publish_fails_over(cps: FakeCps, second: FakeCps, client_of: Opened) -> None:
    """A publish goes to the second CPS when the first one cannot; the receipt says what was tried."""
    cps.reactions = [answering(503)]

    async with client_of(cps.url, second.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)

    assert receipt.published
    assert [503, 201] == [attempt["status"] for attempt in receipt.as_dict()["attempts"]]
    assert second.kept


@pytest.mark.clause("cps-12-1")
@pytest.mark.parametrize(
    ("reaction", "is_published"),
    [
        (answering(201, b""), True),
        (answering(200, {"status": 200}), True),
        (answering(200, b"<html>Welcome"), False),
        (answering(204), False),
    ],
)
async def test_what_counts_as_published(
    reaction: Reaction,
    is_published: bool,  # noqa: FBT001 - a column of the table
    cps: FakeCps,
    client_of: Opened,
) -> None:
    """201 does, and JSON of a CPS that says 200; what a portal in between says does not."""
    cps.reactions = [reaction]

    async with client_of(cps.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)

    assert is_published == receipt.published
    assert is_published or "the answer is not a CPS's: neither 201 nor JSON" == receipt.reason


async def test_a_cps_that_limits_us_leaves_the_call_to_the_next(
    cps: FakeCps, second: FakeCps, client_of: Opened
) -> None:
    """429 speaks of this CPS and this moment, so the next one is tried."""
    cps.reactions = [answering(429)]

    async with client_of(cps.url, second.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)

        assert set(client.watch.states(0).values()) == {State.CLOSED}
    assert (True, ["busy", None]) == (receipt.published, [one["error"] for one in receipt.as_dict()["attempts"]])


@pytest.mark.clause("cps-12-3")
async def test_the_slow_one_is_cut_off(
    cps: FakeCps, second: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """A retrieve that another CPS answered first is given up: its connection is closed, and the other's is kept."""
    left = asyncio.Event()

    async def wait(_, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.transport.is_closing():  # what is written after the client has left closes it here, too
            writer.write(b"X-Patience: please\r\n")
            await asyncio.sleep(0.01)
        left.set()

    path = f"/passports/{DEST}/{ORIG}"
    second.kept[path], second.tokens[path] = [provider.passport(orig=ORIG, dest=DEST)], []
    async with client_of(cps.url, second.url) as client:
        for _ in range(2):
            cps.reactions = [wait]
            found = await client.retrieve(orig=ORIG, dest=DEST)
            await asyncio.wait_for(left.wait(), 5)
            left.clear()
            assert [None, "outrun"] == [attempt.as_dict()["error"] for attempt in found.attempts]

    assert (2, 1) == (cps.connections, second.connections)
    assert 4 == len({asked.claims["jti"] for asked in (*cps.requests, *second.requests)})


@pytest.mark.clause("cps-12-4", "oob-6-publish")
async def test_publish_with_no_cps_left(cps: FakeCps, second: FakeCps, client_of: Opened) -> None:
    """When no CPS takes it the call goes on, inside the budget, and the receipt says why."""
    cps.reactions, second.reactions = [hang], [hang]

    async with client_of(cps.url, second.url, "http://127.0.0.1:9") as client:
        start = time.monotonic()
        receipt = await client.publish(orig=ORIG, dest=DEST, budget=0.45)
        took = time.monotonic() - start

    assert took < 0.45 + SLACK
    assert (False, None) == (receipt.published, receipt.status)
    assert ["timeout", "timeout", "connect"] == [attempt.error.reason for attempt in receipt.attempts]
    assert isinstance(receipt.error, CpsError)
    assert 0 == receipt.as_dict()["passports"]


@pytest.mark.clause("cps-7-399", "cps-12-2-4xx", "oob-6-401")
async def test_refusal_is_final(cps: FakeCps, second: FakeCps, client_of: Opened) -> None:
    """4xx is an answer: no other CPS is asked with the same mistake; what the CPS said is passed on, cleaned."""
    said = {
        "detail": "call 12155550100 by eyJhbGciOiJFUzI1NiIsIng1dSI6Imh0dHBzOi8vY3IuZXhhbXBsZS5jb20ifQ.abc is\x1b[2J no"
    }
    for body, problem in ((said, "call … by … is [2J no"), ({"message": "No"}, "No"), (b"<html>", None), ({}, None)):
        cps.reactions = [answering(403, body)]
        async with client_of(cps.url, second.url) as client:
            receipt = await client.publish(orig=ORIG, dest=DEST)
        assert isinstance(receipt.error, CpsRefusedError)
        assert (403, problem) == (receipt.error.status, receipt.error.problem)

    assert [] == second.requests


@pytest.mark.clause("cps-7-399")
async def test_refusal_with_a_hanging_explanation(cps: FakeCps, client_of: Opened) -> None:
    """The status of a refusal is enough; its body is not waited for."""

    async def react(_, writer) -> None:
        writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(30)

    cps.reactions = [react]
    async with client_of(cps.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)

    assert (401, None) == (receipt.error.status, receipt.error.problem)
    assert receipt.attempts[0].seconds < 0.5


async def test_closed_kept_connection_is_no_failure(cps: FakeCps, client_of: Opened) -> None:
    """A connection that the CPS closed while it was idle costs a second request, not the call."""
    async with client_of(cps.url) as client:
        await client.publish(orig=ORIG, dest=DEST)
        cps.reactions = [hang_up]
        receipt = await client.publish(orig=ORIG, dest=DEST)

    assert receipt.published
    assert 3 == len({asked.claims["jti"] for asked in cps.requests})


async def test_endless_body_is_cut(provider: ServiceProvider, client_of: Opened, tmp_path: Path) -> None:
    """An answer that is too long is cut off at once, over TLS too: what the CPS goes on sending is not taken in."""
    sent = 0

    async def react(_, writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)  # so that this side of the loop learns of the end
            sent += 0x10000

    tls = TlsAuthority()
    (tmp_path / "ca.pem").write_bytes(tls.ca_pem)
    fake = FakeCps(provider.private_key.public_key(), reactions=[react])
    async with (
        fake.running(tls.certificate("localhost").server_context(), host="localhost"),
        client_of(fake.url, cps_tls_ca_file=tmp_path / "ca.pem") as client,
    ):
        await client.retrieve(orig=ORIG, dest=DEST, budget=2)
        await asyncio.sleep(0.1)
        soon = sent
        await asyncio.sleep(0.3)
        assert soon == sent < 16_000_000


@pytest.mark.clause("cps-12-2-alternate")
async def test_a_cps_that_hangs_is_soon_left_alone(
    cps: FakeCps, second: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """However many calls follow, only the first few ask it, and all find what the other one has."""
    path = f"/passports/{DEST}/{ORIG}"
    second.kept[path], second.tokens[path] = [provider.passport(orig=ORIG, dest=DEST)], []
    cps.reactions = [hang] * 100

    async with client_of(cps.url, second.url, retrieve_budget=5, hedge_after=0.03) as client:
        found = [await client.retrieve(orig=ORIG, dest=DEST) for _ in range(BREAKER_FAILURES * 3)]

    assert all(one.found for one in found)
    assert BREAKER_FAILURES == len(cps.requests)


async def test_no_time_at_all(cps: FakeCps, client_of: Opened) -> None:
    """A budget that is used up before the first request is a reason, too."""
    async with client_of(cps.url) as client:
        found = await client.retrieve(orig=ORIG, dest=DEST, budget=0)

    assert "there was no time to ask a CPS" == found.reason
    assert [] == cps.requests


async def test_cancellation_is_not_swallowed(cps: FakeCps, client_of: Opened) -> None:
    """Whoever cancels the operation, when the caller hangs up, gets their cancellation."""
    cps.reactions = [hang]
    async with client_of(cps.url) as client:
        task = asyncio.create_task(client.retrieve_and_verify(orig=ORIG, dest=DEST))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_many_calls_at_once(cps: FakeCps, client_of: Opened) -> None:
    """Calls in parallel do not disturb each other."""
    async with client_of(cps.url, retrieve_budget=5, publish_budget=5) as client:
        receipts = await asyncio.gather(*(client.publish(orig=ORIG, dest=str(n)) for n in range(1000, 1040)))
        found = await asyncio.gather(*(client.retrieve_and_verify(orig=ORIG, dest=str(n)) for n in range(1000, 1040)))

    assert all(receipt.published for receipt in receipts)
    assert all(termination.verdict.passed for termination in found)
