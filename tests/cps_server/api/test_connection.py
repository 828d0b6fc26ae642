"""Connections: what is no HTTP request, and who takes too long."""

import asyncio
import json

import pytest

from cps_server import limits
from tests.cps_server.conftest import Cps

TOKEN = "eyJhbGciOiJFUzI1NiJ9.secret.token"


async def talk(cps: Cps, data: bytes) -> bytes:
    """Send *data* on a new connection and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", cps.client.port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /passports/1/2 HTTP/1.1\r\nAuthorization: Bearer " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nbad header\r\n\r\n".encode(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["noise", "long header", "long line", "length", "no colon", "version", "smuggling", "TLS"],
)
async def test_broken_request_is_a_problem_document(cps: Cps, data: bytes, caplog, capsys) -> None:
    """Bytes that are no HTTP request are answered 400 in JSON, and neither answer nor log quotes them."""
    head, _, body = (await talk(cps, data)).partition(b"\r\n\r\n")

    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"application/problem+json" in head
    assert 400 == json.loads(body)["status"]
    written = caplog.text + "".join(capsys.readouterr())
    assert "eyJ" not in written
    assert "xxxx" not in written


async def test_slow_first_request_is_cut_off(cps: Cps, monkeypatch) -> None:
    """A connection on which no whole request arrives in time is closed."""
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.2)
    assert b"" == await talk(cps, b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ")


@pytest.mark.clause("cps-1-http2")
async def test_kept_alive_connection_outlives_the_first_request(cps: Cps, monkeypatch) -> None:
    """The clock for the first request does not cut off a connection that had one."""
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", cps.client.port)
    statuses = []
    for pause in (0, 0.4):
        await asyncio.sleep(pause)
        writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses.append((await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)).strip())
        await reader.readuntil(b"}")
    writer.close()
    assert [b"HTTP/1.1 200 OK"] * 2 == statuses


async def test_slow_body_is_cut_off(cps: Cps, monkeypatch) -> None:
    """A body that does not arrive in time ends the request."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    token = cps.token("publish", passports=[cps.passport()])
    head = f"POST {cps.path()} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
    answer = await talk(cps, (head + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{").encode())
    assert answer.startswith(b"HTTP/1.1 408")
