"""What is trusted at present: anchors from a file or the signed CA list, and the CRL, kept up to date."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from stir import limits
from stir.aio.clock import Clock
from stir.aio.crl import CrlRefresher
from stir.aio.fetch import Fetcher
from stir.aio.refresh import ListStatus, Observer, Sleep
from stir.aio.trustlist import TrustListRefresher
from stir.certificate import load_certificates
from stir.errors import CertificateFormatError, NoTrustError
from stir.path import TrustAnchors
from stir.revocation import RevocationList
from stir.trust import Trust
from stir.trustlist import TrustList

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class TrustMaterial:
    """The roots that an operator configures."""

    anchors: TrustAnchors | None = None
    """STI-CA roots; None: those of the CA list only."""
    sti_pa_anchors: TrustAnchors | None = None
    """The policy administrator's own roots, for the signers of the CA list and the CRL."""
    complaints: tuple[str, ...] = ()
    """One sentence for each block of the files that cannot be used."""

    @classmethod
    def from_pem(cls, anchors: bytes | None = None, sti_pa_anchors: bytes | None = None) -> Self:
        """
        Read PEM files' contents; an unreadable root does not harm the others.

        Raises:
            CertificateFormatError: A file is too large or holds no usable root.
        """
        roots, bad = _roots("STI-CA", anchors)
        own, worse = _roots("STI-PA", sti_pa_anchors)
        return cls(roots, own, (*bad, *worse))

    @classmethod
    def from_files(cls, anchors: Path | None = None, sti_pa_anchors: Path | None = None) -> Self:
        """
        Read PEM files.

        Raises:
            NoTrustError: A file cannot be read.
            CertificateFormatError: A file is too large or holds no usable root.
        """
        return cls.from_pem(_content(anchors), _content(sti_pa_anchors))


@dataclass(frozen=True)
class TrustStatus:
    """How the trust material is doing, as data for health, metrics and logs."""

    anchors: int
    """STI-CA roots in force."""
    ca_list: ListStatus | None
    """None: not configured."""
    crl: ListStatus | None
    """None: not configured; nothing is known to be revoked."""
    revocation_known: bool
    """Whether a CRL is held that is not long overdue."""
    revocation_age: timedelta | None
    """How long ago the CRL that is held was issued; None without one."""
    refreshing: bool
    """Whether every background task is alive."""
    unchecked: int
    """How often trust was asked for while a CRL was configured and revocation not known."""
    complaints: tuple[str, ...]
    """Configured certificates that cannot be used."""


