"""The STI-AS: makes PASSporTs (RFC 8588, RFC 8946, RFC 8443; ATIS-1000074, section 5.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from stir import jws, strictjson
from stir.errors import AttestationError, ClaimError
from stir.extensions import Div, Rph, Shaken
from stir.identity import Identity
from stir.passport import TYP
from stir.tn import Party

_INDEX: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")
"""The index of a History-Info entry (RFC 7044, section 5)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A provider's signing key and where its certificate is published."""

    key: EllipticCurvePrivateKey
    x5u: str

    def shaken(self, orig: Party, dest: Sequence[Party], *, attest: str, origid: str, at: datetime) -> Identity:
        """
        Return the Identity header field with a ``shaken`` PASSporT for a call.

        Args:
            orig: The caller.
            dest: Whom they called.
            attest: A, B or C.
            origid: UUID by which the signer finds the source again.
            at: The instant of signing; becomes iat.

        Raises:
            AttestationError: attest is none of the three, or origid is empty.
            ClaimError: dest is empty.
            AlgorithmError: The key is on another curve than P-256.
        """
        if not origid:
            raise AttestationError("origid is empty")
        Shaken(attest, origid).require_level()
        return self._sign(Shaken.ppt, _base(orig, dest, at) | {"attest": attest, "origid": origid})

    def div(self, orig: Party, dest: Sequence[Party], *, div: Party, hi: str | None = None, at: datetime) -> Identity:
        """
        Return the Identity header field with a ``div`` PASSporT: the call was sent on (RFC 8946, section 4.1).

        Args:
            orig: The caller, as in the PASSporT before.
            dest: Where the call is sent.
            div: Whom the PASSporT before has as dest, and who was called until now.
            hi: Index of the History-Info entry.
            at: The instant of signing; becomes iat.

        Raises:
            ClaimError: dest is empty, or hi is no index.
            AlgorithmError: The key is on another curve than P-256.
        """
        if hi is not None and not _INDEX.fullmatch(hi):
            raise ClaimError("hi is not an index such as 1.1")
        return self._sign(Div.ppt, _base(orig, dest, at) | {"div": Div(div, hi).as_claim()})

    def rph(
        self, orig: Party, dest: Sequence[Party], *, auth: Sequence[str], sph: str | None = None, at: datetime
    ) -> Identity:
        """
        Return the Identity header field with an ``rph`` PASSporT: the call may have priority (RFC 8443, RFC 9027).

        Args:
            orig: The caller.
            dest: Whom they called.
            auth: What is authorized: values of Resource-Priority such as ``ets.0``.
            sph: ``psap-callback`` when an emergency centre calls back.
            at: The instant of signing; becomes iat.

        Raises:
            ClaimError: dest is empty, auth has no or a malformed value, or sph is not psap-callback.
            AlgorithmError: The key is on another curve than P-256.
        """
        own: dict[str, object] = {"rph": {"auth": list(auth)}} | ({} if sph is None else {"sph": sph})
        Rph.read(own)
        return self._sign(Rph.ppt, _base(orig, dest, at) | own)

    def _sign(self, ppt: str, claims: dict[str, object]) -> Identity:
        header = {"alg": jws.ALGORITHM, "ppt": ppt, "typ": TYP, "x5u": self.x5u}
        token = jws.sign(self.key, strictjson.canonical(header), strictjson.canonical(claims))
        return Identity(token, self.x5u, jws.ALGORITHM, ppt)


def _base(orig: Party, dest: Sequence[Party], at: datetime) -> dict[str, object]:
    """Return the claims of every type."""
    if not dest:
        raise ClaimError("dest is empty")
    return {"dest": _dest(dest), "iat": int(at.timestamp()), "orig": orig.as_claim()}


def _dest(parties: Sequence[Party]) -> dict[str, list[str]]:
    """Return the ``dest`` claim; the strings of each array in lexicographic order (RFC 8225, section 5.2.1)."""
    kinds = {party.kind for party in parties}
    return {kind: sorted({party.value for party in parties if party.kind == kind}) for kind in kinds}
