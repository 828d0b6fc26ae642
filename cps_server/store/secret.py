"""The 32 random bytes that seal a store, in a file that only its owner may read."""

import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cps_server.store.sealed import SECRET_BYTES
from stir.errors import StoreError


def load_secret(path: Path) -> bytes:
    """
    Return the secret in the file *path*, made at first use; workers that start at once all get the same.

    Raises:
        StoreError: The file cannot be made or read, has another length, or others may read it.
    """
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise StoreError(f"the secret file {path} cannot be used: {error.strerror}") from error


def fingerprint(secret: bytes) -> bytes:
    """Return what tells one secret from another and says nothing about it."""
    return hmac.digest(secret, b"oob-shaken store 1 fingerprint", "sha256")[:16]


def _make(path: Path) -> None:
    """Write a whole secret under another name, then give it the right one unless somebody was faster."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        secret = file.read(SECRET_BYTES + 1)
    # A group may read it: Kubernetes and systemd hand secrets to services that way.
    if mode & (stat.S_IWGRP | stat.S_IRWXO):
        raise StoreError(f"others may read or change the secret file {path}: set its mode to 0600")
    if len(secret) != SECRET_BYTES:
        raise StoreError(f"the secret file {path} must hold exactly {SECRET_BYTES} bytes")
    return secret