class LiveTrust:
    """
    The one place that a server asks what is trusted now.

    While the CRL cannot be had, or is overdue for longer than ``limits.CRL_GRACE``, verification goes on with
    the last one or none (fail open): each question is counted, and signers are marked as of unknown revocation.
    *fail_closed* answers NoTrustError instead.

    Args:
        fetcher: Reads the lists, within bounds and policy of its own.
        clock: Tells the time.
        material: Reads the configured roots; called at start and by :meth:`reload`, in a thread.
        ca_list_url: Where the STI-PA's signed CA list is, if it is used.
        ca_list_headers: More request header fields for it.
        crl_url: Where the CRL is; None: revocation is off.
        fail_closed: Trust nobody while revocation is not known.
        sleep: Waits some seconds; tests move their clock in it.
        observe: Told after each try to read a list.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        clock: Clock,
        material: Callable[[], TrustMaterial],
        *,
        ca_list_url: str | None = None,
        ca_list_headers: Mapping[str, str] = _NO_HEADERS,
        crl_url: str | None = None,
        fail_closed: bool = False,
        sleep: Sleep = asyncio.sleep,
        observe: Observer | None = None,
    ) -> None:
        nothing = TrustAnchors()
        self._clock = clock
        self._read = material
        self._material = TrustMaterial()
        self._fail_closed = fail_closed
        self._unchecked = 0
        self._trust = Trust(nothing)
        self._joined: tuple[TrustAnchors | None, TrustList, TrustAnchors] | None = None
        """Configured roots, CA list, and the roots of both: every call asks for them, and they rarely change."""
        self._ca_list = (
            TrustListRefresher(
                fetcher, ca_list_url, nothing, clock, headers=ca_list_headers, sleep=sleep, observe=observe
            )
            if ca_list_url
            else None
        )
        self._crl = CrlRefresher(fetcher, crl_url, nothing, clock, sleep=sleep, observe=observe) if crl_url else None

    async def start(self) -> None:
        """
        Read the configured roots and, once, the lists; then keep the lists fresh in the background.

        A list that cannot be had is no error here: :meth:`current` and :attr:`status` tell.

        Raises:
            NoTrustError: A file of roots cannot be read.
            CertificateFormatError: A file of roots holds none that can be used.
        """
        await self._take_material()
        await asyncio.gather(*(each.start() for each in self._lists))

    async def reload(self) -> None:
        """
        Read the configured roots and the lists again, now.

        Raises:
            NoTrustError: A file of roots cannot be read; what was in force stays.
            CertificateFormatError: A file of roots holds none that can be used; what was in force stays.
        """
        await self._take_material()
        await asyncio.gather(*(each.refresh() for each in self._lists))

    async def close(self) -> None:
        """Stop the background tasks."""
        await asyncio.gather(*(each.close() for each in self._lists))

    def current(self) -> Trust:
        """
        Return what is trusted now; the same object as long as nothing changes.

        Raises:
            NoTrustError: No root is known, or revocation is not and *fail_closed* is set.
        """
        anchors = self._anchors()
        if not len(anchors):
            raise NoTrustError("no trusted STI-CA root is known: neither configured nor in a current CA list")
        wanted = self._crl is not None
        if wanted and not self._revocation_known:
            self._unchecked += 1
            if self._fail_closed:
                raise NoTrustError("revocation is not known: no current CRL could be read")
        revocation = self._revocation
        if self._trust.anchors is not anchors or self._trust.revocation is not revocation:
            self._trust = Trust(anchors, revocation, revocation_wanted=wanted)
        return self._trust

    @property
    def status(self) -> TrustStatus:
        """How the trust material is doing."""
        held = self._revocation
        return TrustStatus(
            anchors=len(self._anchors()),
            ca_list=self._ca_list.status if self._ca_list else None,
            crl=self._crl.status if self._crl else None,
            revocation_known=self._revocation_known,
            revocation_age=None if held is None else self._clock.now() - held.this_update,
            refreshing=all(each.is_running for each in self._lists),
            unchecked=self._unchecked,
            complaints=self._material.complaints,
        )

    @property
    def _lists(self) -> list[TrustListRefresher | CrlRefresher]:
        return [each for each in (self._ca_list, self._crl) if each is not None]

    @property
    def _revocation(self) -> RevocationList | None:
        return self._crl.held if self._crl is not None else None

    @property
    def _revocation_known(self) -> bool:
        held = self._revocation
        return held is not None and not held.is_overdue(self._clock.now() - limits.CRL_GRACE)

    async def _take_material(self) -> None:
        """Read the configured roots; nothing changes unless all of them can be."""
        self._material = await asyncio.to_thread(self._read)
        own = self._material.sti_pa_anchors
        if self._ca_list is not None:
            self._ca_list.rebase(own or TrustAnchors())
        if self._crl is not None:
            self._crl.rebase(own or self._material.anchors or TrustAnchors(), direct_only=own is None)

    def _anchors(self) -> TrustAnchors:
        """Return the configured roots and those of the CA list; the same object while they are the same."""
        configured = self._material.anchors
        listed = self._ca_list.held if self._ca_list is not None else None
        if listed is None or self._clock.now() > listed.exp + limits.LIST_GRACE:
            return configured or TrustAnchors()
        if self._joined is None or self._joined[0] is not configured or self._joined[1] is not listed:
            own = configured.certificates if configured is not None else ()
            wanted = tuple(dict.fromkeys((*own, *listed.anchors.certificates)))
            held = self._trust.anchors
            self._joined = configured, listed, held if held.certificates == wanted else TrustAnchors(wanted)
        return self._joined[2]


class FixedTrust:
    """A trust that never changes: for commands that work on files, and for tests."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def current(self) -> Trust:
        """Return it."""
        return self._trust


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(limits.ANCHORS_BYTES + 1)
    except OSError as error:
        raise NoTrustError(f"the file of roots {path} cannot be read: {error.strerror}") from error


def _roots(whose: str, pem: bytes | None) -> tuple[TrustAnchors | None, list[str]]:
    if pem is None:
        return None, []
    found, complaints = load_certificates(pem)
    anchors = TrustAnchors(found)
    if not len(anchors):
        raise CertificateFormatError(f"the file of {whose} roots holds no usable root")
    return anchors, [f"{whose} {complaint}" for complaint in complaints]
