"""A second implementation of the call logic's ports, for the faces: it does what it is told, and remembers."""

import asyncio
from dataclasses import dataclass, field, replace

from cps_client.gateway.app import build_app
from cps_client.origination import Originated, Outbound
from cps_client.outcome import Receipt
from cps_client.settings import ClientSettings
from cps_client.termination import Inbound, Terminated
from stir.verdict import NO_PASSPORT, PassportResult, Source, Verdict

NOTHING = Verdict(PassportResult(None, NO_PASSPORT, "no PASSporT was found for this call"), Source.OOB_V1, ())
SIGNED = "eyJ.eyJ.sig;info=<https://cr.example.net/1.pem>;alg=ES256;ppt=shaken"
"""What it hands out as a signed Identity header value; nothing in it is verified here."""


@dataclass
class PretendLogic:
    """Originates and terminates without a CPS."""

    outbound: list[Outbound] = field(default_factory=list)
    inbound: list[Inbound] = field(default_factory=list)
    originated: Originated | None = None
    """What becomes of calls that go out; None: signed where nothing came, and published."""
    terminated: Terminated = field(default_factory=lambda: Terminated(NOTHING))
    error: Exception | None = None
    """What is raised in place of an outcome."""
    gate: asyncio.Event | None = None
    """Calls wait until it is set."""
    budgets: list[float | None] = field(default_factory=list)

    async def originate(self, call: Outbound, *, budget: float | None = None) -> Originated:
        """Remember *call* and do what was said."""
        self.outbound.append(call)
        await self._wait(budget)
        if self.originated is not None:
            return self.originated
        added = () if call.identities else (SIGNED,)
        identities = call.identities + added
        rule = "signed" if added else "carried"
        return Originated(identities, added, rule, Receipt(identities))

    async def terminate(self, call: Inbound, *, budget: float | None = None) -> Terminated:
        """Remember *call* and do what was said."""
        self.inbound.append(call)
        await self._wait(budget)
        return replace(self.terminated, identities=self.terminated.identities or call.identities)

    async def _wait(self, budget: float | None) -> None:
        self.budgets.append(budget)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


def app_of(logic: PretendLogic, settings: ClientSettings | None = None, **others: object):
    """Return the sidecar's application in front of *logic*."""
    return build_app(settings or ClientSettings(), originates=logic, terminates=logic, **others)
