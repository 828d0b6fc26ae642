"""Puts a verification service together from what an operator configured; server and client both start here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from ssl import SSLError
from typing import Final
from urllib.parse import urlsplit

from stir import limits
from stir.aio.certificates import CertificateCache
from stir.aio.clock import Clock
from stir.aio.configuration import CertificateSettings, SettingsError, TrustSettings
from stir.aio.fetch import HttpsFetcher
from stir.aio.references import ReferencedLists
from stir.aio.refresh import Observer
from stir.aio.trust import LiveTrust, TrustMaterial
from stir.aio.verification import VerificationService
from stir.errors import CertificateFormatError, NoTrustError
from stir.policy import Freshness, Policy
from stir.verify import Verifier
from stir.x5u import X5uPolicy

_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class Service:
    """A verification service that runs, and its parts for whoever watches over it."""

    verification: VerificationService
    trust: LiveTrust
    certificates: CertificateCache
    fetchers: tuple[HttpsFetcher, ...] = ()

    async def reload_tls(self) -> None:
        """
        Read the CAs of the repositories' HTTPS again.

        Raises:
            SettingsError: Their file cannot be used; those read before stay.
        """
        try:
            for fetcher in self.fetchers:
                await asyncio.to_thread(fetcher.reload)
        except (OSError, SSLError) as error:
            raise _unusable(error) from error


@asynccontextmanager
async def open_service(
    trust: TrustSettings,
    certificates: CertificateSettings,
    *,
    clock: Clock,
    freshness: timedelta = limits.FRESHNESS,
    observe: Observer | None = None,
) -> AsyncIterator[Service]:
    """
    Run a verification service: trust that keeps itself fresh, and a certificate cache that fetches.

    Args:
        trust: Whom to trust.
        certificates: From where certificates may be fetched.
        clock: The time.
        freshness: How far a PASSporT's iat may lie from now.
        observe: Told after each try to read the CA list or the CRL.

    Raises:
        SettingsError: A file that the settings name cannot be used.
    """
    policy = X5uPolicy(frozenset(certificates.allow_ports), certificates.allow_networks)
    lists = replace(policy, ports=_ports(trust.ca_list_url, trust.crl_url).union(certificates.allow_ports))
    try:
        repositories = HttpsFetcher(policy, tls_ca_file=certificates.tls_ca_file)
        administrator = HttpsFetcher(lists, tls_ca_file=certificates.tls_ca_file, timeout=limits.LIST_FETCH_SECONDS)
    except (OSError, SSLError) as error:
        raise _unusable(error) from error
    live = LiveTrust(
        administrator,
        clock,
        partial(TrustMaterial.from_files, trust.anchors, trust.sti_pa_anchors),
        ca_list_url=trust.ca_list_url,
        crl_url=trust.crl_url,
        fail_closed=trust.fail_closed,
        observe=observe,
    )
    cache = CertificateCache(repositories, clock=clock)
    chains = ReferencedLists(cache, repositories) if certificates.tn_auth_list_references else cache
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(repositories)
        await stack.enter_async_context(administrator)
        stack.push_async_callback(cache.close)
        stack.push_async_callback(live.close)
        try:
            await live.start()
        except (NoTrustError, CertificateFormatError) as error:
            raise SettingsError(f"trust.anchors and trust.sti_pa_anchors: {error.detail}") from error
        verifier = Verifier(Policy(Freshness(freshness)), policy)
        yield Service(VerificationService(verifier, chains, live, clock), live, cache, (repositories, administrator))


def _unusable(error: OSError) -> SettingsError:
    return SettingsError(f"certificates.tls_ca_file cannot be used: {error.strerror or error}")


def _ports(*urls: str | None) -> frozenset[int]:
    """Return the ports of the lists' own URLs, which the operator chose and no stranger."""
    return frozenset(urlsplit(url).port or _HTTPS for url in urls if url)
