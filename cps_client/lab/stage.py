"""Who takes part in the demo: CPSs, providers with their gateways, and one who sends what no gateway would."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, TypeVar

import aiohttp

from cps_client.client import CpsClient
from cps_client.lab.lab import Cps, Lab
from cps_client.lab.loopback import HOST, free_ports
from cps_client.lab.rows import Outcome
from cps_client.lab.tdm import Invite
from cps_client.outcome import Attempt
from cps_client.settings import ClientSettings, load
from stir.testing import ServiceProvider

RETENTION: Final = 3
"""Seconds that the demo's CPSs keep PASSporTs of the first generation: short, so that one can be seen to expire."""

_BUDGET_SECONDS: Final = "10"
T = TypeVar("T")
_PREFIX: Final = "CPS_CLIENT_"

Statuses = tuple[int | None, ...]


@dataclass(frozen=True)
class Providers:
    """The providers of the demo."""

    home: ServiceProvider
    """Where calls come from."""
    away: ServiceProvider
    """Where they go."""
    untrusted: ServiceProvider
    """Certified by a CA that the policy administrator does not know."""
    revoked: ServiceProvider
    """Whose certificate was revoked."""

    @classmethod
    def of(cls, lab: Lab) -> "Providers":
        """Found the providers of *lab*."""
        world = lab.world
        revoked = world.service_provider("789C")
        world.crl.revoke(revoked.leaf)
        stranger = world.authority("Unknown CA", trusted=False)
        untrusted = world.service_provider("666X", issuer=stranger)
        return cls(world.service_provider("123A"), world.service_provider("456B"), untrusted, revoked)


class Line(Enum):
    """How two gateways are connected."""

    FIRST_GENERATION = auto()
    SECOND_GENERATION = auto()
    FAILOVER = auto()
    """Both prefer a CPS that is down."""
    CARELESS = auto()
    """Over a CPS that checks no PASSporT."""


class Gateway:
    """A provider's gateway between SIP and TDM: the product's client, and what can be seen of its work."""

    def __init__(self, client: CpsClient) -> None:
        self.client = client

    def signed(self, invite: Invite, attest: str) -> Invite:
        """Return *invite* with the Identity header field of this provider."""
        return replace(invite, identities=(self.client.sign(orig=invite.orig, dest=invite.dest, attest=attest),))

    async def originate(self, invite: Invite) -> Statuses:
        """Publish the PASSporTs of *invite* before it goes into the TDM network; return the CPSs' answers."""
        receipt = await self.client.publish(orig=invite.orig, dest=invite.dest, identities=invite.identities)
        return _statuses(receipt.attempts)

    async def terminate(self, invite: Invite, *, spc: str | None = None) -> Outcome:
        """Retrieve and verify for *invite*, which came out of the TDM network."""
        end = await self.client.retrieve_and_verify(orig=invite.orig, dest=invite.dest, spc=spc)
        verdict = end.verdict
        return Outcome(
            statuses=_statuses(end.retrieval.attempts),
            verstat=verdict.verstat.value,
            code=verdict.decisive.case.code,
            attest=verdict.attest,
            passports=len(verdict.passports),
        )


class Intruder:
    """Sends a CPS requests that the product's own client would never make."""

    def __init__(self, session: aiohttp.ClientSession, cps: Cps) -> None:
        self._session = session
        self._cps = cps

    async def publish(self, path: str, token: str, passports: Sequence[str]) -> int:
        """Send a publish with this *token*, whatever it is for; return the status."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self._cps.url}/passports/{path}"
        async with self._session.post(url, headers=headers, json={"passports": list(passports)}) as answer:
            return answer.status


class Stage:
    """The demo's CPSs and everybody who uses them; :meth:`open` makes one."""

    def __init__(self, lab: Lab, providers: Providers, cps: Cps, careless: Cps, stack: AsyncExitStack) -> None:
        self.lab = lab
        self.providers = providers
        self.cps = cps
        self.careless = careless
        """A partner's CPS, which lets in every PASSporT unchecked."""
        self.lifetime = math.ceil(2 * cps.process.start_seconds) + 2
        """Seconds that the second generation's PASSporTs live: long enough for the CPS to start again meanwhile."""
        self.gateways: Mapping[Line, tuple[Gateway, Gateway]] = {}
        """Where calls enter the TDM network and where they leave it."""
        self._stack = stack

    @classmethod
    @asynccontextmanager
    async def open(cls, lab: Lab) -> AsyncIterator["Stage"]:
        """
        Yield the stage in *lab*, with its CPSs healthy and its gateways connected.

        Raises:
            LabError: A CPS did not start.
        """
        providers = Providers.of(lab)
        retention = {"CPS_STORE__RETENTION": str(RETENTION)}
        cps, careless = await together(
            lab.start_cps("cps", **retention), lab.start_cps("careless", CPS_VERIFY_PASSPORTS="off", **retention)
        )
        async with AsyncExitStack() as stack:
            stage = cls(lab, providers, cps, careless, stack)
            pairs = await together(*map(stage._pair, Line))
            stage.gateways = dict(zip(Line, pairs, strict=True))
            yield stage

    async def intruder(self) -> Intruder:
        """Return somebody who holds valid keys and sends the strict CPS what they like."""
        connector = aiohttp.TCPConnector(ssl=self.lab.tls.client_context())
        session = await self._stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=False))
        return Intruder(session, self.cps)

    async def _pair(self, line: Line) -> tuple[Gateway, Gateway]:
        cps_urls = {
            Line.CARELESS: [self.careless.url],
            Line.FAILOVER: [f"https://{HOST}:{free_ports(1)[0]}", self.cps.url],
        }.get(line, [self.cps.url])
        generation = 2 if line is Line.SECOND_GENERATION else 1
        home = await self._gateway(self.providers.home, cps_urls, generation, verifies=False)
        return home, await self._gateway(self.providers.away, cps_urls, generation, verifies=True)

    async def _gateway(
        self, provider: ServiceProvider, cps_urls: list[str], generation: int, *, verifies: bool
    ) -> Gateway:
        environment = self.lab.client_settings(
            provider,
            *cps_urls,
            generation=generation,
            PUBLISH_BUDGET=_BUDGET_SECONDS,
            RETRIEVE_BUDGET=_BUDGET_SECONDS,
            LIFETIME=str(self.lifetime),
        )
        client = CpsClient.from_settings(settings_of(environment), verifies=verifies)
        return Gateway(await self._stack.enter_async_context(client))


async def together(*works: Awaitable[T]) -> list[T]:
    """Return the results of all *works*, which run at the same time; none is left running when one fails."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def settings_of(environment: Mapping[str, str]) -> ClientSettings:
    """Return the settings of a gateway that has this *environment*, whatever the user's own is."""
    with _environment(environment):
        return load()


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    former = {name: value for name, value in os.environ.items() if name.upper().startswith(_PREFIX)}
    for name in former:
        del os.environ[name]
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]
        os.environ.update(former)


def _statuses(attempts: Sequence[Attempt]) -> Statuses:
    return tuple(attempt.status for attempt in attempts)
