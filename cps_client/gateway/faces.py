"""The faces that the sidecar has towards gateways, told apart by path."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from cps_client.gateway import answers
from cps_client.gateway.errors import RequestError


@dataclass(frozen=True, slots=True)
class Face:
    """One way of speaking with gateways."""

    name: str
    """For logs and metrics."""
    refuse: Callable[[web.Request, RequestError], web.Response]
    """Makes the answer to a request that is a mistake."""
    paths: str
    """A pattern of how its paths begin."""


_OTHER: Final = Face("other", answers.problem_of, "/")


class Faces:
    """All faces; the first whose pattern fits has a path."""

    def __init__(self, *faces: Face) -> None:
        self._faces = tuple((re.compile(face.paths), face) for face in (*faces, _OTHER))

    def at(self, path: str) -> Face:
        """Return the face at *path*, which need not have anything there."""
        return next((face for pattern, face in self._faces if pattern.match(path)), _OTHER)
