"""The claims of ``shaken`` PASSporTs: who vouches for the caller, and how far (RFC 8588)."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from stir.errors import AttestationError, ClaimError
from stir.passport import Passport

ATTESTATIONS: Final = ("A", "B", "C")
"""Full, partial and gateway attestation, best first (RFC 8588, section 4)."""


@dataclass(frozen=True, slots=True)
class Shaken:
    """The claims of ``ppt`` shaken (RFC 8588)."""

    ppt = "shaken"

    attest: str
    origid: str

    @classmethod
    def of(cls, passport: Passport) -> "Shaken":
        """
        Read the claims of *passport*; the value of attest is judged by :meth:`require_level`.

        Raises:
            ClaimError: attest or origid is missing or no string.
        """
        return cls(_string(passport, "attest"), _string(passport, "origid"))

    def require_level(self, accepted: AbstractSet[str] = frozenset(ATTESTATIONS)) -> None:
        """
        Check that attest is one of the three levels, and one of those *accepted*.

        Raises:
            AttestationError: It is not.
        """
        if self.attest not in ATTESTATIONS:
            raise AttestationError("attest is none of A, B and C")
        if self.attest not in accepted:
            raise AttestationError(f"attest is {self.attest}, which is not accepted here")


def _string(passport: Passport, name: str) -> str:
    value = passport.payload.get(name)
    if not isinstance(value, str) or not value:
        raise ClaimError(f"{name} is {'missing' if value is None else 'not a string'}")
    return value
