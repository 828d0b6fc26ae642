"""Starting and stopping: what can be found wrong is found before the first call, and calls in flight are finished."""

import asyncio
from contextlib import AsyncExitStack

import structlog
from aiohttp import web

from cps_client.gateway import keys
from cps_client.gateway.app import build_app, runner_of
from cps_client.gateway.composition import open_logic
from cps_client.gateway.guard import Guard
from cps_client.gateway.sip.server import serve_sip
from cps_client.routes import Routes
from cps_client.settings import ClientSettings, load
from stir.aio.lifetime import managed, until_signal
from stir.aio.listeners import listeners, named
from stir.aio.logs import Lines
from stir.aio.notify import Notifier
from stir.aio.reload import Reloader

log = structlog.get_logger()

_FACES = (
    "/v1/publish",
    "/v1/retrieve",
    "/stir/v1/signing",
    "/stir/v1/verification",
    "/plain/publish",
    "/plain/retrieve",
)


async def serve(settings: ClientSettings, *, lines: Lines | None = None) -> None:
    """
    Run the sidecar until SIGTERM or SIGINT, then let calls in flight finish.

    Raises:
        SettingsError: It cannot start with these settings.
        CredentialError: The private key cannot be used.
    """
    gateway = settings.gateway
    guard = Guard.of(gateway)
    notifier = Notifier.from_environment()
    stopped = until_signal()
    async with AsyncExitStack() as stack:
        sockets = stack.enter_context(listeners("CPS_CLIENT_GATEWAY__LISTEN", gateway.address))
        logic = await stack.enter_async_context(open_logic(settings))
        app = build_app(
            settings,
            originates=logic.originates,
            terminates=logic.terminates,
            readiness=logic.readiness,
            guard=guard,
        )
        runner = runner_of(app, settings)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        for one in sockets:
            await web.SockSite(runner, one).start()
        sip = await stack.enter_async_context(serve_sip(gateway.sip, app[keys.calls], Routes.of(settings)))
        for collector in (sip.counts, logic.readings):
            app[keys.metrics].registry.register(collector)
        reloader = Reloader()
        reloader.add("settings", _LiveSettings(settings, guard, lines).reload)
        reloader.add("trust", logic.reload)
        await stack.enter_async_context(managed(notifier, reloader.reload))
        _announce(settings, named(sockets))
        await stopped.wait()
        log.info("gateway_stopping", drain=gateway.drain)
        logic.readiness.draining = True
        sip.drain()
        notifier.stopping()
        await runner.cleanup()
    log.info("gateway_stopped")


def _announce(settings: ClientSettings, listen: list[str]) -> None:
    """Write down what runs, and loudly what is missing."""
    log.info("gateway_started", urls=[f"http://{one}" for one in listen], faces=_FACES, cps=settings.cps_urls)
    missing = {
        "publishing_off": (settings.cps_urls or settings.trunks, "no call is published", "CPS_CLIENT_CPS_URLS"),
        "credential_missing": (
            settings.spc and settings.x5u and settings.private_key,
            "no call is signed, published or retrieved",
            "CPS_CLIENT_SPC, CPS_CLIENT_X5U and CPS_CLIENT_PRIVATE_KEY",
        ),
        "verification_off": (
            settings.trust.anchors or settings.trust.ca_list_url,
            "no call is verified",
            "CPS_CLIENT_TRUST__ANCHORS or CPS_CLIENT_TRUST__CA_LIST_URL",
        ),
        "revocation_off": (settings.trust.crl_url, "revoked certificates are accepted", "CPS_CLIENT_TRUST__CRL_URL"),
    }
    for event, (is_there, consequence, setting) in missing.items():
        if not is_there:
            log.warning(event, consequence=consequence, remedy=f"set {setting}")


class _LiveSettings:
    """Of the settings, those that can change while the sidecar runs."""

    def __init__(self, settings: ClientSettings, guard: Guard, lines: Lines | None) -> None:
        self._config = settings.config
        self._guard = guard
        self._lines = lines

    async def reload(self) -> None:
        """
        Take the token and the level of the log anew.

        Raises:
            SettingsError: They cannot be used; nothing changes.
        """
        fresh = await asyncio.to_thread(load, self._config)
        self._guard.reload(fresh.gateway)
        if self._lines is not None:
            self._lines.set_level(fresh.gateway.log_level)
