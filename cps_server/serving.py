"""A CPS in this process: its parts put together, its listeners, and its orderly end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from prometheus_client.metrics_core import Metric

from cps_server import mesh, readings
from cps_server.admin.node import Readiness
from cps_server.api.connection import Runner
from cps_server.app import build_app
from cps_server.audit import AuditError, AuditLog
from cps_server.health import OK, Health
from cps_server.keys import health as health_key
from cps_server.metrics import Metrics
from cps_server.partners import PartnerFileError, Partners
from cps_server.reload import LiveSettings
from cps_server.repository import Repository, RepositoryError
from cps_server.settings import Settings
from cps_server.store import SealedStore, open_store
from cps_server.store.timed import TimedStore
from stir.aio.clock import Clock, SystemClock
from stir.aio.configuration import SettingsError
from stir.aio.logs import Lines
from stir.aio.refresh import ListStatus
from stir.aio.reload import Reloader
from stir.aio.service import open_service
from stir.errors import StoreError

log = structlog.get_logger()


@dataclass
class Serving:
    """A CPS that serves; what the admin listener asks, and what signals do."""

    health: Health
    metrics: Metrics
    runner: Runner
    reloader: Reloader
    worker: str

    async def readiness(self) -> Readiness:
        """Return whether new requests should be sent here."""
        return Readiness({**await self.health.checks(), "draining": "draining" if self.health.draining else OK})

    async def families(self) -> Sequence[Metric]:
        """Return all metrics as they are now."""
        return self.metrics.families(self.worker)

    async def drain(self, lame_duck: float) -> None:
        """Say that new requests should go elsewhere, go on for *lame_duck* seconds, then finish those in flight."""
        self.health.draining = True
        await asyncio.sleep(lame_duck)
        await self.runner.cleanup()


@asynccontextmanager
async def serving(
    settings: Settings, sockets: Iterable[socket.socket], *, lines: Lines | None = None, worker: str = "0"
) -> AsyncIterator[Serving]:
    """
    Serve on *sockets*.

    Args:
        settings: What the operator decided.
        sockets: They listen already.
        lines: Where the log goes, for metrics.
        worker: What this process is called in metrics.

    Raises:
        SettingsError: It cannot start with these settings.
    """
    clock, metrics, reloader = SystemClock(), Metrics(), Reloader()
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            open_service(settings.trust, settings.certificates, clock=clock, observe=_observe)
        )
        sealed = await _open_store(settings)
        kind = settings.store.url.partition(":")[0]
        store = TimedStore(sealed, metrics.stopwatch(kind))
        configured = mesh.load(settings.mesh)
        await mesh.check(configured.mesh, service.verification)
        partners, audit, repository = _partners(settings), _audit(settings, clock), _repository(settings)
        app = build_app(
            settings,
            store=store,
            verification=service.verification,
            trust=service.trust,
            clock=clock,
            metrics=metrics,
            mesh=configured.mesh,
            mesh_tls=configured.tls,
            partners=partners,
            audit=audit,
            repository=repository,
        )
        runner = Runner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        metrics.add(*readings.of_process(lines, runner.open_connections))
        metrics.add(*readings.of_certificates(service.certificates), *readings.of_trust(service.trust, clock))
        metrics.add(*readings.of_store(sealed))
        reloader.add("settings", LiveSettings(settings, lines).reload)
        reloader.add("tls", service.reload_tls)
        reloader.add("trust", service.trust.reload)
        reloader.add("partners", partners.reload)
        reloader.add("repository", repository.reload)
        await listening(runner, sockets)
        yield Serving(app[health_key], metrics, runner, reloader, worker)


async def listening(runner: web.BaseRunner, sockets: Iterable[socket.socket]) -> None:
    """Accept connections on *sockets*, which listen already."""
    for one in sockets:
        await web.SockSite(runner, one).start()


async def _open_store(settings: Settings) -> SealedStore:
    try:
        store = open_store(
            settings.store.url, secret_file=settings.store.secret_file, ca_file=settings.store.tls_ca_file
        )
    except StoreError as error:
        raise SettingsError(f"CPS_STORE__URL: {error.detail}") from error
    try:
        await store.check()
    except StoreError as error:
        await store.close()
        raise SettingsError(f"CPS_STORE__URL: {error.detail}") from error
    return store


def _partners(settings: Settings) -> Partners:
    try:
        return Partners.open(settings.partners.file)
    except PartnerFileError as error:
        raise SettingsError(f"CPS_PARTNERS__FILE: {error.detail}") from error


def _repository(settings: Settings) -> Repository:
    repository = Repository(settings.repository.directory)
    try:
        repository.load()
    except RepositoryError as error:
        raise SettingsError(f"CPS_REPOSITORY__DIRECTORY: {error.detail}") from error
    return repository


def _audit(settings: Settings, clock: Clock) -> AuditLog:
    audit = settings.audit
    try:
        return AuditLog.open(audit.file, audit.key_file, rotate_bytes=audit.rotate_bytes, clock=clock)
    except AuditError as error:
        raise SettingsError(f"CPS_AUDIT__FILE: {error.detail}") from error


def _observe(status: ListStatus) -> None:
    """Write down how a try to read the CA list or the CRL came out."""
    if status.last_error is not None:
        log.error(
            "trust_list_failed",
            list=status.name,
            error=status.last_error.code,
            detail=status.last_error.detail,
            failures=status.failures,
            held=status.edition is not None,
        )
    elif status.edition is not None:
        log.info(
            "trust_list_read", list=status.name, entries=status.edition.entries, complaints=status.edition.complaints
        )
