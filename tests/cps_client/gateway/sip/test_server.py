"""The SIP face as a part of the sidecar: its settings, its metrics, its end."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from cps_client.gateway.lifecycle import serve
from cps_client.gateway.sip import limits
from cps_client.gateway.sip.udp import UdpListener
from cps_client.settings import load
from stir.aio.configuration import SettingsError
from tests.cps_client.gateway.sip.conftest import CONTACT, Logic, Phone, Serving, request
from tests.support.eventually import eventually

TRUNKS = '[[trunks]]\nname = "east"\ncps_urls = ["https://cps.example"]\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever this machine sets, and listen on ports of the system's choice."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CPS_CLIENT_GATEWAY__LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("CPS_CLIENT_GATEWAY__SIP__CONTACT", CONTACT)


async def test_the_sidecar_serves_sip_and_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a listener in the settings INVITEs are answered, though there is no CPS, and the numbers are at /metrics."""
    monkeypatch.setenv("CPS_CLIENT_GATEWAY__SIP__LISTEN", '["udp:127.0.0.1:0"]')
    with capture_logs() as logs:
        running = asyncio.create_task(serve(load()))
        await eventually(lambda: "gateway_started" in [log["event"] for log in logs])
        told = {log["event"]: log for log in logs}
        host, port = told["sip_listening"]["addresses"][0].split(":")
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(Phone, remote_addr=(host, int(port)))
        answer = await phone.ask(request())
        async with ClientSession() as session, session.get(f"{told['gateway_started']['urls'][0]}/metrics") as page:
            metrics = await page.text()
        transport.close()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 10)

    assert (302, ["<tel:+12155550100;verstat=No-TN-Validation>"]) == (answer.status, answer.all("P-Asserted-Identity"))
    assert 'cps_gateway_sip_requests_total{method="INVITE",transport="udp"} 1.0' in metrics
    assert 'cps_gateway_sip_answers_total{status="302"} 1.0' in metrics
    assert "cps_gateway_sip_calls 0.0" in metrics


@pytest.mark.parametrize(
    ("unknown", "complaint"),
    [("refuse", "^CPS_CLIENT_GATEWAY__SIP__LISTEN names the trunk west, which is none of the trunks"), ("default", "")],
)
def test_a_listener_names_a_trunk_that_there_is(
    unknown: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trunk that no route knows is a mistake at the start, unless the settings let unknown ones pass."""
    config = tmp_path / "client.toml"
    config.write_text(f'unknown_trunks = "{unknown}"\n{TRUNKS}')
    monkeypatch.setenv(
        "CPS_CLIENT_GATEWAY__SIP__LISTEN", '["udp:127.0.0.1:0;trunk=east", "tcp:127.0.0.1:0;trunk=west"]'
    )
    if complaint:
        with pytest.raises(SettingsError, match=complaint):
            load(config)
    else:
        assert 2 == len(load(config).gateway.sip.listeners)


async def test_a_call_that_comes_while_it_stops(serving: Serving, logic: Logic) -> None:
    """While the last calls are finished, one that still comes is sent on at once, without a result, and counted."""
    logic.holding = asyncio.Event()
    async with serving() as world:
        phone = await world.phone()
        phone.send(request())
        await eventually(lambda: logic.asked)
        closing = asyncio.create_task(world.server.redirector.close())
        await asyncio.sleep(0)
        late = await phone.ask(request(branch="z9hG4bK2"))
        logic.holding.set()
        await closing

        assert (302, []) == (late.status, late.all("Identity"))
        assert ({("stopping",): 1}, 1) == (world.server.counts.fail_open, logic.asked)
        assert 302 == (await phone.reply()).status


async def test_a_defect_of_this_face_is_an_answer(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that fails here gets 500, which lets a proxy take its next route; the log says where."""

    async def fail(*_: object) -> None:
        raise RuntimeError

    async with serving() as world:
        monkeypatch.setattr(world.server.redirector._invites, "answer", fail)
        with capture_logs() as logs:
            answer = await (await world.phone()).ask(request())

        assert (500, {("error",): 1}) == (answer.status, world.server.counts.fail_open)
    assert ["sip_call_failed"] == [log["event"] for log in logs]


async def test_answers_that_the_system_does_not_take_are_dropped(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Datagrams do not pile up in memory while the network is congested; the client asks again."""
    async with serving() as world:
        phone = await world.phone()
        with monkeypatch.context() as congested:
            congested.setattr(limits, "UNSENT_BYTES", -1)
            phone.send(request("OPTIONS"))
            await eventually(lambda: world.server.counts.dropped["unsent",])

        assert 200 == (await phone.ask(request("OPTIONS"))).status


async def test_an_unreachable_peer_is_counted(serving: Serving) -> None:
    """An answer that nobody takes any more harms nothing; sending without a socket neither."""
    async with serving() as world:
        phone = await world.phone()
        counts = world.server.counts
        protocol = UdpListener(phone, phone, phone, counts)
        protocol.error_received(ConnectionRefusedError())
        protocol._answering(("127.0.0.1", 5060))(b"", 5060)

        assert {("unsent",): 2} == counts.dropped
        assert 200 == (await phone.ask(request("OPTIONS"))).status
