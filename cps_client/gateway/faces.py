"""The faces that the sidecar has towards gateways, told apart by path."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from cps_client.gateway import answers, native
from cps_client.gateway.errors import RequestError


@dataclass(frozen=True, slots=True)
class Face:
    """One way of speaking with gateways."""

    name: str
    """For logs and metrics."""
    refuse: Callable[[web.Request, RequestError], web.Response]
    """Makes the answer to a request that is a mistake."""


def _problem(_: web.Request, error: RequestError) -> web.Response:
    return answers.problem(error)


_FACES: Final = ((re.compile(r"/v1(/|$)"), Face(native.FACE, _problem)),)
_OTHER: Final = Face("other", _problem)


def face_of(path: str) -> Face:
    """Return the face at *path*, which need not have anything there."""
    return next((face for pattern, face in _FACES if pattern.match(path)), _OTHER)
