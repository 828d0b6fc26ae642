"""The call logic that runs behind the sidecar's faces, put together from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cps_client.client import CpsClient
from cps_client.gateway.readiness import Readiness
from cps_client.origination import Originated, Originates, Outbound
from cps_client.settings import ClientSettings
from cps_client.termination import Terminates, Terminator
from stir.errors import StirError


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
            Terminator.of(client),
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
