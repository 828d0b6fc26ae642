"""The connections of this server: their bounds, and problem documents for what is no request."""

from typing import Any, Final

from aiohttp import web

from cps_server import limits
from cps_server.api import answers
from stir.aio.server import Manner, ManneredRunner

_MANNER: Final = Manner(
    malformed=answers.malformed,
    internal=answers.internal,
    header_line_bytes=limits.HEADER_LINE_BYTES,
    header_seconds=lambda: limits.HEADER_SECONDS,
    lingering_seconds=limits.LINGERING_SECONDS,
    keepalive_seconds=limits.KEEPALIVE_SECONDS,
    drain_seconds=limits.DRAIN_SECONDS,
)


class Runner(ManneredRunner):
    """Runs an application of this server."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(app, _MANNER, **options)
