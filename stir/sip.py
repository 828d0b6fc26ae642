"""
A verdict in header fields of SIP, for whoever goes on with the call (3GPP TS 24.229, section 7.2.18 and 7.2.19).

Strings in, strings out. What is written is made of known characters only, so that nothing in a PASSporT can
start a header field of its own; what says that something was verified is removed from what comes in.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stir import verstat
from stir.errors import MalformedError
from stir.tn import Party
from stir.verdict import Verdict
from stir.verstat import Indication

ASSERTED_IDENTITY: Final = "P-Asserted-Identity"
_LEVEL, _ORIGIN = ("Attestation-Info", "P-Attestation-Indicator"), ("Origination-Id", "P-Origination-ID")
"""The names of 3GPP, then those of vendors."""

RESULTS: Final = frozenset(name.lower() for name in (*_LEVEL, *_ORIGIN))
"""Header fields that tell the result of a verification, and come from outside only by mistake or malice."""
IDENTITIES: Final = frozenset(
    {"from", "f", "p-asserted-identity", "p-preferred-identity", "remote-party-id", "contact", "m", "diversion"}
)
"""Header fields that hold numbers, and so may hold a verstat."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9!$&'()*+,./:;=?@_~%-]+")
_ORIGID: Final = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,255}")
_SHORTEST: Final = 7
"""Digits of the shortest numbers with a country code; what is shorter is a short code, which has no plus."""


@dataclass(frozen=True, slots=True)
class Projection:
    """
    How verdicts are written.

    Raises:
        MalformedError: *host* is no host name or address.
    """

    host: str | None = None
    """Host of SIP URIs; None writes tel URIs."""
    suffix: bool = False
    """Whether verstat says the attestation and diversion too, as some vendors want it."""
    vendor_names: bool = False
    """Whether the header fields have the vendors' names in place of 3GPP's."""

    def __post_init__(self) -> None:
        if self.host is not None and not _HOST.fullmatch(self.host):
            raise MalformedError("the host for SIP URIs is no host name or address")

    def headers(self, verdict: Verdict, orig: Party | None) -> dict[str, str]:
        """
        Return the header fields that tell *verdict* on a call from *orig*.

        The attestation and origid of a call that did not pass are nobody's word, and are not told.
        """
        fields = {
            ASSERTED_IDENTITY: self.asserted(orig, verdict) if orig else None,
            _LEVEL[self.vendor_names]: verdict.attest,
            _ORIGIN[self.vendor_names]: _plain(verdict.origid),
        }
        return {name: value for name, value in fields.items() if value is not None}

    def asserted(self, orig: Party, verdict: Verdict) -> str | None:
        """Return *orig* for P-Asserted-Identity, a number with its verstat; None for what cannot stand there."""
        if orig.kind == "tn":
            uri = self._uri(orig.value, Indication.of(verdict) if self.suffix else Indication(verdict.verstat))
        else:
            uri = orig.value if _URI.fullmatch(orig.value) else None
        return uri and f"<{uri}>"

    def _uri(self, number: str, indication: Indication) -> str | None:
        """Return the URI of *number*, with verstat as a parameter of it; a short code has none without a host."""
        is_global = number.isdigit() and len(number) >= _SHORTEST
        user = f"{'+' * is_global}{number.replace('#', '%23')};{verstat.NAME}={indication}"
        if self.host is not None:
            return f"sip:{user}@{self.host};user=phone"
        return f"tel:{user}" if is_global else None


def stripped(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """
    Return header fields as they came in, without what says that something was verified.

    Identity stays, since it speaks for itself.

    Raises:
        MalformedError: A field that holds a number cannot be a header field.
    """
    return [
        (name, verstat.strip(value) if name.strip().lower() in IDENTITIES else value)
        for name, value in fields
        if name.strip().lower() not in RESULTS
    ]


def _plain(origid: str | None) -> str | None:
    """Return *origid*, which is any string that the signer chose, if it can stand in a header field."""
    return origid if origid and _ORIGID.fullmatch(origid) else None
