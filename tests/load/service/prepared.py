"""Requests as bytes: signed beforehand, each with numbers and a jti of its own, and fresh."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Final, Literal

from cps_client.lab.loopback import HOST
from stir.testing import ServiceProvider

ORIG: Final = "12155550100"
FIRST_DEST: Final = 12_150_000_000
EXP_SECONDS: Final = 60
"""How long a second-generation publish lives, in seconds: the most there is."""


@dataclass(frozen=True)
class Kind:
    """What is asked."""

    generation: Literal[1, 2] = 1
    passports: int = 1


@dataclass(frozen=True)
class Published:
    """A publish, and by whom and for whom it is: what its retrieve needs to know."""

    data: bytes = field(repr=False)
    provider: ServiceProvider
    dest: str


class Maker:
    """Makes requests of *providers* in turns; each publish is for a number of its own."""

    def __init__(self, providers: Sequence[ServiceProvider]) -> None:
        self._providers = cycle(providers)
        self._numbers = count(FIRST_DEST)

    def publishes(self, kind: Kind, number: int) -> list[Published]:
        """Return *number* publishes."""
        return [self._publish(kind, next(self._providers), str(next(self._numbers))) for _ in range(number)]

    @staticmethod
    def retrieves(kind: Kind, published: Sequence[Published]) -> list[bytes]:
        """Return a retrieve of each of *published*, by its publisher."""
        return [_retrieve(kind, each.provider, each.dest) for each in published]

    @staticmethod
    def _publish(kind: Kind, provider: ServiceProvider, dest: str) -> Published:
        passports = [provider.passport(orig=ORIG, dest=dest) for _ in range(kind.passports)]
        exp = None if kind.generation == 1 else provider.clock.timestamp() + EXP_SECONDS
        token = provider.request_token(
            "publish", orig=ORIG, dest=dest, aud=HOST, passports=passports, generation=kind.generation, exp=exp
        )
        body = json.dumps({"passports": passports}, separators=(",", ":")).encode()
        return Published(_request("POST", _path(kind, provider, dest), token, body), provider, dest)


def _retrieve(kind: Kind, provider: ServiceProvider, dest: str) -> bytes:
    token = provider.request_token("retrieve", orig=ORIG, dest=dest, aud=HOST, generation=kind.generation)
    return _request("GET", _path(kind, provider, dest), token, b"")


def _path(kind: Kind, provider: ServiceProvider, dest: str) -> str:
    return f"/passports/{dest}/{ORIG}" if kind.generation == 1 else f"/passports/{provider.spc}/{dest}/{ORIG}"


def _request(method: str, path: str, token: str, body: bytes) -> bytes:
    """Return the bytes of a request, with the header fields that a proxy sends on."""
    fields = [
        f"{method} {path} HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Bearer {token}",
        "Accept: application/json",
    ]
    if body:
        fields += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*fields, "", ""]).encode() + body
