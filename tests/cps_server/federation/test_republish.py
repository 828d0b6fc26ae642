"""Sending on: what is accepted at one CPS is found at all, and no peer's trouble is a caller's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from cps_server import keys
from cps_server.federation import republish
from cps_server.federation.breaker import FAILURES
from cps_server.federation.peers import Peer
from tests.cps_server.federation.conftest import Meshed, eventually

FIRST = "cps-0.example"


@pytest.fixture
async def answering(mesh: Meshed) -> AsyncIterator[Callable[..., Awaitable[list[str]]]]:
    """Return a function that makes the first peer one that answers with given statuses, and tells the tokens it got."""
    runners: list[web.ServerRunner] = []

    async def replace(*statuses: int | None) -> list[str]:
        tokens: list[str] = []

        async def answer(request: web.BaseRequest) -> web.Response:
            tokens.append(request.headers["Authorization"])
            status = statuses[min(len(tokens), len(statuses)) - 1]
            if status is None:
                await asyncio.sleep(60)
            return web.Response(status=status or 200)

        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        link = mesh.links[0]
        link.peer = replace_url(link.peer, f"http://127.0.0.1:{runner.addresses[0][1]}")
        return tokens

    yield replace
    for runner in runners:
        await runner.cleanup()


def replace_url(peer: Peer, url: str) -> Peer:
    """Return *peer* at another place."""
    return Peer(url, peer.spc, peer.hostname)


async def published(mesh: Meshed, **knobs) -> str:
    """Publish at the first CPS and return the PASSporT."""
    passport = mesh.first.passport(**knobs)
    assert 201 == (await mesh.first.publish([passport], aud=FIRST)).status
    return passport


async def found(node, aud: str) -> list[str]:
    """Return what a retrieve finds at *node*."""
    response = await node.retrieve(aud=aud)
    return (await response.json())["passports"] if response.status == 200 else []


@pytest.mark.clause("cps-4-republish-token", "cps-5-mesh", "cps-5-body", "cps-5-aud")
async def test_published_at_one_is_found_at_all(mesh: Meshed) -> None:
    """A publish at one CPS is retrievable at every other one, with both tokens (ATIS-1000096)."""
    passport = await published(mesh)
    await eventually(lambda: all(link.outcomes["delivered"] for link in mesh.links))

    for number, node in enumerate(mesh.others, start=1):
        response = await node.retrieve(aud=f"cps-{number}.example")
        body = await response.json()
        assert [passport] == body["passports"]
        assert 2 == len(body["tokens"])


@pytest.mark.clause("cps-5-loop")
async def test_nothing_goes_round_in_circles(mesh: Meshed) -> None:
    """What was republished is not republished again."""
    await published(mesh)
    await eventually(lambda: all(link.outcomes["delivered"] for link in mesh.links))
    await asyncio.sleep(0.1)
    assert [0, 0] == [
        sum(link.outcomes.total() + link.waiting for link in node.app[keys.republisher].links) for node in mesh.others
    ]


@pytest.mark.clause("cps-14-4")
async def test_second_generation_stays_where_it_is(mesh: Meshed) -> None:
    """What is published under an SPC is for the agreed CPS alone (ATIS-1000105)."""
    mesh.first.generation = 2
    await published(mesh)
    await asyncio.sleep(0.1)
    assert [0, 0] == [link.outcomes.total() + link.waiting for link in mesh.links]


@pytest.mark.clause("cps-3-stored", "cps-5-retry")
async def test_a_dead_peer_harms_nobody(mesh: Meshed) -> None:
    """With one peer gone the publisher has its 201, the other peer its PASSporT, and the circuit opens."""
    await mesh.others[0].client.close()
    for number in range(FAILURES):
        await published(mesh, origid=f"00000000-0000-4000-8000-00000000000{number}")
    dead, alive = mesh.links
    await eventually(lambda: alive.outcomes["delivered"] == FAILURES and dead.breaker.is_open)
    assert FAILURES == len(await found(mesh.others[1], "cps-2.example"))


@pytest.mark.clause("cps-5-retry")
@pytest.mark.parametrize(("status", "tries"), [(400, 1), (403, 1), (500, 2), (503, 2), (429, 2)])
async def test_a_refusal_is_final_and_a_failure_is_tried_again(
    mesh: Meshed, monkeypatch, answering, status: int, tries: int
) -> None:
    """4xx is final; 5xx and 429 are tried once more, with a new token; neither is for ever."""
    monkeypatch.setattr(republish, "PAUSE_SECONDS", 0.01)
    tokens = await answering(status)
    await published(mesh)
    await eventually(lambda: mesh.links[0].outcomes[f"status-{status}"])
    assert tries == len(set(tokens))


async def test_a_second_try_may_succeed(mesh: Meshed, monkeypatch, answering) -> None:
    """A peer that fails once has the PASSporT after the retry."""
    monkeypatch.setattr(republish, "PAUSE_SECONDS", 0.01)
    await answering(500, 201)
    await published(mesh)
    await eventually(lambda: mesh.links[0].outcomes["delivered"])


@pytest.mark.clause("cps-5-retry")
async def test_nothing_is_sent_for_the_dead(mesh: Meshed) -> None:
    """What waited past its PASSporT's life is dropped and counted."""
    link = mesh.links[0]
    gate = asyncio.Event()

    async def slow(_announcement: object) -> None:
        await gate.wait()

    link._post = slow
    for _ in range(republish.SENDERS + 1):
        await published(mesh)
    await eventually(lambda: link.waiting == 1)
    mesh.world.clock.advance(timedelta(seconds=16))
    gate.set()
    await eventually(lambda: link.outcomes["died"] == 1)


async def test_a_defect_in_one_delivery_is_told_and_survived(mesh: Meshed, monkeypatch) -> None:
    """A programming error while sending is logged and counted, and the next publish is sent all the same."""
    link = mesh.links[0]
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(link, "_token", lambda _: 1 / 0)
        for _ in range(2 * republish.SENDERS):
            await published(mesh)
        await eventually(lambda: link.outcomes["defect"] == 2 * republish.SENDERS)
    assert "republish_failed" in [log["event"] for log in logs]
    await published(mesh)
    await eventually(lambda: link.outcomes["delivered"])


async def test_a_full_outbox_drops_the_oldest(mesh: Meshed, monkeypatch) -> None:
    """A peer that hangs costs its own outbox, and there the oldest calls."""
    link = mesh.links[0]
    monkeypatch.setattr(link, "_outbox", asyncio.Queue(1))
    for name in ("older", "newer"):
        link.offer(name)
    assert ("newer", 1) == (link._outbox.get_nowait(), link.outcomes["overflow"])


@pytest.mark.clause("cps-3-stored")
async def test_a_hanging_peer_is_cut_off(mesh: Meshed, monkeypatch, answering) -> None:
    """A peer that accepts and says nothing costs a bounded time, and counts as a failure."""
    monkeypatch.setattr(republish, "PAUSE_SECONDS", 0.01)
    link = mesh.links[0]
    link._session._timeout = republish.ClientTimeout(total=0.05)
    await answering(None)
    await published(mesh)
    await eventually(lambda: link.outcomes["timeout"])
