"""The call logic that runs behind the sidecar's faces, put together from the settings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cps_client.client import CpsClient
from cps_client.gateway.readiness import Readiness
from cps_client.gateway.readings import CpsReadings
from cps_client.origination import Originates, Originator
from cps_client.routes import Routes
from cps_client.settings import ClientSettings
from cps_client.tally import Counts
from cps_client.termination import Terminates, Terminator


@dataclass(frozen=True, slots=True)
class Logic:
    """What happens to calls, and what is known of how that goes."""

    originates: Originates
    terminates: Terminates
    readiness: Readiness
    readings: CpsReadings
    reload: Callable[[], Awaitable[None]]
    """Reads trust anew; StirError if that cannot be."""


@asynccontextmanager
async def open_logic(settings: ClientSettings) -> AsyncIterator[Logic]:
    """
    Run the call logic.

    Raises:
        SettingsError: A file that the settings name cannot be used.
        CredentialError: The private key cannot be used.
    """
    counts, routes = Counts(), Routes.of(settings)
    async with CpsClient(settings, tally=counts) as client, Originator.of(client, routes) as originator:
        readiness = Readiness(lambda: client.trust.anchors if client.trust else None)
        readings = CpsReadings(counts, client.watch, asyncio.get_running_loop().time)
        yield Logic(originator, Terminator.of(client, routes), readiness, readings, client.reload)
