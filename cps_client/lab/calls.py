"""The calls of the demo: those that pass and those that must not, each with what it has to come out as."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from cps_client.lab.rows import Outcome
from cps_client.lab.stage import RETENTION, Line, Stage
from cps_client.lab.tdm import Invite, across_tdm
from stir.testing import ABSENT, ServiceProvider
from stir.testing.jws import canonical, encode

_STALE_SECONDS: Final = 600
_MARGIN_SECONDS: Final = 0.3
_APART: Final = 50

Play = Callable[[Stage, Invite], Awaitable[Outcome]]


@dataclass(frozen=True)
class DemoCall:
    """One call: what it is called, what is done, how it must come out, and how to make it."""

    name: str
    done: str
    expected: Outcome
    play: Play
    waits: bool = False
    """It mostly waits: the calls after it are made meanwhile."""


async def plain(stage: Stage, invite: Invite) -> Outcome:
    """Sign with full attestation, publish, lose it on the TDM leg, retrieve, verify."""
    home, _ = stage.gateways[Line.FIRST_GENERATION]
    return await _through(stage, Line.FIRST_GENERATION, home.signed(invite, "A"))


async def second_generation(stage: Stage, invite: Invite) -> Outcome:
    """Publish under the own SPC; another provider retrieves under that SPC."""
    home, away = stage.gateways[Line.SECOND_GENERATION]
    signed = home.signed(invite, "C")
    published = await home.originate(signed)
    return _after(published, await away.terminate(across_tdm(signed), spc=stage.providers.home.spc))


async def two_passports(stage: Stage, invite: Invite) -> Outcome:
    """Publish a shaken PASSporT and one with a resource priority; both come out, the first one is judged."""
    shaken = stage.providers.home.passport(orig=invite.orig, dest=invite.dest)
    priority = stage.providers.home.passport(
        orig=invite.orig,
        dest=invite.dest,
        header={"ppt": "rph"},
        claims={"attest": ABSENT, "origid": ABSENT, "rph": {"auth": ["ets.0"]}},
    )
    return await _through(stage, Line.FIRST_GENERATION, replace(invite, identities=(shaken, priority)))


async def two_calls(stage: Stage, invite: Invite) -> Outcome:
    """Publish twice for the same numbers; each of the two calls finds both."""
    home, _ = stage.gateways[Line.FIRST_GENERATION]
    published = await home.originate(home.signed(invite, "B"))
    return _after(published, await _through(stage, Line.FIRST_GENERATION, home.signed(invite, "A")))


async def failover(stage: Stage, invite: Invite) -> Outcome:
    """Publish and retrieve while the CPS that both gateways prefer is down."""
    home, _ = stage.gateways[Line.FAILOVER]
    return await _through(stage, Line.FAILOVER, home.signed(invite, "B"))


async def killed(stage: Stage, invite: Invite) -> Outcome:
    """Kill the CPS with SIGKILL between its 201 and the retrieve, and start it again."""
    home, away = stage.gateways[Line.SECOND_GENERATION]
    signed = home.signed(invite, "A")
    published = await home.originate(signed)
    await stage.cps.process.kill()
    await stage.cps.process.start()
    end = await away.terminate(across_tdm(signed), spc=stage.providers.home.spc)
    # A connection kept from before the kill may be tried first; only answers count here.
    return _after(published, replace(end, statuses=tuple(status for status in end.statuses if status is not None)))


async def expired(stage: Stage, invite: Invite) -> Outcome:
    """Retrieve at once, and again when the retention is over."""
    home, away = stage.gateways[Line.FIRST_GENERATION]
    first = await _through(stage, Line.FIRST_GENERATION, home.signed(invite, "A"))
    await asyncio.sleep(RETENTION + _MARGIN_SECONDS)
    return _after(first.statuses, await away.terminate(across_tdm(invite)))


async def nothing(stage: Stage, invite: Invite) -> Outcome:
    """Retrieve what nobody published."""
    _, away = stage.gateways[Line.FIRST_GENERATION]
    return await away.terminate(across_tdm(invite))


async def spoofed(stage: Stage, invite: Invite) -> Outcome:
    """Offer the PASSporT of another caller for this call."""
    passport = stage.providers.home.passport(orig=another_caller(invite), dest=invite.dest)
    return await _smuggled(stage, invite, passport)


async def stale(stage: Stage, invite: Invite) -> Outcome:
    """Offer a PASSporT that was signed ten minutes ago."""
    home = stage.providers.home
    passport = home.passport(orig=invite.orig, dest=invite.dest, iat=home.clock.timestamp() - _STALE_SECONDS)
    return await _smuggled(stage, invite, passport)


async def tampered(stage: Stage, invite: Invite) -> Outcome:
    """Make attestation C an A after the signing."""
    header, payload, signature = (
        stage.providers.home.passport(orig=invite.orig, dest=invite.dest, attest="C").encode().split(b".")
    )
    claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    forged = encode(canonical({**claims, "attest": "A"}))
    return await _smuggled(stage, invite, f"{header.decode()}.{forged}.{signature.decode()}")


async def untrusted(stage: Stage, invite: Invite) -> Outcome:
    """Offer a PASSporT signed under a CA that is not on the policy administrator's list."""
    return await _smuggled(stage, invite, stage.providers.untrusted.passport(orig=invite.orig, dest=invite.dest))


async def revoked(stage: Stage, invite: Invite) -> Outcome:
    """Offer a PASSporT signed with a certificate that is on the policy administrator's CRL."""
    return await _smuggled(stage, invite, stage.providers.revoked.passport(orig=invite.orig, dest=invite.dest))


