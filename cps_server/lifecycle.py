"""Starting and stopping: everything that can be found wrong is found before the first request."""

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager

import structlog

from cps_server import mesh
from cps_server.admin.app import build_admin
from cps_server.admin.node import Node
from cps_server.api.connection import Runner
from cps_server.partners import PartnerFileError, Partners
from cps_server.repository import Repository, RepositoryError
from cps_server.serving import listening, serving
from cps_server.settings import Settings
from stir.aio.configuration import SettingsError
from stir.aio.lifetime import managed, until_signal
from stir.aio.listeners import listeners, named
from stir.aio.logs import Lines
from stir.aio.notify import Notifier
from stir.aio.trust import TrustMaterial
from stir.errors import CertificateFormatError, NoTrustError

log = structlog.get_logger()


def check(settings: Settings) -> None:
    """
    Check what can be checked without starting anything.

    Raises:
        SettingsError: A setting is missing, or does not go with another.
    """
    trust = settings.trust
    if trust.anchors is None and trust.ca_list_url is None:
        raise SettingsError(
            "nobody is trusted: set CPS_TRUST__ANCHORS to a PEM file of STI-CA roots, "
            "or CPS_TRUST__CA_LIST_URL to the policy administrator's list"
        )
    _check_files(settings)
    if settings.workers > 1 and settings.store.url == "memory://":
        raise SettingsError(
            "CPS_WORKERS: several workers cannot share memory://; "
            "set CPS_STORE__URL to sqlite:///… or a Valkey, or CPS_WORKERS to 1"
        )


def _check_files(settings: Settings) -> None:
    """Read the files that the settings name, as the start will."""
    trust, repository = settings.trust, Repository(settings.repository.directory)
    try:
        Partners.open(settings.partners.file)
        repository.load()
        TrustMaterial.from_files(trust.anchors, trust.sti_pa_anchors)
        ssl.create_default_context(cafile=settings.certificates.tls_ca_file)
    except (NoTrustError, CertificateFormatError) as error:
        raise SettingsError(f"CPS_TRUST__ANCHORS and CPS_TRUST__STI_PA_ANCHORS: {error.detail}") from error
    except OSError as error:
        raise SettingsError(f"CPS_CERTIFICATES__TLS_CA_FILE cannot be used: {error.strerror or error}") from error
    except PartnerFileError as error:
        raise SettingsError(f"CPS_PARTNERS__FILE: {error.detail}") from error
    except RepositoryError as error:
        raise SettingsError(f"CPS_REPOSITORY__DIRECTORY: {error.detail}") from error
    mesh.load(settings.mesh)


async def serve(settings: Settings, *, lines: Lines | None = None) -> None:
    """
    Run the CPS in this process until SIGTERM or SIGINT, then let requests in flight finish.

    Raises:
        SettingsError: It cannot start with these settings.
    """
    check(settings)
    notifier = Notifier.from_environment()
    stopped = until_signal()
    async with AsyncExitStack() as stack:
        sockets = stack.enter_context(listeners("CPS_LISTEN", settings.listen))
        cps = await stack.enter_async_context(serving(settings, sockets, lines=lines))
        await stack.enter_async_context(administered(settings, cps))
        await stack.enter_async_context(managed(notifier, cps.reloader.reload))
        announce(settings, listen=named(sockets))
        await stopped.wait()
        log.info("cps_stopping", lame_duck=settings.drain.lame_duck)
        notifier.stopping()
        await cps.drain(settings.drain.lame_duck)
    log.info("cps_stopped")


@asynccontextmanager
async def administered(settings: Settings, node: Node) -> AsyncIterator[None]:
    """
    Answer for *node* on the admin listener.

    Where nobody set its address and another server has the default one, this one goes on without: calls come first.

    Raises:
        SettingsError: It cannot listen where it was told to.
    """
    with _admin_listeners(settings) as sockets:
        runner = Runner(build_admin(node))
        await runner.setup()
        try:
            await listening(runner, sockets)
            log.info("admin_started", listen=named(sockets))
            yield
        finally:
            await runner.cleanup()


@contextmanager
def _admin_listeners(settings: Settings) -> Iterator[tuple[socket.socket, ...]]:
    with ExitStack() as stack:
        try:
            sockets = stack.enter_context(listeners("CPS_ADMIN_LISTEN", settings.admin_listen))
        except SettingsError as error:
            if settings.origin("CPS_ADMIN_LISTEN") != "default":
                raise
            log.error("admin_unavailable", detail=error.detail, remedy="set CPS_ADMIN_LISTEN to an address of its own")
            sockets = ()
        yield sockets


def announce(settings: Settings, *, listen: list[str]) -> None:
    """Write down what runs, and loudly what is missing."""
    log.info(
        "cps_started",
        listen=listen,
        hostname=settings.hostname,
        store=settings.store.url.partition(":")[0],
        workers=settings.workers,
    )
    if settings.trust.crl_url is None:
        log.warning("revocation_off", consequence="revoked certificates are accepted", remedy="set CPS_TRUST__CRL_URL")
