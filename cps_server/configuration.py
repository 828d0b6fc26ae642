"""Reads the server's settings from file and environment, and shows them."""

from typing import Final

from cps_server.settings import Settings
from stir.aio.configuration import CONFIG_BYTES, Configuration, Effective, Setting

__all__ = ["CLIENT_PREFIX", "CONFIG_BYTES", "Effective", "Setting", "effective", "known", "load"]

CLIENT_PREFIX: Final = "CPS_CLIENT_"
"""How the gateway side's names start, which are none of the server's business."""

_CONFIGURATION: Final = Configuration(Settings, others=(CLIENT_PREFIX,))

known = _CONFIGURATION.known
load = _CONFIGURATION.load
effective = _CONFIGURATION.effective
