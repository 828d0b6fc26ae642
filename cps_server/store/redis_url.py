"""What the URL of a Valkey or Redis store says."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from stir.errors import StoreError

SCHEMES: Final = frozenset(
    f"{name}{cluster}" for name in ("redis", "rediss", "valkey", "valkeys") for cluster in ("", "+cluster")
)
"""``rediss`` and ``valkeys`` are TLS; Redis and Valkey are spoken to in the same way."""

_TLS: Final = frozenset({"rediss", "valkeys"})
_PORT: Final = 6379
_LARGEST_PORT: Final = 65_535
_DATABASES: Final = 65_536


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """One server, or the first acquaintances in a cluster, and how to speak to each of them."""

    addresses: tuple[Address, ...]
    cluster: bool
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    ca_file: Path | None = None

    @classmethod
    def parse(cls, url: str, *, ca_file: Path | None = None) -> "Target":
        """
        Read ``SCHEME://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]``; a cluster may name several hosts, with commas.

        Raises:
            StoreError: It is not such a URL; the message never shows the password.
        """
        try:
            parts = urlsplit(url)
            userinfo, _, places = parts.netloc.rpartition("@")
            username, _, password = userinfo.partition(":")
            addresses = tuple(_address(place) for place in places.split(","))
            database = _database(parts)
        except ValueError as error:
            raise StoreError("the store's URL must be SCHEME://USER:PASSWORD@HOST:PORT/DATABASE") from error
        name, _, kind = parts.scheme.partition("+")
        if parts.scheme not in SCHEMES or parts.query or parts.fragment:
            raise StoreError(f"the store's URL must start with one of {', '.join(sorted(SCHEMES))} and have no query")
        if kind != "cluster" and len(addresses) > 1:
            raise StoreError("only the URL of a cluster (redis+cluster://) may name several hosts")
        if kind == "cluster" and database:
            raise StoreError("a cluster has no numbered databases: take the number out of the store's URL")
        return cls(
            addresses,
            cluster=kind == "cluster",
            tls=name in _TLS,
            username=unquote(username) or None,
            password=unquote(password) or None,
            database=database,
            ca_file=ca_file,
        )

    def connection(self, address: Address) -> Connection:
        """Return an unopened connection to *address*, without time-outs and retries of its own."""
        options: dict[str, Any] = {
            "host": address.host,
            "port": address.port,
            "username": self.username,
            "password": self.password,
            "db": self.database,
            "protocol": 2,
            "driver_info": None,
            "socket_timeout": None,
            "socket_connect_timeout": None,
            "retry": Retry(NoBackoff(), 0),
        }
        if not self.tls:
            return Connection(**options)
        return SSLConnection(ssl_ca_certs=None if self.ca_file is None else str(self.ca_file), **options)


def _address(place: str) -> Address:
    parts = urlsplit(f"//{place}")
    if not parts.hostname or parts.path:
        raise ValueError("no host")
    port = _PORT if parts.port is None else parts.port
    if not 0 < port <= _LARGEST_PORT:
        raise ValueError("no port")
    return Address(parts.hostname, port)


def _database(parts: SplitResult) -> int:
    number = parts.path.removeprefix("/")
    if not number:
        return 0
    if not (number.isascii() and number.isdecimal() and int(number) < _DATABASES):
        raise ValueError("no database number")
    return int(number)
