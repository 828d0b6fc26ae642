"""The call logic that runs behind the sidecar's faces, put together from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cps_client.client import CpsClient
from cps_client.gateway.readiness import Readiness
from cps_client.origination import Originated, Originates, Outbound
from cps_client.outcome import not_known
from cps_client.settings import ClientSettings
from cps_client.termination import Inbound, Terminated, Terminates
from stir.errors import NumberError, StirError
from stir.reason import reasons
from stir.sip import Projection
from stir.tn import Party
from stir.verdict import Source


@dataclass(frozen=True, slots=True)
class Logic:
    """What happens to calls."""

    originates: Originates
    terminates: Terminates
    readiness: Readiness


@asynccontextmanager
async def open_logic(settings: ClientSettings) -> AsyncIterator[Logic]:
    """
    Run the call logic.

    Raises:
        SettingsError: A file that the settings name cannot be used.
        CredentialError: The private key cannot be used.
    """
    async with CpsClient(settings) as client:
        yield Logic(
            _Origination(client),
            _Termination(client),
            Readiness(lambda: client.trust.anchors if client.trust else None),
        )


class _Origination:
    def __init__(self, client: CpsClient) -> None:
        self._client = client

    async def originate(self, call: Outbound, *, budget: float | None = None) -> Originated:
        try:
            receipt = await self._client.publish(
                orig=call.orig,
                dest=call.dest,
                identities=call.identities,
                attest=call.attest,
                origid=call.origid,
                budget=budget,
            )
        except StirError as error:
            return Originated(call.identities, error=error)
        added = () if call.identities else receipt.identities
        return Originated(call.identities + added, added, "signed" if added else "carried", receipt)


class _Termination:
    def __init__(self, client: CpsClient) -> None:
        self._client = client

    async def terminate(self, call: Inbound, *, budget: float | None = None) -> Terminated:
        try:
            orig = Party.parse(call.orig or "")
            if call.identities:
                verdict = await self._client.verify(call.identities, orig=orig.value, dest=call.dest, budget=budget)
                return Terminated(verdict, call.identities, Projection().headers(verdict, orig))
            found = await self._client.retrieve_and_verify(orig=orig.value, dest=call.dest, budget=budget)
        except NumberError as error:
            return Terminated(not_known(error, Source.OOB_V1))
        told = tuple(str(reason) for reason in reasons(found.verdict))
        headers = Projection().headers(found.verdict, orig)
        return Terminated(found.verdict, found.identities, headers, told, found.retrieval)
