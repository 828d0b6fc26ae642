"""
The seal: calls and publications on one side, opaque bytes on the other.

Whoever reads the database learns how many calls there are, how long their PASSporTs are and when they expire; no
number, no SPC, no token and no PASSporT, without the secret. Lookup keys, entry ids and nonces are keyed hashes; a body
is encrypted under a key that is derived from the secret and the call's numbers, and bound to its place and expiry, so
that a row that was moved, prolonged or damaged does not open. With the secret one still has to guess the numbers.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

import orjson
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cps_server.store.base import ENTRIES_PER_KEY, CallKey, Entry, Mark, Nonce, Publication, RawStore
from stir.errors import ReplayedTokenError

SECRET_BYTES: Final = 32
"""Length of the secret from which all keys of the seal are derived, in bytes."""

_ID_BYTES: Final = 16
_LOOKUP_BYTES: Final = 32
_BODY_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_log = structlog.get_logger(__name__)


class SealedStore:
    """A :class:`~cps_server.store.base.PassportStore` on a :class:`~cps_server.store.base.RawStore`."""

    def __init__(self, raw: RawStore, secret: bytes) -> None:
        assert len(secret) == SECRET_BYTES, "load_secret gives the right length"  # noqa: S101 - a programming error
        self._raw = raw
        self._call_key = _subkey(secret, b"call")
        self._entry_key = _subkey(secret, b"entry")
        self._nonce_key = _subkey(secret, b"nonce")
        self.unreadable = 0
        """How many entries did not open so far, for a metric: a damaged database, or another secret."""

    async def publish(self, key: CallKey, publication: Publication, *, nonce: Nonce, now: datetime) -> None:
        """Seal *publication* and keep it with its nonce."""
        if not await self._raw.put(self._seal(key, publication), self._mark(nonce), now=_floor(now)):
            raise ReplayedTokenError("this token was used before; every request needs a new jti")

    async def retrieve(self, key: CallKey, *, nonce: Nonce, now: datetime) -> Sequence[Publication]:
        """Open what lives under *key*."""
        lookup, body_key = self._place(key)
        entries = await self._raw.get(lookup, self._mark(nonce), now=_floor(now), limit=ENTRIES_PER_KEY)
        if entries is None:
            raise ReplayedTokenError("this token was used before; every request needs a new jti")
        if not entries:
            return ()
        return self._open_all(body_key, entries)

    async def check(self) -> None:
        """Try a write and a read for real."""
        await self._raw.check()

    async def reclaim(self, now: datetime) -> int:
        """Drop what expired by *now*."""
        return await self._raw.reclaim(_floor(now))

    async def close(self) -> None:
        """Release everything."""
        await self._raw.close()

    def _mark(self, nonce: Nonce) -> Mark:
        parts = _encode((nonce.issuer.upper(), nonce.jti.lower()))
        return Mark(_digest(self._nonce_key, parts, _ID_BYTES), _ceil(nonce.expires_at))

    def _place(self, key: CallKey) -> tuple[bytes, bytes]:
        """Return where the entries of a call lie, and the key that its bodies are encrypted under."""
        digest = _digest(self._call_key, _encode(_parts(key)), _LOOKUP_BYTES + _BODY_KEY_BYTES)
        return digest[:_LOOKUP_BYTES], digest[_LOOKUP_BYTES:]

    def _seal(self, key: CallKey, publication: Publication) -> Entry:
        lookup, body_key = self._place(key)
        content = _encode((publication.publisher.upper(), *publication.passports))
        entry_id = _digest(self._entry_key, lookup + content, _ID_BYTES)
        expires = _floor(publication.expires_at)
        body = orjson.dumps((publication.publisher, publication.tokens, publication.passports))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(body_key).encrypt(nonce, body, _context(lookup, entry_id, expires))
        return Entry(lookup, entry_id, expires, nonce + sealed)

    def _open_all(self, body_key: bytes, entries: Iterable[Entry]) -> Sequence[Publication]:
        cipher = AESGCM(body_key)
        found: list[Publication] = []
        unreadable = 0
        for entry in entries:
            publication = _open(cipher, entry)
            if publication is None:
                unreadable += 1
            else:
                found.append(publication)
        if unreadable:
            self.unreadable += unreadable
            _log.error("store_entry_unreadable", entries=unreadable)
        return found


def _open(cipher: AESGCM, entry: Entry) -> Publication | None:
    nonce, sealed = entry.blob[:_NONCE_BYTES], entry.blob[_NONCE_BYTES:]
    try:
        body = cipher.decrypt(nonce, sealed, _context(entry.key, entry.id, entry.expires))
    except (InvalidTag, ValueError):  # ValueError: the blob is too short to hold a nonce
        return None
    # Only we could seal it, so its shape is the one that _seal gave it.
    publisher, tokens, passports = orjson.loads(body)
    return Publication(tuple(tokens), tuple(passports), publisher, _EPOCH + entry.expires * _MILLISECOND)


def _parts(key: CallKey) -> tuple[str, ...]:
    """Return what the key is made of; the number of parts keeps the two generations apart."""
    return (key.dest, key.orig) if key.spc is None else (key.dest, key.orig, key.spc)


def _encode(parts: tuple[str, ...]) -> bytes:
    """Join *parts* so that no other parts give the same bytes: their number, then each behind its length."""
    pieces = [len(parts).to_bytes(2)]
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        pieces += (len(data).to_bytes(4), data)
    return b"".join(pieces)


def _context(lookup: bytes, entry_id: bytes, expires: int) -> bytes:
    return lookup + entry_id + expires.to_bytes(8, signed=True)


def _digest(key: bytes, message: bytes, size: int) -> bytes:
    """Return the keyed hash of *message*: BLAKE2b, which is made for it and takes half of HMAC's time."""
    return blake2b(message, key=key, digest_size=size).digest()


def _subkey(secret: bytes, purpose: bytes) -> bytes:
    """Derive the key for one purpose; the number is the format's version, so that another never opens it."""
    return _digest(secret, b"oob-shaken store 2 " + purpose, SECRET_BYTES)


def _floor(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _ceil(instant: datetime) -> int:
    return -((_EPOCH - instant) // _MILLISECOND)
