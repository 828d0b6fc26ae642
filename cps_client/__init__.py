"""The STI-OOBS, for providers that bridge TDM: publishes on origination, retrieves and verifies on termination."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cps_client.client import CpsClient
    from cps_client.errors import CpsError, CpsRefusedError, UsageError
    from cps_client.outcome import Attempt, Receipt, Retrieval, Termination
    from cps_client.settings import ClientSettings, SettingsError
    from stir.aio.credential import CredentialError

__all__ = [
    "Attempt",
    "ClientSettings",
    "CpsClient",
    "CpsError",
    "CpsRefusedError",
    "CredentialError",
    "Receipt",
    "Retrieval",
    "SettingsError",
    "Termination",
    "UsageError",
]

_HOME: Final = {
    "Attempt": "cps_client.outcome",
    "ClientSettings": "cps_client.settings",
    "CpsClient": "cps_client.client",
    "CpsError": "cps_client.errors",
    "CpsRefusedError": "cps_client.errors",
    "CredentialError": "stir.aio.credential",
    "Receipt": "cps_client.outcome",
    "Retrieval": "cps_client.outcome",
    "SettingsError": "cps_client.settings",
    "Termination": "cps_client.outcome",
    "UsageError": "cps_client.errors",
}


def __getattr__(name: str) -> object:
    """Import what is asked for only then: commands that need no network start without an HTTP library."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
