"""The benchmark's client measures what it says: every status counts, and so does every wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.load.service import client
from tests.load.service.client import LOST, Load, ShotError, connected, percentile

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
SERVICE = 0.03
"""How long the pretended server takes for one request, in seconds."""


def answer(status: int, *fields: str) -> bytes:
    """Return an answer with a short body."""
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", "Content-Length: 2", *fields])
    return f"{head}\r\n\r\n{{}}".encode()


@asynccontextmanager
async def serving(answers: Sequence[bytes], *, seconds: float = 0.0) -> AsyncIterator[int]:
    """Give these *answers* in turns, one after the other, each after some *seconds*; nothing hangs up."""
    given, writers, busy = 0, [], asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal given
        writers.append(writer)
        while await reader.readline():
            await reader.readuntil(b"\n")
            async with busy:
                await asyncio.sleep(seconds)
                data = answers[given % len(answers)]
                given += 1
            if not data:
                break
            writer.write(data[:9])
            await writer.drain()
            writer.write(data[9:])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """The smallest value that so many per cent do not exceed, by rank, never something in between."""
    values = [float(number) for number in range(1, 1001)]

    assert [1, 500, 990, 999, 1000] == [percentile(values, each) for each in (0, 50, 99, 99.9, 100)]
    assert 7 == percentile([7.0], 99.9)
    assert 2 == percentile([1.0, 2.0], 51)
    assert 0 == percentile([], 50)


async def test_every_status_is_counted() -> None:
    """Only the right status is accepted, 429 and 503 are refused, and all others are wrong."""
    answers = [answer(status) for status in (201, 200, 503, 429, 500, 201)]
    async with serving(answers) as port, connected(port, 2) as load:
        shot = await load.closed([REQUEST] * 12, 201)

    assert {201: 4, 200: 2, 503: 2, 429: 2, 500: 2} == shot.statuses
    assert sorted([201, 200, 503, 429, 500, 201] * 2) == sorted(shot.answers)
    assert (12, 4, 4, 4) == (shot.requests, shot.accepted, shot.refused, shot.wrong)
    assert shot.accepted == len(shot.times)


async def test_a_connection_that_ends_is_replaced_and_its_request_is_lost() -> None:
    """What has no answer is wrong; the other requests go on over a new connection."""
    async with serving([answer(201), b"", answer(201, "Connection: close")]) as port, connected(port, 1) as load:
        shot = await load.closed([REQUEST] * 6, 201)

    assert {201: 4, LOST: 2} == shot.statuses
    assert 2 == shot.wrong


async def test_a_server_that_hangs_up_at_once_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark does not connect for ever to a server whose connections end before anything can be sent."""
    monkeypatch.setattr(client.Connection, "connection_made", lambda self, transport: transport.close())
    async with serving([answer(201)]) as port, connected(port, 1) as load:
        with pytest.raises(ShotError, match="ends its connections"):
            await load.closed([REQUEST] * 3, 201)


async def test_a_server_that_answers_nothing_loses_everything() -> None:
    """Every request is tried once, and each is wrong."""
    async with serving([b""]) as port, connected(port, 2) as load:
        shot = await load.opened([REQUEST] * 4, [0.0, 0.0, 0.01, 0.02], 201)

    assert {LOST: 4} == shot.statuses
    assert 4 == shot.wrong


async def test_a_server_that_never_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shot ends by itself."""
    monkeypatch.setattr(client, "PATIENCE", 0.05)
    async with serving([answer(201)], seconds=30) as port, connected(port, 1) as load:
        with pytest.raises(ShotError, match="1 of 1 requests were not answered"):
            await load.closed([REQUEST], 201)


async def test_a_closed_loop_counts_from_the_sending() -> None:
    """With one connection nothing waits, so each request takes as long as the server takes for it."""
    async with serving([answer(201)], seconds=SERVICE) as port, connected(port, 1) as load:
        shot = await load.closed([REQUEST] * 4, 201)

    assert shot.times[0] >= SERVICE * 0.9
    assert shot.seconds >= sum(shot.times) * 0.99


async def test_an_open_loop_counts_the_wait_for_a_connection() -> None:
    """Four requests at once to a server that takes one at a time: the last one's time has all four in it."""
    async with serving([answer(201)], seconds=SERVICE) as port, connected(port, 1) as load:
        shot = await load.opened([REQUEST] * 4, [0.0] * 4, 201)

    assert all(took >= SERVICE * number * 0.9 for number, took in enumerate(shot.times, start=1))


async def test_an_open_loop_sends_when_it_is_time() -> None:
    """Requests wait for their instants, and by how much a free connection was used too late is told."""
    planned = [0.0, 0.02, 0.0205, 0.06]
    async with serving([answer(201)]) as port, connected(port, 4) as load:
        shot = await load.opened([REQUEST] * 4, planned, 201)

    assert shot.seconds >= planned[-1]
    assert 4 == len(shot.late)
    assert all(late >= 0 for late in shot.late)


async def test_a_load_can_fire_again() -> None:
    """The connections of one shot serve the next one."""
    async with serving([answer(200)]) as port, connected(port, 3) as load:
        shots = [await load.closed([REQUEST] * 5, 200) for _ in range(3)]

    assert [5, 5, 5] == [shot.accepted for shot in shots]


async def test_nobody_listens() -> None:
    """Without a server there is no load."""
    with pytest.raises(ConnectionRefusedError):
        await Load(1).open(1)
