"""Which version this is."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

PACKAGE: Final = "oob-shaken"


def _installed() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


VERSION: Final = _installed()
"""The version of the installed package."""
