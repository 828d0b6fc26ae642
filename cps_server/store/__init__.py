"""Where PASSporTs wait for their call: the port, its implementations and the seal."""

import secrets
from pathlib import Path

from cps_server.store.base import CallKey, Nonce, PassportStore, Publication
from cps_server.store.memory import MemoryStore
from cps_server.store.sealed import SECRET_BYTES, SealedStore
from cps_server.store.secret import fingerprint, load_secret
from cps_server.store.sqlite import SqliteStore
from stir.errors import StoreError

__all__ = ["CallKey", "Nonce", "PassportStore", "Publication", "SealedStore", "load_secret", "open_store"]

_MEMORY = "memory://"
_SQLITE = "sqlite:///"
_NETWORKED = ("redis", "valkey")


def open_store(url: str, *, secret_file: Path | None = None, ca_file: Path | None = None) -> SealedStore:
    """
    Return the store that *url* names.

    ``memory://``; ``sqlite:///PATH`` (relative; a fourth slash makes it absolute); ``redis://`` or ``valkey://`` for
    one server, with ``s`` behind the name for TLS and ``+cluster`` for a cluster.

    The database itself is opened by the first use, so call ``check`` to know. *secret_file* is by default beside the
    database, ``cps.secret`` for ``cps.db``; memory needs none; nodes that share a store over the network must share
    it, too, so there it has no default. *ca_file* holds the CAs of a server's TLS, by default the system's.

    Raises:
        StoreError: The URL names no store that exists here, or the secret file is missing or cannot be used.
    """
    if url == _MEMORY:
        return SealedStore(MemoryStore(), secrets.token_bytes(SECRET_BYTES))
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        return SealedStore(SqliteStore(path), load_secret(secret_file or path.with_suffix(".secret")))
    if url.startswith(_NETWORKED):
        return _open_shared(url, secret_file, ca_file)
    raise StoreError("the store's URL must be memory://, sqlite:///PATH, redis://HOST or redis+cluster://HOST")


def _open_shared(url: str, secret_file: Path | None, ca_file: Path | None) -> SealedStore:
    # Imported here, since the client takes a sixth of a second and some memory that nobody else needs.
    from cps_server.store.redis import RedisStore
    from cps_server.store.redis_servers import Cluster, Single
    from cps_server.store.redis_url import Target

    target = Target.parse(url, ca_file=ca_file)
    if secret_file is None:
        raise StoreError("nodes that share a store share its secret: set CPS_STORE__SECRET_FILE, the same on all")
    secret = load_secret(secret_file)
    servers = Cluster(target) if target.cluster else Single(target)
    return SealedStore(RedisStore(servers, fingerprint(secret)), secret)
