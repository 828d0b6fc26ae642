"""
Entries in Valkey or Redis, one server or a cluster, shared by many machines.

A call is one hash: a field for each entry, and a field without a name that lists them, newest first, with their ends.
A mark is a key of its own; in a cluster it has the call's hash tag, so that both lie on the same server. Each request
is one script there, which is atomic and one round trip. What is alive is decided by the instant that comes with the
request; the server's own clock only frees memory, some seconds later.

A request may reach the server twice, when a connection breaks at the wrong moment: its mark says which request made
it, so that the second run is not taken for somebody else's.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any, Final

from redis import exceptions

from cps_server.store.base import ENTRIES_PER_KEY, Entry, Mark
from cps_server.store.redis_servers import Servers
from stir.errors import StoreError

SECONDS: Final = 1.0
"""Longest wait for an answer, in seconds: a publish has about as long before its call goes on without it."""

ENTRIES_KEPT: Final = 4 * ENTRIES_PER_KEY
"""Most entries kept under one key; a flood for one call pushes its oldest out, and harms no other call."""

SPARE_MILLISECONDS: Final = 5_000
"""How much longer the server keeps what has expired: the clocks of the machines that ask it differ by less."""

SECRET_MILLISECONDS: Final = 120_000
"""How long after its last check a node is remembered to use its secret."""

_RECORD: Final = 32  # bytes: an id of 16, and the end in 16 digits
_ID: Final = 16

_USE_MARK: Final = """
local now = tonumber(ARGV[1])
local held = redis.call('GET', KEYS[2])
if held and tonumber(string.sub(held, 1, 16)) > now and string.sub(held, 17) ~= ARGV[4] then return false end
redis.call('SET', KEYS[2], ARGV[2] .. ARGV[4], 'PX', ARGV[3])
"""
_PUT: Final = (
    _USE_MARK
    + """
local id, ends, last, most = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[6]), tonumber(ARGV[9])
local kept, dead = {id .. ARGV[6]}, {}
local list = redis.call('HGET', KEYS[1], '') or ''
for at = 1, #list, 32 do
  local other, its_end = string.sub(list, at, at + 15), tonumber(string.sub(list, at + 16, at + 31))
  if other == id then
    if its_end > ends then return 1 end
  elseif its_end <= now or #kept == most then
    dead[#dead + 1] = other
  else
    kept[#kept + 1] = string.sub(list, at, at + 31)
    last = math.max(last, its_end)
  end
end
if #dead > 0 then redis.call('HDEL', KEYS[1], unpack(dead)) end
redis.call('HSET', KEYS[1], '', table.concat(kept), id, ARGV[7])
redis.call('PEXPIRE', KEYS[1], math.max(last - now, 0) + tonumber(ARGV[8]))
return 1
"""
)
_GET: Final = (
    _USE_MARK
    + """
local most = tonumber(ARGV[5])
local found, ids = {}, {}
local list = redis.call('HGET', KEYS[1], '') or ''
for at = 1, #list, 32 do
  if #ids == most then break end
  if tonumber(string.sub(list, at + 16, at + 31)) > now then
    found[#found + 1] = string.sub(list, at, at + 31)
    ids[#ids + 1] = string.sub(list, at, at + 15)
  end
end
if #ids == 0 then return {} end
return {table.concat(found), redis.call('HMGET', KEYS[1], unpack(ids))}
"""
)
_CHECK: Final = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('GET', KEYS[1])
"""


class RedisStore:
    """
    A :class:`~cps_server.store.base.RawStore` on *servers*.

    The *fingerprint* belongs to the secret that seals the entries; nodes that have different ones would never find
    each other's entries, so the check refuses.
    """

    def __init__(self, servers: Servers, fingerprint: bytes, *, spare: int = SPARE_MILLISECONDS) -> None:
        self._servers = servers
        self._fingerprint = fingerprint
        self._spare = spare
        self._closed = False

    async def put(self, entry: Entry, mark: Mark, *, now: int) -> bool:
        """Keep *entry* and *mark*, or neither."""
        life = (entry.id, _digits(entry.expires), entry.blob, self._spare, ENTRIES_KEPT)
        return await self._run(_PUT, entry.key, mark, now, *life) is not None

    async def get(self, key: bytes, mark: Mark, *, now: int, limit: int) -> Sequence[Entry] | None:
        """Return the live entries under *key*, newest first, and keep *mark*."""
        answer = await self._run(_GET, key, mark, now, limit)
        if not answer:
            return answer  # type: ignore[no-any-return] # None, or an empty list
        records, blobs = answer
        return [
            Entry(key, records[at : at + _ID], int(records[at + _ID : at + _RECORD]), blob)
            for at, blob in zip(range(0, len(records), _RECORD), blobs, strict=True)
            if blob is not None  # somebody else's work
        ]

    async def check(self) -> None:
        """
        Write on every server and read it back; most must do it, and nobody may have another secret.

        With most servers a cluster serves most calls; this is where it draws the line itself.
        """
        async with _deadline():
            probes = await self._servers.probes()
            outcomes = await asyncio.gather(*(self._probe(key) for key in probes), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        strange = [failure for failure in failures if not isinstance(failure, StoreError)]
        if strange or 2 * len(failures) >= len(outcomes):
            raise (strange or failures)[0]
        if not {outcome for outcome in outcomes if outcome not in failures} <= {self._fingerprint}:
            raise StoreError("other nodes use the same store with another secret: share CPS_STORE__SECRET_FILE")

    async def reclaim(self, now: int) -> int:
        """Leave it to the server, which drops what expired by itself."""
        del now
        if self._closed:
            raise StoreError("the store is closed")
        return 0

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        await self._servers.close()

    async def _probe(self, key: bytes) -> Any:
        return await self._evaluate(_CHECK, key, (key,), self._fingerprint, SECRET_MILLISECONDS)

    async def _run(self, script: str, key: bytes, mark: Mark, now: int, *rest: bytes | int) -> Any:
        tag = b"cps:{%b}" % key.hex().encode()
        # Where keys of several slots cannot be used together, a mark is known only beside its call.
        mark_key = (b"cps:mark:" if self._servers.shared else tag + b":") + mark.id.hex().encode()
        life = max(mark.expires - now, 0) + self._spare
        run = os.urandom(_ID)
        async with _deadline():
            return await self._evaluate(script, tag, (tag, mark_key), now, _digits(mark.expires), life, run, *rest)

    async def _evaluate(self, script: str, key: bytes, keys: tuple[bytes, ...], *arguments: bytes | int) -> Any:
        tail = (len(keys), *keys, *arguments)
        try:
            try:
                return await self._servers.ask(key, ("EVALSHA", _NAMES[script], *tail))
            except exceptions.NoScriptError:
                return await self._servers.ask(key, ("EVAL", script, *tail))
        except exceptions.RedisError as error:
            raise StoreError(f"the store's server refuses: {_reason(error)}") from error


_NAMES: Final = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (_PUT, _GET, _CHECK)}


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except TimeoutError as error:
        raise StoreError(f"the store did not answer within {SECONDS} s") from error


def _digits(instant: int) -> bytes:
    return b"%016d" % instant


def _reason(error: exceptions.RedisError) -> str:
    """Return the code in front of the server's message, of which the rest may show a key."""
    code = str(error).partition(" ")[0]
    return code if code.isascii() and code.isupper() and code.isalpha() else type(error).__name__
