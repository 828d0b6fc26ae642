"""
The audit log's lines: JSON objects chained by keyed hashes.

A line ends with ``"prev"``, the hash of the line before it, and ``"mac"``, its own: HMAC-SHA256 over every byte
before, under a key that no reader of the file has. So a line that was changed, removed, put in or moved is found,
and none can be made. Numbers stand in it only as hashes under another key of the same secret: whoever knows the
numbers and has the secret finds their lines, and nobody else learns a number.
"""

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cps_server import limits

FORMAT: Final = 1
"""The version of the format, in each first line."""

FIRST: Final = "0" * 64
"""What stands for the hash before the first line of a chain."""

_LINE: Final = re.compile(rb'(\{.+,"prev":"([0-9a-f]{64})"),"mac":"([0-9a-f]{64})"\}', re.DOTALL)
_NUMBER_HASH_BYTES: Final = 16


class LineError(Exception):
    """A line is not what this secret's holder wrote; it never leaves this package."""


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: its name, the number of its last line, and that line's hash."""

    chain: str
    seq: int = 0
    mac: str = FIRST

    @classmethod
    def begin(cls) -> "Link":
        """Return the beginning of a new chain."""
        return cls(secrets.token_hex(8))


@dataclass(frozen=True, slots=True)
class Line:
    """One line, found to be genuine by itself."""

    fields: Mapping[str, object]
    prev: str
    link: Link


class Secret:
    """The keys of an audit log, derived from the *material* of its key file."""

    def __init__(self, material: bytes) -> None:
        self._chain = hmac.digest(material, b"cps audit log: chain", sha256)
        self._numbers = hmac.digest(material, b"cps audit log: numbers", sha256)

    def seal(self, fields: Mapping[str, object], before: Link) -> tuple[bytes, Link]:
        """Return the line with these *fields* that follows *before*, and the end of the chain after it."""
        members = {"chain": before.chain, "seq": before.seq + 1, **fields, "prev": before.mac}
        head = json.dumps(members, separators=(",", ":")).encode()[:-1]
        mac = self._mac(head)
        return b'%b,"mac":"%b"}\n' % (head, mac.encode()), Link(before.chain, before.seq + 1, mac)

    def open(self, line: bytes) -> Line:
        """
        Return what a *line*, without its end, holds.

        Raises:
            LineError: It is not a line of this log.
        """
        match = _LINE.fullmatch(line) if len(line) <= limits.AUDIT_LINE_BYTES else None
        if match is None:
            raise LineError("this is no line of an audit log")
        mac = match[3].decode()
        if not hmac.compare_digest(mac, self._mac(match[1])):
            raise LineError("its hash is wrong: it was changed, or written under another key")
        fields = json.loads(match[1] + b"}")  # what has the right hash was made by us
        return Line(fields, match[2].decode(), Link(fields["chain"], fields["seq"], mac))

    def number(self, label: str, *values: str) -> str:
        """Return the hash by which telephone numbers or URIs, in canonical form, stand under *label*."""
        text = "\0".join((label, *values)).encode()
        return hmac.digest(self._numbers, text, sha256)[:_NUMBER_HASH_BYTES].hex()

    def _mac(self, head: bytes) -> str:
        return hmac.digest(self._chain, head, sha256).hex()


def parties(secret: Secret, *, orig: str | None = None, dest: str | None = None) -> dict[str, str]:
    """Return the members by which a call from *orig* to *dest* is found, as far as they are known."""
    found = {}
    if orig is not None:
        found["orig"] = secret.number("orig", orig)
    if dest is not None:
        found["dest"] = secret.number("dest", dest)
    if orig is not None and dest is not None:
        found["pair"] = secret.number("pair", orig, dest)
    return found


def is_whole(line: bytes) -> bool:
    """Tell whether *line* has the form of a line, whoever wrote it."""
    return _LINE.fullmatch(line) is not None


def torn(data: bytes) -> dict[str, object]:
    """Return how a first line tells of the *data* of a line that was not finished before it."""
    return {"bytes": len(data), "sha256": sha256(data).hexdigest()}
