"""Connections of any application: what is no HTTP request, who takes too long, and what got past every middleware."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from stir.aio.server import Manner, ManneredRunner


def manner(**others: object) -> Manner:
    """Return bounds that no test meets, with *others*."""
    given = {
        "malformed": lambda detail: web.Response(status=400, text=f"malformed: {detail}"),
        "internal": lambda: web.Response(status=500, text="internal"),
        "header_line_bytes": 1000,
        "header_seconds": lambda: 10.0,
        "lingering_seconds": 1.0,
        "keepalive_seconds": 10.0,
        "drain_seconds": 1.0,
    }
    return Manner(**(given | others))


@asynccontextmanager
async def served(
    handler, how: Manner
) -> AsyncIterator[tuple[ManneredRunner, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Run an application that is one *handler*, and yield its runner and a connection to it."""
    app = web.Application()
    app.router.add_get("/", handler)
    runner = ManneredRunner(app, how)
    assert 0 == runner.open_connections()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    try:
        yield runner, reader, writer
    finally:
        writer.close()
        await runner.cleanup()


async def fine(_: web.Request) -> web.Response:
    """Answer."""
    return web.Response(text="fine")


async def test_a_request_is_served() -> None:
    """What is a request reaches the application, and its connection is counted and kept."""
    async with served(fine, manner(header_seconds=lambda: 0.2)) as (runner, reader, writer):
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await asyncio.wait_for(reader.readuntil(b"fine"), 5)).startswith(b"HTTP/1.1 200")
            assert 1 == runner.open_connections()
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 2000 + b"\r\n\r\n"])
async def test_what_is_no_request(data: bytes) -> None:
    """It is answered in the application's manner, its bytes are in no log, and the connection ends."""
    with capture_logs() as logs:
        async with served(fine, manner()) as (_, reader, writer):
            writer.write(data)
            answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.")
    assert b" 400 " in answer
    assert b"malformed: The bytes are no HTTP request" in answer
    assert ["request_malformed"] == [log["event"] for log in logs]
    assert "xxx" not in str(logs)


async def test_a_defect_past_every_middleware() -> None:
    """It is answered without a word of its text."""

    async def fail(_: web.Request) -> web.Response:
        raise ZeroDivisionError("inside")

    with capture_logs() as logs:
        async with served(fail, manner()) as (_, reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 500")
    assert answer.endswith(b"internal")
    assert [("connection_failed", "ZeroDivisionError")] == [(log["event"], log["error"]) for log in logs]


async def test_a_defect_in_the_middle_of_an_answer() -> None:
    """An answer that has begun cannot become another one: the connection is cut."""

    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"begun")
        raise ZeroDivisionError

    async with served(break_off, manner()) as (_, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.endswith(b"begun")


async def test_a_first_request_that_does_not_come() -> None:
    """A connection on which no whole request arrives in time is closed."""
    async with served(fine, manner(header_seconds=lambda: 0.05)) as (_, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert b"" == await asyncio.wait_for(reader.read(), 5)


async def test_nothing_is_unpacked() -> None:
    """A body that says it is compressed is handed on as it came, so that a small one cannot become a large one."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with served(echo, manner()) as (_, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
        assert b"hello" == (await asyncio.wait_for(reader.readuntil(b"hello"), 5))[-5:]
