"""The policy administrator's signed list of trusted STI-CAs (ATIS-1000084)."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from stir import jws, limits, strictjson
from stir.certificate import Certificate, Chain, load_certificates
from stir.errors import (
    CertificateError,
    CertificateFormatError,
    JsonError,
    ListRefusedError,
    NotFullFormError,
    SignatureError,
    TrustListError,
)
from stir.path import TrustAnchors

_MAX_EXP: Final = 253_402_300_799
"""The last second of the year 9999, the last that a datetime can hold."""


@dataclass(frozen=True, eq=False, repr=False)
class TrustList:
    """A CA list, taken apart; whether it may be believed is :meth:`require_signer`'s question."""

    version: str
    sequence: int
    exp: datetime
    anchors: TrustAnchors
    """The roots that can be read and may issue certificates."""
    complaints: tuple[str, ...]
    """One sentence for each entry that is no such root; the others are good nevertheless."""
    signer_url: str | None
    """x5u: where the signer's certificate is, if it is not embedded."""
    embedded: Chain | None
    """x5c: the signer's certificate, if it is."""
    _compact: jws.Compact = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """
        Read a list: a compact JWS, bare or in a JSON object under ``caList``.

        Raises:
            TrustListError: *data* is too long, or not a CA list with at least one usable root.
        """
        try:
            compact = jws.split(_token(data))
            header = strictjson.loads(compact.header, max_bytes=limits.ANCHORS_BYTES)
            payload = strictjson.loads(compact.payload, max_bytes=limits.ANCHORS_BYTES)
            embedded = _embedded(header.get("x5c"))
        except (JsonError, NotFullFormError, CertificateFormatError) as error:
            raise TrustListError(f"the CA list cannot be read: {error.detail}") from error
        _require_header(header)
        anchors, complaints = _roots(payload.get("trustList"))
        return cls(
            version=str(payload.get("version", "")),
            sequence=_integer(payload, "sequence"),
            exp=datetime.fromtimestamp(min(_integer(payload, "exp"), _MAX_EXP), UTC),
            anchors=anchors,
            complaints=complaints,
            signer_url=_text(header.get("x5u")),
            embedded=embedded,
            _compact=compact,
        )

    def require_signer(self, chain: Chain, anchors: TrustAnchors, *, at: datetime) -> Certificate:
        """
        Check that the list is authentic, and return its signer.

        Args:
            chain: The embedded one, or what was found at :attr:`signer_url`.
            anchors: The policy administrator's own roots; never the STI-CAs'.
            at: Aware UTC instant.

        Raises:
            ListRefusedError: The signer is not below the anchors, may not sign, or has not signed this.
        """
        signer = chain.leaf
        try:
            # (1) The signer is the policy administrator's.
            anchors.path(chain, at=at)
            # (2) It may sign data.
            if "digitalSignature" not in (signer.key_usage or {"digitalSignature"}):
                raise ListRefusedError("the signer of the CA list may not sign data")
            # (3) It has signed these bytes.
            jws.verify(signer.public_key, self._compact.signing_input, self._compact.signature)
        except (CertificateError, CertificateFormatError, SignatureError) as error:
            raise ListRefusedError(f"the signer of the CA list is not believed: {error.detail}") from error
        return signer

    def require_current(self, at: datetime) -> None:
        """
        Check that the list may still be taken into use at *at*.

        Raises:
            ListRefusedError: Its exp has passed.
        """
        if at >= self.exp:
            raise ListRefusedError(f"the CA list expired at {self.exp:%FT%TZ}")

    def require_not_older(self, held: "TrustList") -> None:
        """
        Check that the list does not go back behind *held*; the same sequence again is fine.

        Raises:
            ListRefusedError: Its sequence is lower.
        """
        if self.sequence < held.sequence:
            raise ListRefusedError(f"the CA list's sequence fell from {held.sequence} to {self.sequence}")

    def __repr__(self) -> str:
        return f"<TrustList {self.sequence} until {self.exp:%FT%TZ} with {len(self.anchors)} roots>"


def _token(data: bytes) -> str:
    if len(data) > limits.ANCHORS_BYTES:
        raise TrustListError(f"the CA list is over {limits.ANCHORS_BYTES} bytes")
    data = data.strip()
    if data.startswith(b"{"):
        wrapped = strictjson.loads(data, max_bytes=limits.ANCHORS_BYTES).get("caList")
        if not isinstance(wrapped, str):
            raise TrustListError("the JSON object has no caList")
        return wrapped
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise TrustListError("the CA list is not ASCII") from error


def _require_header(header: Mapping[str, object]) -> None:
    if header.get("alg") != jws.ALGORITHM:
        raise TrustListError(f"the CA list's alg is not {jws.ALGORITHM}")
    if "crit" in header:
        raise TrustListError("the CA list's header has crit, and none of its extensions is handled")
    if ("x5u" in header) == ("x5c" in header):
        raise TrustListError("the CA list's header does not name its signer by either x5u or x5c")


def _embedded(x5c: object) -> Chain | None:
    """Read x5c: base64, not base64url, of DER, the signer first (RFC 7515, section 4.1.6)."""
    if x5c is None:
        return None
    if not isinstance(x5c, list) or not 1 <= len(x5c) <= limits.CHAIN_CERTIFICATES:
        raise TrustListError("the CA list's x5c is not a short array of certificates")
    try:
        signer, *others = (Certificate.from_der(base64.b64decode(each, validate=True)) for each in x5c)
    except (TypeError, ValueError) as error:
        raise TrustListError("the CA list's x5c is not base64") from error
    return Chain(signer, tuple(others))


def _roots(entries: object) -> tuple[TrustAnchors, tuple[str, ...]]:
    if not isinstance(entries, list):
        raise TrustListError("the CA list has no trustList array")
    found: list[Certificate] = []
    complaints: list[str] = []
    for number, entry in enumerate(entries, 1):
        readable, bad = _read(entry)
        found += readable
        complaints += [f"root {number}: {complaint}" for complaint in bad]
    anchors = TrustAnchors(found)
    complaints += [f"root {one.fingerprint[:16]}: it may not issue certificates" for one in anchors.refused]
    if not len(anchors):
        raise TrustListError("the CA list has no usable root")
    return anchors, tuple(complaints)


def _read(entry: object) -> tuple[Sequence[Certificate], Sequence[str]]:
    if not isinstance(entry, str):
        return (), ("it is not text",)
    found, complaints = load_certificates(entry.encode())
    return found, complaints if found or complaints else ("it is not a PEM certificate",)


def _integer(payload: Mapping[str, object], name: str) -> int:
    """Read a count or instant; a string of digits will do."""
    value = payload.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < limits.URI_CHARACTERS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise TrustListError(f"the CA list's {name} is not a whole number")


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TrustListError("the CA list's x5u is not text")
    return value