async def replayed(stage: Stage, invite: Invite) -> Outcome:
    """Send the same request, token and all, twice."""
    passports, token = _request(stage.providers.home, invite)
    intruder = await stage.intruder()
    return Outcome(tuple([await intruder.publish(_path(invite), token, passports) for _ in range(2)]))


async def other_body(stage: Stage, invite: Invite) -> Outcome:
    """Send another body than the one whose digest is in the token."""
    _, token = _request(stage.providers.home, invite)
    others, _ = _request(stage.providers.home, invite)
    return Outcome((await (await stage.intruder()).publish(_path(invite), token, others),))


async def other_numbers(stage: Stage, invite: Invite) -> Outcome:
    """Use a token made for one call to publish for another."""
    passports, token = _request(stage.providers.home, invite)
    victim = replace(invite, orig=another_caller(invite))
    return Outcome((await (await stage.intruder()).publish(_path(victim), token, passports),))


async def other_spc(stage: Stage, invite: Invite) -> Outcome:
    """Publish under the SPC of another provider."""
    providers = stage.providers
    passports = [providers.home.passport(orig=invite.orig, dest=invite.dest)]
    token = providers.home.request_token(
        "publish", orig=invite.orig, dest=invite.dest, passports=passports, generation=2, spc=providers.away.spc
    )
    path = f"{providers.away.spc}/{_path(invite)}"
    return Outcome((await (await stage.intruder()).publish(path, token, passports),))


async def revoked_publisher(stage: Stage, invite: Invite) -> Outcome:
    """Ask with a token that was signed with a revoked certificate."""
    passports, token = _request(stage.providers.revoked, invite)
    return Outcome((await (await stage.intruder()).publish(_path(invite), token, passports),))


def another_caller(invite: Invite) -> str:
    """Return a number that is not the caller's."""
    return f"{int(invite.orig) + _APART}"


async def _through(stage: Stage, line: Line, signed: Invite) -> Outcome:
    """Carry a call from one provider to another, through the TDM network."""
    home, away = stage.gateways[line]
    published = await home.originate(signed)
    return _after(published, await away.terminate(across_tdm(signed)))


async def _smuggled(stage: Stage, invite: Invite, passport: str) -> Outcome:
    """Offer *passport* to the strict CPS, then to the careless one; retrieve it there and verify."""
    home, _ = stage.gateways[Line.FIRST_GENERATION]
    signed = replace(invite, identities=(passport,))
    return _after(await home.originate(signed), await _through(stage, Line.CARELESS, signed))


def _after(published: tuple[int | None, ...], end: Outcome) -> Outcome:
    """Return how the call ended, with the answers to its publishes before those to its retrieve."""
    return replace(end, statuses=published + end.statuses)


def _request(provider: ServiceProvider, invite: Invite) -> tuple[list[str], str]:
    """Return PASSporTs for a call and a token to publish them with."""
    passports = [provider.passport(orig=invite.orig, dest=invite.dest)]
    return passports, provider.request_token("publish", orig=invite.orig, dest=invite.dest, passports=passports)


def _path(invite: Invite) -> str:
    return f"{invite.dest}/{invite.orig}"


_PASSED: Final = Outcome((201, 200), "TN-Validation-Passed", None, "A", 1)
_CAUGHT: Final = Outcome((400, 201, 200), "TN-Validation-Failed", 437, None, 1)
_UNKNOWN: Final = replace(_CAUGHT, verstat="No-TN-Validation")
_NOTHING: Final = Outcome((404, 404, 404), "No-TN-Validation", None, None, 0)

CALLS: Final = (
    DemoCall("gen. 1, attest A", "published, lost in TDM, retrieved", _PASSED, plain),
    DemoCall(
        "gen. 2, attest C",
        "under its SPC; another provider asks",
        replace(_PASSED, attest="C"),
        second_generation,
    ),
    DemoCall("two PASSporTs", "shaken and rph in one publish", replace(_PASSED, passports=2), two_passports),
    DemoCall(
        "two calls at once",
        "same numbers; both are found",
        replace(_PASSED, statuses=(201, 201, 200), passports=2),
        two_calls,
    ),
    DemoCall(
        "attest B, failover",
        "preferred CPS is down, next serves",
        replace(_PASSED, statuses=(None, 201, None, 200), attest="B"),
        failover,
    ),
    DemoCall("kill -9", "CPS killed after its 201, restarted", _PASSED, killed),
    DemoCall("nothing published", "asked three times, nothing is there", _NOTHING, nothing),
    DemoCall(
        "too late",
        f"retrieved, and again {RETENTION} s later",
        replace(_NOTHING, statuses=(201, 200, 404, 404, 404)),
        expired,
        waits=True,
    ),
    DemoCall("spoofed number", "PASSporT of another caller", replace(_UNKNOWN, code=438), spoofed),
    DemoCall("stale", "PASSporT is ten minutes old", replace(_UNKNOWN, code=403), stale),
    DemoCall("tampered", "attest C made A after the signing", replace(_CAUGHT, code=438), tampered),
    DemoCall("untrusted CA", "signer's CA is not on the CA list", _CAUGHT, untrusted),
    DemoCall("revoked", "signer's certificate is on the CRL", _CAUGHT, revoked),
    DemoCall("replayed token", "the same request twice", Outcome((201, 401)), replayed),
    DemoCall("other body", "token's digest is of another body", Outcome((401,)), other_body),
    DemoCall("revoked publisher", "token by the revoked certificate", Outcome((401,)), revoked_publisher),
    DemoCall("another's call", "token is for another calling number", Outcome((403,)), other_numbers),
    DemoCall("another's SPC", "published under a partner's SPC", Outcome((403,)), other_spc),
)
