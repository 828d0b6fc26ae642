"""
Calls through real software: SIPp, Kamailio in front of a TDM trunk, Kamailio behind it, SIPp.

The configurations are those in deploy/kamailio, with the ports of this test in place of an operator's. The called side
checks every INVITE byte for byte, and what counts is its exit code: the calling side is content with any answer.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
import pytest_asyncio

from cps_client.lab.loopback import ADDRESS
from tests.support.interconnection import (
    DEFAULT,
    FAILED,
    PASSED,
    PATIENT,
    SHIPPED,
    SIP_WORKERS,
    Call,
    Expected,
    Network,
    kamailio,
    network,
)
from tests.support.telephony import Program, Trunk

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.system("kamailio"),
    pytest.mark.system("kamailio-extra-modules"),
    pytest.mark.system("kamailio-utils-modules"),
    pytest.mark.system("sip-tester"),
]

CARRIED: Final = {
    *("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Record-Route"),
    *("Content-Type", "Content-Length", "P-Asserted-Identity"),
}
"""What an INVITE for a TDM gateway consists of."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Run everything once for all tests."""
    async with network(tmp_path_factory.mktemp("kamailio")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def net(everything: Network) -> AsyncIterator[Network]:
    """Return the network with all in order, and nobody in a hurry."""
    await asyncio.gather(*(one.use(PATIENT) for one in everything.sidecars))
    yield everything
    everything.valve.set(0)


@pytest_asyncio.fixture(loop_scope="module")
async def impatient(everything: Network) -> AsyncIterator[Network]:
    """Return the network with the budgets that operators have by default."""
    await asyncio.gather(*(one.use(DEFAULT) for one in everything.sidecars))
    yield everything
    everything.valve.set(0)


def signed(net: Network, call: Call, **more: str) -> tuple[str, str]:
    """Return an Identity header value of the call's own provider, and its origid."""
    origid = str(uuid4())
    return net.home.sign(orig=call.orig, dest=call.dest, origid=origid, **more), origid


async def place_a_good_call(net: Network) -> None:
    """Place a call that has to arrive with its Identity header, and verified."""
    call = Call.new()
    identity, origid = signed(net, call)
    await net.place(call, f"Identity: {identity}", expected=Expected([identity], PASSED, attest="A", origid=origid))


async def test_a_signed_call_arrives_signed_and_verified(net: Network) -> None:
    """What a TDM trunk cannot carry arrives nevertheless: the very Identity header, and the verdict on it."""
    await place_a_good_call(net)


async def test_a_trunk_carries_two_numbers_and_nothing_else(net: Network) -> None:
    """No PASSporT, no verdict, no date and no Call-ID of the SIP side crosses TDM, so nothing can sneak by the CPS."""
    call = Call.new()
    identity, origid = signed(net, call)
    forged = f"P-Asserted-Identity: <tel:+{call.orig};verstat={FAILED}>"
    others = (
        "Date: Sun, 22 Nov 2026 01:00:00 GMT",
        "X-Identity: x",
        "Attestation-Info: C",
        "Origination-Id: x",
        forged,
    )

    before = len(net.trunk.crossed)
    await net.place(
        call, *others, f"Identity: {identity}", expected=Expected([identity], PASSED, attest="A", origid=origid)
    )

    (invite,) = net.trunk.crossed[before:]
    head = invite.partition("\r\n\r\n")[0].splitlines()[1:]
    assert CARRIED >= {line.partition(":")[0] for line in head}
    assert [f"P-Asserted-Identity: <sip:+{call.orig}@{ADDRESS}>"] == [one for one in head if one.startswith("P-")]
    assert "eyJ" not in invite
    assert not re.search(r"^Call-ID: [0-9]+-[0-9]+@", invite, re.MULTILINE)


async def test_all_identity_headers_arrive_in_order(net: Network) -> None:
    """A call that has several PASSporTs, one of them under Identity's short name, has them in the same order again."""
    call = Call.new()
    first, origid = signed(net, call)
    second = net.home.identity(net.home.rcd(orig=call.orig, dest=call.dest, rcd={"nam": "Example"}), ppt="rcd")

    expected = Expected([first, second], PASSED, attest="A", origid=origid)
    await net.place(call, f"Identity: {first}", f"y: {second}", expected=expected)


async def test_a_retargeted_call_arrives_with_its_diversion(net: Network) -> None:
    """A call that was sent on arrives with the PASSporT for the number first called and the div to the present one."""
    call, first_called = Call.new(), Call.new().dest
    origid = str(uuid4())
    shaken = net.home.sign(orig=call.orig, dest=first_called, origid=origid)
    div = net.home.identity(net.home.div(orig=call.orig, dest=call.dest, div=first_called), ppt="div")

    expected = Expected([shaken, div], PASSED, attest="A", origid=origid)
    await net.place(call, f"Identity: {shaken}", f"Identity: {div}", expected=expected, called=first_called)


async def test_two_calls_at_once_get_the_identities_of_both(net: Network) -> None:
    """Nobody can tell which PASSporT is whose, so each of two calls between the same numbers gets all, newest first."""
    call = Call.new()
    (older, _), (newer, origid) = signed(net, call), signed(net, call)
    expected = Expected([newer, older], PASSED, attest="A", origid=origid)
    async with held(net.trunk) as before, net.called(call, expected, calls=2) as side:
        callers = []
        for identity in (older, newer):
            callers.append(await net.caller(call, f"Identity: {identity}").start())
            await net.trunk.has(before + len(callers))
        net.trunk.release()

        await net.check(side, *callers)


@asynccontextmanager
async def held(trunk: Trunk) -> AsyncIterator[int]:
    """Keep calls on the trunk, as networks take their time, until they are released; yield how many came before."""
    trunk.held = []
    try:
        yield len(trunk.crossed)
    finally:
        trunk.release()


async def signed_on_the_way(net: Network, attest: str) -> str:
    """Place a call without Identity, which has to arrive signed at this level; return the Identity header."""
    call = Call.new()
    async with held(net.trunk) as before:
        caller = await net.caller(call).start()
        await net.trunk.has(before + 1)
        found = await net.sidecars[1].retrieved(call.orig, call.dest)
        (identity,) = found["identity"]
        expected = Expected([identity], PASSED, attest=attest, origid=found["verdict"]["origid"])
        async with net.called(call, expected) as side:
            net.trunk.release()
            await net.check(side, caller)
    return str(identity)


async def test_a_call_without_identity_is_signed_by_the_sidecar(net: Network) -> None:
    """What comes unsigned is signed where the first gateway is, at the level that its sidecar is set to."""
    assert net.home.x5u in await signed_on_the_way(net, "C")


@pytest.mark.system("kamailio-secsipid-modules")
async def test_a_call_signed_by_libsecsipid_arrives(net: Network, tmp_path: Path) -> None:
    """Kamailio's own signer and this project's verifier agree, over TDM, too."""
    changes = {
        "127.0.0.1:5070": f"{ADDRESS}:{net.trunk.port}",
        "https://certificates.example.com/123A.pem": net.home.x5u,
        "/etc/kamailio/sti.key": str(net.lab.directory / "123A.key"),
    }
    own = kamailio(tmp_path / "signs", "sip-to-tdm", changes, net.sidecars[0], ["WITH_SECSIPID"])
    try:
        identity = await signed_on_the_way(replace(net, kamailios=(await own.start(), net.kamailios[1])), "A")
    finally:
        await own.stop()

    assert net.home.x5u in identity


async def test_what_is_not_as_it_should_be_is_noticed(net: Network) -> None:
    """The negative control: a called side that waits for an Identity header that nobody sent fails."""
    call = Call.new()
    identity, origid = signed(net, call)
    other, _ = signed(net, call)
    expected = Expected([identity, other], PASSED, attest="A", origid=origid)
    async with net.called(call, expected) as side:
        caller = await net.caller(call, f"Identity: {identity}").start()
        try:
            assert 0 != await side.ended()
        finally:
            await caller.stop()

    assert f"2. {other}" in side.said()


async def test_a_spoofed_caller_is_not_verified(net: Network) -> None:
    """A PASSporT for another caller is not even published, so the call arrives unverified and without it."""
    call = Call.new()
    identity, _ = signed(net, Call(Call.new().orig, call.dest))

    await net.place(call, f"Identity: {identity}", expected=Expected())


async def test_a_spoofed_caller_fails_where_the_cps_checks_nothing(net: Network) -> None:
    """A forged PASSporT that a careless CPS hands out fails at the far end, and its attestation is nobody's word."""
    call = Call.new()
    identity, _ = signed(net, call, signature="other-key")
    await net.cps.process.restart(CPS_VERIFY_PASSPORTS="off")
    try:
        await net.place(call, f"Identity: {identity}", expected=Expected([identity], FAILED))
    finally:
        await net.cps.process.restart(CPS_VERIFY_PASSPORTS="full")


async def test_what_a_tdm_network_cannot_have_said_is_taken_off(net: Network) -> None:
    """Identity headers, verdicts and attestations that come out of TDM are forged, and do not reach anybody."""
    call = Call.new()
    identity, origid = signed(net, call)
    forger = Call(f"{call.orig};verstat={PASSED}", call.dest)
    forged = ("Attestation-Info: A", f"Origination-Id: {origid}", f"P-Asserted-Identity: <tel:+{forger.orig}>")
    caller = net.caller(forger, f"Identity: {identity}", f"y: {identity}", *forged, to=net.kamailios[1].port)

    async with net.called(call, Expected()) as side:
        await net.check(side, await caller.start())


async def test_retransmissions_do_not_publish_again(net: Network) -> None:
    """An INVITE that comes three times, while the CPS takes its time, is published once and sent on once."""
    call = Call.new()
    identity, _ = signed(net, call)
    published, before = net.sidecars[0].asked("/v1/publish"), len(net.trunk.crossed)
    net.trunk.lost.add(call.dest)
    net.valve.set(0.2)
    assert await net.kamailios[0].tries(call.orig, call.dest, f"Identity: {identity}", times=3)
    await net.trunk.has(before + 1)
    net.valve.set(0)

    await place_a_good_call(net)  # when it has arrived, all that came before it has been dealt with

    assert 2 == net.sidecars[0].asked("/v1/publish") - published
    assert before + 2 == len(net.trunk.crossed)


async def test_strangers_are_refused(net: Network) -> None:
    """Neither configuration takes anything from an address that it does not know."""
    assert [True, True] == [await one.refuses("127.0.0.2") for one in net.kamailios]


@pytest.mark.parametrize("define", ["WITH_TCP", "WITH_SECSIPID", "OOB_WITH_TRUNK"])
@pytest.mark.parametrize("role", ["sip-to-tdm", "tdm-to-sip"])
@pytest.mark.system("kamailio-secsipid-modules")
async def test_whatever_is_uncommented_is_right(role: str, define: str, tmp_path: Path) -> None:
    """Kamailio accepts the shipped configurations with every switch of theirs."""
    file = SHIPPED / f"kamailio-{role}.cfg"
    command = ("/usr/sbin/kamailio", "-c", "-f", file, "-Y", tmp_path, "-A", define, "-A", "OOB_TRUNK=x")
    check = await Program(tmp_path / "log", *command).start()

    assert 0 == await check.ended(), check.said()


async def test_an_emergency_call_does_not_wait(net: Network) -> None:
    """Nobody is asked about an emergency call."""
    call = replace(Call.new(), dest="911")
    asked = [one.asked("/v1/") for one in net.sidecars]

    await net.place(call, expected=Expected())

    assert asked == [one.asked("/v1/") for one in net.sidecars]


@pytest.mark.parametrize("side", [0, 1])
async def test_a_caller_who_gives_up_meanwhile_is_let_go(net: Network, side: int) -> None:
    """A call that is cancelled while the sidecar waits for its CPS ends with 487, goes no further, breaks nothing."""
    net.valve.set(0.3)
    await net.cancel(Call.new(), net.kamailios[side].port)
    net.valve.set(0)
    crossed = len(net.trunk.crossed)

    await place_a_good_call(net)
    assert crossed + 1 == len(net.trunk.crossed)


@asynccontextmanager
async def instead(net: Network, folder: Path, define: str, transport: str = "") -> AsyncIterator[Network]:
    """Run two more Kamailios on either side of a trunk, with something uncommented in both."""
    last = {"127.0.0.1:5080": f"{ADDRESS}:{net.called_port}{transport}"}
    far = kamailio(folder / "far", "tdm-to-sip", last, net.sidecars[1], [define])
    first = {"sip:127.0.0.1:5070": f"sip:{ADDRESS}:{far.port}{transport}"}
    near = kamailio(folder / "near", "sip-to-tdm", first, net.sidecars[0], [define])
    try:
        await asyncio.gather(near.start(), far.start())
        yield replace(net, kamailios=(near, far), tcp=bool(transport))
    finally:
        await near.stop()
        await far.stop()


async def test_workers_that_wait_themselves_do_it_too(net: Network, tmp_path: Path) -> None:
    """The configurations work without tasks as well, for a Kamailio that has none."""
    async with instead(net, tmp_path, "OOB_SYNCHRONOUS") as other:
        await place_a_good_call(other)


async def test_long_calls_arrive_over_tcp(net: Network, tmp_path: Path) -> None:
    """What is longer than a packet of UDP arrives as well, byte for byte."""
    call = Call.new()
    first, origid = signed(net, call)
    long = net.home.rcd(orig=call.orig, dest=call.dest, rcd={"nam": 4000 * "x"})
    second = net.home.identity(long, ppt="rcd")

    async with instead(net, tmp_path, "WITH_TCP", ";transport=tcp") as other:
        expected = Expected([first, second], PASSED, attest="A", origid=origid)
        await other.place(call, f"Identity: {first}", f"Identity: {second}", expected=expected)


async def test_a_call_arrives_though_the_sidecar_hangs(net: Network, tmp_path: Path) -> None:
    """Where a sidecar is there and says nothing, Kamailio's own limit ends the wait."""
    call = Call.new()
    own = kamailio(
        tmp_path / "waits",
        "tdm-to-sip",
        {"127.0.0.1:5080": f"{ADDRESS}:{net.called_port}"},
        net.sidecars[1],
        wait=1,
    )
    try:
        await own.start()
        net.sidecars[1].signal(signal.SIGSTOP)
        async with net.called(call, Expected()) as side:
            await net.check(side, await net.caller(call, to=own.port).start())
    finally:
        net.sidecars[1].signal(signal.SIGCONT)
        await own.stop()


async def test_calls_that_wait_hold_up_nobody(net: Network) -> None:
    """While the sidecar lets more calls wait than Kamailio has SIP workers, the next one is taken nevertheless."""
    calls = [Call.new() for _ in range(2 * SIP_WORKERS)]
    net.trunk.lost |= {call.dest for call in calls}
    crossed = len(net.trunk.crossed)
    net.sidecars[0].signal(signal.SIGSTOP)
    try:
        assert [True] * len(calls) == [await net.kamailios[0].tries(call.orig, call.dest) for call in calls]
    finally:
        net.sidecars[0].signal(signal.SIGCONT)

    await net.trunk.has(crossed + len(calls))


async def test_a_call_arrives_though_the_cps_is_down(impatient: Network) -> None:
    """Without a CPS the call arrives, only nothing is known of its caller."""
    call = Call.new()
    identity, _ = signed(impatient, call)
    impatient.valve.set(None)

    await impatient.place(call, f"Identity: {identity}", expected=Expected())


async def test_calls_arrive_though_the_cps_is_slow(impatient: Network) -> None:
    """Calls whose CPS takes 2 s arrive, many at once, without what would have come too late."""
    call = Call.new()
    identity, _ = signed(impatient, call)
    impatient.valve.set(2)

    async with impatient.called(call, Expected(), calls=40) as side:
        await impatient.check(side, await impatient.caller(call, f"Identity: {identity}", calls=40).start())


async def test_a_call_arrives_though_the_sidecars_are_dead(impatient: Network) -> None:
    """Kamailio goes on by itself where nobody answers it, and says that nothing is known of the caller."""
    call = Call.new()
    identity, _ = signed(impatient, call)
    for one in impatient.sidecars:
        await one.stop(signal.SIGKILL)

    await impatient.place(call, f"Identity: {identity}", expected=Expected())
