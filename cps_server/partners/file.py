"""``partners.toml``, read strictly: what is not understood to the last key is refused whole."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from cps_server import limits
from cps_server.partners.rules import ANY, Mode, Partner, Rules
from stir.errors import StirError
from stir.token import SPC

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = re.compile(r"[0-9]{1,15}")
T = TypeVar("T")


class PartnerFileError(StirError):
    """``partners.toml`` cannot be used; the detail names file, table and key."""

    code = "bad-partner-file"


Version = tuple[int, int, int, int]
"""Device, inode, size and time of change of a file: another version differs in one of them."""


def version_of(status: os.stat_result) -> Version:
    """Return what tells this version of a file from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def read(path: Path) -> tuple[Rules, Version]:
    """
    Return the rules in the file *path*, and which version of it was read.

    Raises:
        PartnerFileError: There is no such file, or it is not right in every detail.
    """
    try:
        with path.open("rb") as file:
            version = version_of(os.fstat(file.fileno()))
            data = file.read(limits.PARTNER_FILE_BYTES + 1)
    except OSError as error:
        raise PartnerFileError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(data, str(path)), version


def parse(data: bytes, source: str = "partners.toml") -> Rules:
    """
    Return the rules that *data* holds; *source* names it in complaints.

    Raises:
        PartnerFileError: It is not right in every detail.
    """
    if len(data) > limits.PARTNER_FILE_BYTES:
        raise PartnerFileError(f"{source}: longer than {limits.PARTNER_FILE_BYTES} bytes")
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise PartnerFileError(f"{source}: not TOML: {error}") from error
    try:
        return _rules(content)
    except _Complaint as error:
        raise PartnerFileError(f"{source}: {error}") from error


class _Complaint(Exception):  # noqa: N818 - it never leaves this module
    """What is wrong, with table and key, still without the name of the file."""


def _rules(content: Mapping[str, Any]) -> Rules:
    top = _Table("", content, ("mode", "partner", "deny"))
    mode = top.get("mode", _mode)
    if mode is None:
        raise _Complaint('mode is missing: write mode = "closed" or mode = "open"')
    deny = _Table("deny", top.get("deny", _table) or {}, ("spc", "certificates"))
    partners: dict[str, Partner] = {}
    for number, one in enumerate(top.get("partner", _tables) or [], start=1):
        partner = _partner(number, one)
        if partner.spc in partners:
            raise _Complaint(f"partner {number} ({partner.spc}): spc: there is another partner with this one")
        partners[partner.spc] = partner
    return Rules(
        mode,
        partners,
        frozenset(deny.get("spc", _list(_spc)) or ()),
        frozenset(deny.get("certificates", _list(_fingerprint)) or ()),
    )


_PARTNER_KEYS: Final = (
    "spc",
    "name",
    "enabled",
    "publish",
    "retrieve",
    "retrieve_from",
    "numbers",
    "certificates",
    "rate",
    "burst",
)


def _partner(number: int, content: Mapping[str, Any]) -> Partner:
    table = _Table(f"partner {number}", content, ())
    spc = table.get("spc", _spc)
    if spc is None:
        raise _Complaint(f"partner {number}: spc is missing")
    table = _Table(f"partner {number} ({spc})", content, _PARTNER_KEYS)
    given: dict[str, Any] = {
        "name": table.get("name", _name),
        "enabled": table.get("enabled", _flag),
        "publish": table.get("publish", _flag),
        "retrieve": table.get("retrieve", _flag),
        "retrieve_from": table.get("retrieve_from", _publishers),
        "numbers": table.get("numbers", _some(_prefix)),
        "certificates": table.get("certificates", _certificates),
        "rate": table.get("rate", _rate),
        "burst": table.get("burst", _burst),
    }
    return Partner(spc, **{key: value for key, value in given.items() if value is not None})


class _Table:
    """One table of the file, which may have these *keys*; none given: they are looked at later."""

    def __init__(self, name: str, content: Mapping[str, Any], keys: Iterable[str]) -> None:
        self._name = name
        self._content = content
        names = tuple(keys)
        for key in content if names else ():
            if key not in names:
                nearest = difflib.get_close_matches(key, names, n=1, cutoff=0.0)
                raise _Complaint(f"{self._place(key)}: no such key; did you mean {nearest[0]}?")

    def get(self, key: str, read: Callable[[Any], T]) -> T | None:
        """Return what *read* makes of the value of *key*, or None when there is none."""
        if key not in self._content:
            return None
        try:
            return read(self._content[key])
        except ValueError as error:
            raise _Complaint(f"{self._place(key)}: {error}") from error

    def _place(self, key: str) -> str:
        return f"{self._name}: {key}" if self._name else key


def _mode(value: Any) -> Mode:
    if not isinstance(value, str) or value not in set(Mode):
        raise ValueError('must be "open" or "closed"')
    return Mode(value)


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table, [deny]")  # noqa: TRY004 - one kind of complaint
    return value


def _tables(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("must be tables, each under [[partner]]")
    if len(value) > limits.PARTNERS:
        raise ValueError(f"there are more than {limits.PARTNERS}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one kind of complaint
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > limits.PARTNER_NAME_CHARACTERS:
        raise ValueError(f"must be text of at most {limits.PARTNER_NAME_CHARACTERS} printable characters")
    return value


def _spc(value: Any) -> str:
    if not isinstance(value, str) or not SPC.fullmatch(value):
        raise ValueError("must be a service provider code, 3 to 15 letters and digits in quotes")
    return value.upper()


def _publisher(value: Any) -> str:
    return ANY if value == ANY else _spc(value)


def _publishers(value: Any) -> frozenset[str]:
    return frozenset([ANY] if value == ANY else _list(_publisher)(value))


def _prefix(value: Any) -> str:
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise ValueError("must be how numbers start, 1 to 15 digits with the country code first, in quotes")
    return value


def _fingerprint(value: Any) -> str:
    text = value.lower().removeprefix("sha256:").replace(":", "") if isinstance(value, str) else ""
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError("must be the SHA-256 fingerprint of a certificate, 64 hexadecimal digits in quotes")
    return text


def _certificates(value: Any) -> frozenset[str]:
    return frozenset(_some(_fingerprint)(value))


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not limits.RATES[0] <= value <= limits.RATES[1]:
        raise ValueError(f"must be a number of requests a second from {limits.RATES[0]} to {limits.RATES[1]}")
    return float(value)


def _burst(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limits.BURST:
        raise ValueError(f"must be a whole number of requests from 1 to {limits.BURST}")
    return value


def _list(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    def read_all(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list, in brackets")  # noqa: TRY004 - one kind of complaint
        found = tuple(map(read, value))
        if len(set(found)) != len(found):
            raise ValueError("names something twice")
        return found

    return read_all


def _some(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    def read_some(value: Any) -> tuple[T, ...]:
        found = _list(read)(value)
        if not found:
            raise ValueError("must not be empty; leave it out to allow all")
        return found

    return read_some
