"""The policy administrator's signed list of trusted STI-CAs."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from stir.testing.certificates import Credential
from stir.testing.clock import ManualClock
from stir.testing.jws import SignatureKind, compact, overridden

CA_LIST_LIFETIME: Final = timedelta(days=1)


@dataclass
class CaList:
    """Keeps the list and signs it anew each time it is asked for."""

    clock: ManualClock
    signer: Credential
    url: str
    signer_url: str
    roots: list[str] = field(default_factory=list)
    """PEM text of each trusted root."""
    sequence: int = 1
    lifetime: timedelta = CA_LIST_LIFETIME
    embedded: bool = False
    """Carry the signer's certificate in x5c instead of naming it in x5u."""
    wrapped: bool = False
    """Serve the JSON object with the list under ``caList``."""
    header: Mapping[str, object] = field(default_factory=dict)
    claims: Mapping[str, object] = field(default_factory=dict)
    signature: SignatureKind = "raw"

    def trust(self, root: Credential) -> None:
        """Put *root* on the list."""
        self.roots.append(root.pem.decode())
        self.sequence += 1

    def distrust(self, root: Credential) -> None:
        """Take *root* off the list."""
        self.roots.remove(root.pem.decode())
        self.sequence += 1

    def token(self) -> str:
        """Return the signed list as of now."""
        source = {"x5c": [base64.b64encode(self.signer.der).decode()]} if self.embedded else {"x5u": self.signer_url}
        claims = {
            "version": 1,
            "sequence": self.sequence,
            "exp": int((self.clock.now() + self.lifetime).timestamp()),
            "trustList": self.roots,
        }
        return compact(
            overridden({"alg": "ES256", "typ": "JWT", **source}, self.header),
            overridden(claims, self.claims),
            self.signer.private_key,
            signature=self.signature,
        )

    def body(self) -> bytes:
        """Return what the URL serves as of now."""
        return f'{{"status":"success","caList":"{self.token()}"}}'.encode() if self.wrapped else self.token().encode()
