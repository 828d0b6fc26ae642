"""SIP over TCP: many messages on one connection, and peers that misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from cps_client.gateway.sip import limits
from stir.aio.configuration import SettingsError
from tests.cps_client.gateway.sip.conftest import Logic, Reply, Serving, World, request
from tests.support.eventually import eventually

VIA = "SIP/2.0/TCP 127.0.0.1;branch={branch}"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(world: World, **options: object) -> AsyncIterator[Streams]:
    """Connect to the server."""
    address = world.server.addresses[0]
    reader, writer = await asyncio.open_connection(address.host, address.port, **options)
    try:
        yield reader, writer
    finally:
        writer.close()


async def reply(reader: asyncio.StreamReader) -> Reply:
    """Return the next answer."""
    async with asyncio.timeout(10):
        return Reply.read(await reader.readuntil(b"\r\n\r\n"))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_several_messages_on_one_connection(serving: Serving, logic: Logic, host: str) -> None:
    """Calls that come in one piece, and byte by byte, are all answered on their connection; a ping gets its pong."""
    branches = ["z9hG4bKa", "z9hG4bKb", "z9hG4bKc"]
    stream = "".join(request(via=VIA, branch=branch, body="v=0\r\n\r\n") for branch in branches).encode()
    async with serving(f"tcp:{host}:0") as world, connected(world) as (reader, writer):
        writer.write(stream + b"\r\n\r\n")
        assert b"\r\n" == await reader.readexactly(2)
        answers = [await reply(reader) for _ in branches]
        for byte in request("OPTIONS", via=VIA).encode():
            writer.write(bytes([byte]))
            await writer.drain()
        pinged = await reply(reader)

    assert [302, 302, 302, 200] == [answer.status for answer in [*answers, pinged]]
    assert set(branches) == {answer["Via"].split("branch=")[1].split(";")[0] for answer in answers}
    assert 3 == logic.asked


async def test_a_client_that_half_closes_and_goes(serving: Serving, logic: Logic) -> None:
    """A connection that ends in the middle of a message, or before its answer, harms nobody else."""
    logic.holding = asyncio.Event()
    async with serving("tcp:127.0.0.1:0") as world:
        async with connected(world) as (_, writer):
            writer.write(request(via=VIA).encode() + request(via=VIA).encode()[:50])
            await eventually(lambda: logic.asked)
        await eventually(lambda: world.server.counts.connections == 0)
        logic.holding.set()
        await eventually(lambda: world.server.counts.dropped["unsent",])
        async with connected(world) as (reader, writer):
            writer.write(request(via=VIA).encode())
            again = await reply(reader)

    assert (302, 1) == (again.status, logic.asked)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\rx", b"INVITE sip:1@h SIP/2.0\r\n\r\n"])
async def test_what_cannot_be_followed_is_closed(serving: Serving, sent: bytes) -> None:
    """A stream without lengths is closed; what was asked before is still answered."""
    async with serving("tcp:127.0.0.1:0") as world, connected(world) as (reader, writer):
        writer.write(request("OPTIONS", via=VIA).encode())
        first = await reply(reader)
        writer.write(sent)
        async with asyncio.timeout(10):
            assert b"" == await reader.read()

        assert (200, {("malformed",): 1}) == (first.status, world.server.counts.dropped)


async def test_a_message_that_is_no_sip_harms_not_the_next(serving: Serving) -> None:
    """Where the lengths are right a message that cannot be read is dropped, and the connection stays."""
    async with serving("tcp:127.0.0.1:0") as world, connected(world) as (reader, writer):
        writer.write(b"NONSENSE\r\nContent-Length: 3\r\n\r\nabc" + request(via=VIA).encode())

        assert 302 == (await reply(reader)).status
        assert {("malformed",): 1} == world.server.counts.dropped


@pytest.mark.parametrize(("limit", "sent"), [("IDLE_SECONDS", b""), ("MESSAGE_SECONDS", b"INVITE sip:")])
async def test_nobody_holds_a_connection_for_nothing(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, limit: str, sent: bytes
) -> None:
    """A connection that is silent, or stops in the middle of a message, is closed in time."""
    monkeypatch.setattr(limits, limit, 0.02)
    async with serving("tcp:127.0.0.1:0") as world, connected(world) as (reader, writer):
        writer.write(sent)
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                assert b"" == await reader.read()
        await eventually(lambda: world.server.counts.connections == 0)


async def test_connections_are_bounded(serving: Serving) -> None:
    """One too many is closed at once, and the others go on; a place that is free again is taken again."""
    async with serving("tcp:127.0.0.1:0", connections=1) as world:
        async with connected(world) as (reader, writer):
            await eventually(lambda: world.server.counts.connections == 1)
            async with connected(world):
                await eventually(lambda: world.server.counts.dropped["connections",] == 1)
            writer.write(request(via=VIA).encode())
            assert 302 == (await reply(reader)).status
        await eventually(lambda: world.server.counts.connections == 0)
        async with connected(world) as (reader, writer):
            writer.write(request(via=VIA).encode())
            assert 302 == (await reply(reader)).status


async def test_strangers_are_not_let_in(serving: Serving) -> None:
    """A connection from outside of the networks that may ask is closed before anything is read."""
    async with serving("tcp:127.0.0.1:0", allow_networks=["127.0.0.2/32"]) as world:
        async with connected(world):
            await eventually(lambda: world.server.counts.dropped["source",] == 1)
        async with connected(world, local_addr=("127.0.0.2", 0)) as (reader, writer):
            writer.write(request(via=VIA).encode())
            assert 302 == (await reply(reader)).status


async def test_a_peer_that_does_not_read_is_cut_off(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers do not pile up for a peer that leaves them unread."""
    monkeypatch.setattr(limits, "UNSENT_BYTES", 10_000)
    ping = request("OPTIONS", via=VIA).encode()
    async with serving("tcp:127.0.0.1:0") as world, connected(world) as (_, writer):
        writer.transport.pause_reading()

        def flooded() -> bool:
            if not writer.transport.is_closing():
                writer.write(ping * 2_000)
            return bool(world.server.counts.dropped["unsent",])

        await eventually(flooded, 60)


async def test_a_port_that_is_taken_is_told(serving: Serving) -> None:
    """Where it cannot listen the server does not start, and names the setting."""
    async with serving("tcp:127.0.0.1:0") as world:
        with pytest.raises(SettingsError, match="CPS_CLIENT_GATEWAY__SIP__LISTEN: cannot listen on"):
            async with serving(f"tcp:{world.server.addresses[0]}"):
                pass
