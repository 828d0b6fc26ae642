"""The policy administrator's indirect CRL, written by hand (RFC 5280, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from stir.testing import der
from stir.testing.certificates import Credential, pem_block, sign_der
from stir.testing.clock import ManualClock

CRL_LIFETIME: Final = timedelta(days=1)
_ENUMERATED: Final = 0x0A


@dataclass(frozen=True)
class Entry:
    """One revoked certificate, as the list names it."""

    issuer: x509.Name | None
    """None leaves certificateIssuer out: the entry then inherits the issuer before it."""
    serial: int
    revoked_at: datetime
    reason: int | None = None
    extensions: tuple[bytes, ...] = ()
    """More entry extensions, as DER."""


@dataclass
class RevocationAuthority:
    """Keeps the list and signs it anew each time it is asked for."""

    clock: ManualClock
    signer: Credential
    url: str
    signer_url: str
    entries: list[Entry] = field(default_factory=list)
    lifetime: timedelta | None = CRL_LIFETIME
    """None leaves nextUpdate out."""
    this_update: datetime | None = None
    """None: now."""
    number: int = 1
    indirect: bool | None = True
    """None leaves IssuingDistributionPoint out."""
    sticky: bool = False
    """Name an issuer only where it differs from the entry before, as RFC 5280 allows."""
    issuer: x509.Name | None = None
    """None: the signer's subject."""
    extra_signer_urls: Sequence[str] = ()
    """More caIssuers than the true one."""
    extensions: tuple[bytes, ...] = ()
    """More list extensions, as DER."""

    def revoke(self, revoked: Credential, *, reason: int | None = None, at: datetime | None = None) -> None:
        """Put *revoked* on the list."""
        self.entries.append(Entry(revoked.issuer, revoked.serial, at or self.clock.now(), reason))
        self.number += 1

    def forgive(self, revoked: Credential) -> None:
        """Take *revoked* off the list again."""
        self.entries = [e for e in self.entries if (e.issuer, e.serial) != (revoked.issuer, revoked.serial)]
        self.number += 1

    def der(self) -> bytes:
        """Return the signed list as of now, in DER."""
        algorithm, _ = sign_der(self.signer.private_key, b"")
        to_be_signed = der.sequence(
            der.integer(1),
            algorithm,
            (self.issuer or self.signer.subject).public_bytes(),
            *self._times(),
            der.sequence(*self._entries()) if self.entries else b"",
            der.explicit(0, der.sequence(*self._extensions())),
        )
        algorithm, signature = sign_der(self.signer.private_key, to_be_signed)
        return der.sequence(to_be_signed, algorithm, der.bits(signature))

    def pem(self) -> bytes:
        """Return the signed list as of now, in PEM."""
        return pem_block(self.der(), "X509 CRL")

    def _times(self) -> list[bytes]:
        start = self.this_update or self.clock.now()
        return [der.time(start)] + ([der.time(start + self.lifetime)] if self.lifetime is not None else [])

    def _extensions(self) -> list[bytes]:
        made = [der.extension("2.5.29.20", der.integer(self.number)), self._authority_information()]
        if self.indirect is not None:
            made.append(der.extension("2.5.29.28", self._distribution_point(), critical=True))
        return [*made, *self.extensions]

    def _authority_information(self) -> bytes:
        method = der.oid("1.3.6.1.5.5.7.48.2")
        urls = (self.signer_url, *self.extra_signer_urls)
        accesses = (der.sequence(method, der.implicit(6, url.encode())) for url in urls)
        return der.extension("1.3.6.1.5.5.7.1.1", der.sequence(*accesses))

    def _distribution_point(self) -> bytes:
        full_name = der.explicit(0, der.explicit(0, der.implicit(6, self.url.encode())))
        return der.sequence(full_name, der.implicit(4, b"\xff") if self.indirect else b"")

    def _entries(self) -> list[bytes]:
        made, before = [], None
        for entry in self.entries:
            repeated = self.sticky and entry.issuer == before
            made.append(_entry(entry, None if repeated else entry.issuer))
            before = entry.issuer
        return made


def _entry(entry: Entry, issuer: x509.Name | None) -> bytes:
    extensions = list(entry.extensions)
    if entry.reason is not None:
        extensions.append(der.extension("2.5.29.21", der.tlv(_ENUMERATED, bytes([entry.reason]))))
    if issuer is not None:
        names = der.sequence(der.explicit(4, issuer.public_bytes()))
        extensions.append(der.extension("2.5.29.29", names, critical=True))
    return der.sequence(
        der.integer(entry.serial), der.time(entry.revoked_at), der.sequence(*extensions) if extensions else b""
    )
