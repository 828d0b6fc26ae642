"""The STI-AS: makes PASSporTs (RFC 8588, ATIS-1000074 section 5.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from stir import jws, strictjson
from stir.errors import AttestationError, ClaimError
from stir.extensions import Shaken
from stir.identity import Identity
from stir.passport import TYP
from stir.tn import Party


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
        if not dest:
            raise ClaimError("dest is empty")
        if not origid:
            raise AttestationError("origid is empty")
        Shaken(attest, origid).require_level()
        claims = {
            "attest": attest,
            "dest": _dest(dest),
            "iat": int(at.timestamp()),
            "orig": orig.as_claim(),
            "origid": origid,
        }
        return self._sign(Shaken.ppt, claims)

    def _sign(self, ppt: str, claims: dict[str, object]) -> Identity:
        header = {"alg": jws.ALGORITHM, "ppt": ppt, "typ": TYP, "x5u": self.x5u}
        token = jws.sign(self.key, strictjson.canonical(header), strictjson.canonical(claims))
        return Identity(token, self.x5u, jws.ALGORITHM, ppt)


def _dest(parties: Sequence[Party]) -> dict[str, list[str]]:
    """Return the ``dest`` claim; the strings of each array in lexicographic order (RFC 8225, section 5.2.1)."""
    kinds = {party.kind for party in parties}
    return {kind: sorted({party.value for party in parties if party.kind == kind}) for kind in kinds}
