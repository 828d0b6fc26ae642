"""The claims of ``rph`` PASSporTs: who may have priority (RFC 8443, RFC 9027)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stir.errors import ClaimError
from stir.passport import Passport
from stir.tn import Party

PSAP_CALLBACK: Final = "psap-callback"
"""The one value of sph, and of the Priority header field that it protects (RFC 9027, section 5)."""

_VALUE: Final = re.compile(r"[A-Za-z0-9!%*_+`'~-]+\.[A-Za-z0-9!%*_+`'~-]+")
"""A value of the Resource-Priority header field: namespace and priority (RFC 4412, section 3.1)."""
_EMERGENCY: Final = frozenset({Party("tn", "911"), Party("tn", "112"), Party("uri", "urn:service:sos")})
_EMERGENCY_PREFIX: Final = "urn:service:sos."


@dataclass(frozen=True, slots=True)
class Rph:
    """The claims of ``ppt`` rph."""

    ppt = "rph"

    auth: tuple[str, ...]
    """What is authorized: values of Resource-Priority such as ``ets.0``."""
    sph: str | None
    """``psap-callback`` when an emergency centre calls back."""

    @classmethod
    def of(cls, passport: Passport) -> "Rph":
        """
        Read the claims of *passport*.

        Raises:
            ClaimError: rph.auth is not an array of values of Resource-Priority, or sph is not psap-callback.
        """
        return cls.read(passport.payload)

    @classmethod
    def read(cls, payload: Mapping[str, object]) -> "Rph":
        """
        Read the claims in *payload*.

        Raises:
            ClaimError: rph.auth is not an array of values of Resource-Priority, or sph is not psap-callback.
        """
        rph, sph = payload.get("rph"), payload.get("sph")
        if not isinstance(rph, dict):
            raise ClaimError(f"rph is {'missing' if rph is None else 'not an object'}")
        auth = rph.get("auth")
        if not isinstance(auth, list) or not auth or not all(map(_is_value, auth)):
            raise ClaimError("rph.auth is not an array of strings such as ets.0")
        if sph is not None and sph != PSAP_CALLBACK:
            raise ClaimError(f"sph is not {PSAP_CALLBACK}")
        return cls(tuple(auth), None if sph is None else PSAP_CALLBACK)

    def exceeded(self, resource_priority: Sequence[str], priority: str | None) -> str | None:
        """
        Return in what the call asks for more than is authorized; None if it does not.

        Each value of Resource-Priority has to be in auth; auth may have more, since a hop may act on one
        namespace only. What signalling is not known to say is not compared.

        Args:
            resource_priority: Values of the Resource-Priority header field, apart or with commas.
            priority: The value of the Priority header field.
        """
        asked = {value.strip().lower() for values in resource_priority for value in values.split(",")}
        if not asked <= {value.lower() for value in self.auth}:
            return "rph.auth does not have each value of Resource-Priority"
        if self.sph is not None and priority is not None and priority.strip().lower() != self.sph:
            return "sph is not the value of Priority"
        return None


def is_emergency(party: Party) -> bool:
    """Return whether *party* is the emergency services, by dial string or by service URN (RFC 9027, section 4)."""
    return party in _EMERGENCY or (party.kind == "uri" and party.value.startswith(_EMERGENCY_PREFIX))


def _is_value(value: object) -> bool:
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None
