"""Whether calls should be sent here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

OK: Final = "ok"
"""What a check says that found nothing wrong."""


@dataclass
class Readiness:
    """
    What is asked by whoever decides where calls go.

    Args:
        anchors: Tells how many STI-CA roots are in force; None where nobody counts them.
    """

    anchors: Callable[[], int | None] = lambda: None
    draining: bool = False
    """Whether the process is about to stop."""

    @property
    def checks(self) -> Mapping[str, str]:
        """What each check found: ``ok``, or one word for what is wrong."""
        return {
            "draining": "draining" if self.draining else OK,
            "trust": "no-trust" if self.anchors() == 0 else OK,
        }

    @property
    def is_ready(self) -> bool:
        """Whether calls should be sent here; without trust they are published still, and not verified."""
        return not self.draining
