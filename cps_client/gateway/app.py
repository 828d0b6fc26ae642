"""The composition root of the HTTP faces: tests and production build the same object."""

from typing import Final

from aiohttp import web

from cps_client.gateway import answers, keys, limits, native, operations, plain, stirapi
from cps_client.gateway.calls import Budgets, Calls
from cps_client.gateway.faces import Face, Faces
from cps_client.gateway.guard import Guard
from cps_client.gateway.metrics import Metrics
from cps_client.gateway.middleware import served
from cps_client.gateway.readiness import Readiness
from cps_client.origination import Originates
from cps_client.settings import ClientSettings
from cps_client.termination import Terminates
from stir.aio.clock import Clock, SystemClock
from stir.aio.server import Manner, ManneredRunner
from stir.verdict import Source

_GENERATION_2: Final = 2


def build_app(
    settings: ClientSettings,
    *,
    originates: Originates,
    terminates: Terminates,
    readiness: Readiness | None = None,
    metrics: Metrics | None = None,
    guard: Guard | None = None,
    clock: Clock | None = None,
) -> web.Application:
    """
    Return the sidecar's application.

    Args:
        settings: What the operator decided.
        originates: Handles calls that go out.
        terminates: Handles calls that come in.
        readiness: Whether calls should be sent here.
        metrics: Where numbers about it go.
        guard: Who may ask.
        clock: The time, by which requests are fresh.

    Raises:
        SettingsError: Others than this machine would reach it, without a token.
    """
    metrics = metrics or Metrics(trunk.name for trunk in settings.trunks)
    guard = guard or Guard.of(settings.gateway)
    app = web.Application(middlewares=[served(guard)], client_max_size=limits.REQUEST_BYTES)
    app[keys.metrics] = metrics
    app[keys.readiness] = readiness or Readiness()
    app[keys.calls] = Calls(
        originates,
        terminates,
        budgets=Budgets(settings.publish_budget, settings.retrieve_budget),
        most=settings.gateway.calls,
        metrics=metrics,
        source=Source.OOB_V2 if settings.generation == _GENERATION_2 else Source.OOB_V1,
    )
    stir = stirapi.StirApi(settings, clock or SystemClock())
    app[keys.faces] = Faces(
        Face(native.FACE, answers.problem_of, r"/v1/(publish|retrieve)$"),
        Face(stirapi.FACE, stir.refuse, r"(/trunks/[^/]*)?/(stir|v1)(/|$)"),
        Face(plain.FACE, plain.refuse, r"/plain(/|$)"),
    )
    app.add_routes([*native.routes, *stir.routes(), *plain.routes, *operations.routes])
    return app


def runner_of(app: web.Application, settings: ClientSettings) -> ManneredRunner:
    """Return what serves *app*, with this side's bounds."""
    manner = Manner(
        malformed=answers.malformed,
        internal=answers.internal,
        header_line_bytes=limits.HEADER_LINE_BYTES,
        header_seconds=lambda: limits.HEADER_SECONDS,
        lingering_seconds=limits.LINGERING_SECONDS,
        keepalive_seconds=limits.KEEPALIVE_SECONDS,
        drain_seconds=settings.gateway.drain,
    )
    return ManneredRunner(app, manner)
