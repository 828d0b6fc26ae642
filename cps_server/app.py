"""The composition root: everything that varies comes in here, and tests and production build the same object."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from time import monotonic_ns

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from cps_server import keys, limits, readings
from cps_server.api import certificates, description, health, passports
from cps_server.api.admission import admission
from cps_server.api.clients import Clients
from cps_server.api.middleware import problem_documents, surroundings
from cps_server.audit import AuditLog
from cps_server.auth import Authoriser
from cps_server.federation.peers import NO_MESH, Mesh
from cps_server.federation.receive import Receiver
from cps_server.federation.republish import Republisher
from cps_server.gate import Gate, Rates
from cps_server.health import Health
from cps_server.metrics import Metrics
from cps_server.partners import Partners
from cps_server.publish import Publisher
from cps_server.ratelimit import Budget, Rate
from cps_server.repository import Repository
from cps_server.retrieve import Retriever
from cps_server.screening import Check, Screening
from cps_server.settings import Settings
from cps_server.store.base import PassportStore
from stir.aio.clock import Clock, SystemClock
from stir.aio.verification import TrustSource, VerificationService
from stir.errors import StoreError

log = structlog.get_logger()


def build_app(
    settings: Settings,
    *,
    store: PassportStore,
    verification: VerificationService,
    trust: TrustSource,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    mesh: Mesh = NO_MESH,
    mesh_tls: ssl.SSLContext | None = None,
    partners: Partners | None = None,
    audit: AuditLog | None = None,
    repository: Repository | None = None,
    now: Callable[[], int] = monotonic_ns,
) -> web.Application:
    """
    Return the CPS's public application.

    Args:
        settings: What the operator decided.
        store: Where PASSporTs are kept; the application closes it.
        verification: Checks tokens and PASSporTs, with certificates from wherever it gets them.
        trust: What is trusted at present.
        clock: The time.
        metrics: Where numbers about it go.
        mesh: The other CPSs, which republish here and are republished to.
        mesh_tls: How the peers' certificates are checked; None: as the system does.
        partners: Who may do what; None: everyone with a valid STI certificate everything.
        audit: Where it is recorded; the application closes it.
        repository: The operator's own certificate chains; None: none are served.
        now: The steady clock of the rate limits, in nanoseconds.
    """
    clock = clock or SystemClock()
    app = web.Application(
        middlewares=[surroundings(_door(settings, now))],
        client_max_size=limits.REQUEST_BYTES,
    )
    authoriser = Authoriser(
        verification, hostname=settings.hostname, freshness=timedelta(seconds=settings.freshness), clock=clock
    )
    screening = Screening(Check(settings.verify_passports), verification, clock)
    retention = timedelta(seconds=settings.store.retention)
    app[keys.partners] = partners = partners or Partners()
    app[keys.audit] = audit = audit or AuditLog(None, None, clock)
    gate = Gate(authoriser, partners, Rates(_spc_rate(settings), now), audit)
    app[keys.store] = store
    app[keys.authoriser] = authoriser
    app[keys.screening] = screening
    app[keys.republisher] = republisher = Republisher(mesh, clock, tls=mesh_tls)
    app[keys.publisher] = Publisher(
        store, authoriser, screening, gate=gate, retention=retention, clock=clock, announce=republisher.announce
    )
    app[keys.receiver] = Receiver(mesh, store, authoriser, screening, gate=gate, retention=retention, clock=clock)
    app[keys.retriever] = Retriever(store, authoriser, gate=gate, clock=clock)
    app[keys.health] = Health(store, trust)
    app[keys.repository] = repository or Repository()
    app[keys.metrics] = metrics = metrics or Metrics()
    metrics.add(*readings.of_calls(app[keys.publisher], app[keys.retriever], screening))
    app.cleanup_ctx.append(partial(_store_context, store=store, clock=clock))
    metrics.add(*readings.of_admission(gate, partners, audit))
    metrics.add(*readings.of_mesh(republisher))
    app.cleanup_ctx.append(partial(_admission_context, partners=partners, audit=audit))
    app.cleanup_ctx.append(partial(_mesh_context, republisher=republisher))
    app.add_routes([*passports.routes, *health.routes, *description.routes, *certificates.routes])
    return app


def _door(settings: Settings, now: Callable[[], int]) -> Middleware:
    return admission(problem_documents(), Clients(settings.trusted_proxies), _address_budget(settings), now)


def _address_budget(settings: Settings) -> Budget | None:
    limit = settings.limits
    if not limit.address_rate:
        return None
    return Budget(Rate(limit.address_rate, limit.address_burst), limits.RATED_ADDRESSES)


def _spc_rate(settings: Settings) -> Rate | None:
    limit = settings.limits
    return Rate(limit.spc_rate, limit.spc_burst) if limit.spc_rate else None


async def _admission_context(app: web.Application, *, partners: Partners, audit: AuditLog) -> AsyncIterator[None]:
    """Keep up with the partners' file and write the audit log while the application runs."""
    del app
    watching = asyncio.create_task(partners.watch(), name="partners")
    audit.start()
    yield
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await audit.close()


async def _store_context(app: web.Application, *, store: PassportStore, clock: Clock) -> AsyncIterator[None]:
    """Drop what expires while the application runs, and close the store after it."""
    del app
    reclaiming = asyncio.create_task(_reclaim(store, clock))
    yield
    reclaiming.cancel()
    with suppress(asyncio.CancelledError):
        await reclaiming
    await store.close()


async def _mesh_context(app: web.Application, *, republisher: Republisher) -> AsyncIterator[None]:
    """Send publishes on to the peers while the application runs."""
    del app
    async with republisher:
        yield


async def _reclaim(store: PassportStore, clock: Clock) -> None:
    while True:
        await asyncio.sleep(limits.RECLAIM_SECONDS)
        try:
            while await store.reclaim(clock.now()):  # noqa: ASYNC110 - nothing is waited for; others get a turn
                await asyncio.sleep(0)
        except StoreError as error:
            log.error("reclaim_failed", detail=error.detail)
