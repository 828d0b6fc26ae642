"""PASSporTs as received: taken apart and typed, with nothing judged yet (RFC 8225)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from stir import jws, limits, strictjson
from stir.errors import ClaimError, HeaderError, JsonError, NotFullFormError, NumberError
from stir.tn import Party

TYP: Final = "passport"
TOKEN: Final = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
"""A token of SIP (RFC 3261, section 25.1): what alg and ppt have to be, since they go into a header field again."""
_VISIBLE: Final = re.compile(r"[!#-:=?-~]+")
"""ASCII without white space, quotes, angle brackets and semicolons: what x5u has to be, for the same reason."""
_PARAMETERS: Final = {"alg": TOKEN, "typ": _VISIBLE, "x5u": _VISIBLE}
_LONGEST: Final = {"x5u": limits.URL_CHARACTERS}
"""In characters; others may have :data:`limits.PARAMETER_CHARACTERS`."""
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999: later instants cannot be told as a date."""


@dataclass(frozen=True, slots=True)
class Passport:
    """A full-form PASSporT; its bytes are kept, since they are what was signed."""

    token: str
    header: Mapping[str, object]
    payload: Mapping[str, object]
    compact: jws.Compact
    alg: str
    typ: str
    x5u: str
    ppt: str | None

    @classmethod
    def parse(cls, token: str) -> "Passport":
        """
        Take *token* apart.

        The values of alg, typ, x5u and ppt are not judged here, the claims
        not even looked at: see :class:`Claims` and :mod:`stir.verify`.

        Raises:
            NotFullFormError: It is not three parts of base64url, or too long.
            HeaderError: The header is no strict JSON object, or a parameter is missing or of the wrong form.
            ClaimError: The payload is no strict JSON object.
        """
        return cls.of(token, full_form(token))

    @classmethod
    def of(cls, token: str, compact: jws.Compact) -> "Passport":
        """
        Read what :func:`full_form` made of *token*; the header comes first.

        Raises:
            HeaderError: The header is no strict JSON object, or a parameter is missing or of the wrong form.
            ClaimError: The payload is no strict JSON object.
        """
        read = _known_header if len(compact.header) <= limits.HEADER_BYTES else _parameters
        header, alg, typ, x5u, ppt = read(compact.header)
        try:
            payload = strictjson.loads(compact.payload, max_bytes=limits.PASSPORT_BYTES)
        except JsonError as error:
            raise ClaimError(f"payload: {error.detail}") from error
        return cls(token, header, payload, compact, alg, typ, x5u, ppt)


@dataclass(frozen=True, slots=True)
class Claims:
    """What every PASSporT claims (RFC 8225, section 5)."""

    orig: Party
    dest: tuple[Party, ...]
    iat: int

    @classmethod
    def of(cls, passport: Passport) -> "Claims":
        """
        Read the claims of *passport*.

        Raises:
            ClaimError: orig, dest or iat is missing or of the wrong type.
        """
        payload = passport.payload
        return cls(read_orig(payload), read_dest(payload), read_time(payload, "iat"))


def full_form(token: str) -> jws.Compact:
    """
    Take *token* apart; nothing in it is read yet.

    Raises:
        NotFullFormError: It is not three parts of base64url, or too long.
    """
    if len(token) > limits.PASSPORT_BYTES:
        raise NotFullFormError(f"the PASSporT is {len(token)} bytes long, the limit is {limits.PASSPORT_BYTES}")
    return jws.split(token)


def read_header(data: bytes) -> dict[str, object]:
    """
    Return the header that *data* is.

    Raises:
        HeaderError: It is no strict JSON object, or names an extension that must be understood (RFC 7515, 4.1.11).
    """
    try:
        header = strictjson.loads(data, max_bytes=limits.PASSPORT_BYTES)
    except JsonError as error:
        raise HeaderError(f"header: {error.detail}") from error
    if "crit" in header:
        raise HeaderError("header: crit asks for an extension that is not understood here")
    return header


def read_orig(payload: Mapping[str, object]) -> Party:
    """
    Return the one identity of the ``orig`` claim.

    Raises:
        ClaimError: It is missing, or not exactly one telephone number or URI.
    """
    orig = payload.get("orig")
    if orig is None:
        raise ClaimError("orig is missing")
    if isinstance(orig, dict) and len(orig) == 1:
        kind, value = next(iter(orig.items()))
        if kind in {"tn", "uri"} and isinstance(value, str):
            return read_party("orig", kind, value)
    raise ClaimError("orig is not an object with one string, tn or uri")


def read_dest(payload: Mapping[str, object]) -> tuple[Party, ...]:
    """
    Return the identities of the ``dest`` claim, numbers first.

    Raises:
        ClaimError: It is missing, or not arrays of telephone numbers or URIs.
    """
    dest = payload.get("dest")
    if dest is None:
        raise ClaimError("dest is missing")
    if not isinstance(dest, dict) or not dest or not dest.keys() <= {"tn", "uri"}:
        raise ClaimError("dest is not an object with tn or uri")
    return tuple(
        read_party("dest", kind, value)
        for kind in ("tn", "uri")
        if kind in dest
        for value in _strings(kind, dest[kind])
    )


def read_time(payload: Mapping[str, object], name: str) -> int:
    """
    Return the claim *name* as integer seconds since 1970.

    Raises:
        ClaimError: It is missing or no whole number of that kind.
    """
    value = payload.get(name)
    if value is None:
        raise ClaimError(f"{name} is missing")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LATEST:
        raise ClaimError(f"{name} is not a whole number of seconds since 1970")
    return value


def read_party(claim: str, kind: str, value: str) -> Party:
    """
    Return the identity *value* of the member *kind*, tn or uri, of the claim *claim*.

    Raises:
        ClaimError: It is no telephone number or URI.
    """
    try:
        return Party.tn(value) if kind == "tn" else Party.uri(value)
    except NumberError as error:
        raise ClaimError(f"{claim}.{kind}: {error.detail}") from error


def _parameters(data: bytes) -> tuple[Mapping[str, object], str, str, str, str | None]:
    """Return the header, which nobody changes any more, and its alg, typ, x5u and ppt."""
    header = read_header(data)
    alg, typ, x5u = (_parameter(header, name, form) for name, form in _PARAMETERS.items())
    ppt = _parameter(header, "ppt", TOKEN) if "ppt" in header else None
    return MappingProxyType(header), alg, typ, x5u, ppt


_known_header: Final = lru_cache(maxsize=limits.HEADERS)(_parameters)
"""The same for a header that is known: a provider's are all alike while its certificate is."""


def _parameter(header: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = header.get(name)
    if not isinstance(value, str) or not value:
        raise HeaderError(f"header: {name} is {'missing' if value is None else 'not a string'}")
    if not form.fullmatch(value):
        raise HeaderError(f"header: {name} has a character that has no place in it")
    if len(value) > (longest := _LONGEST.get(name, limits.PARAMETER_CHARACTERS)):
        raise HeaderError(f"header: {name} is longer than {longest} characters")
    return value


def _strings(kind: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
        raise ClaimError(f"dest.{kind} is not an array of strings")
    if len(value) > limits.DESTINATIONS:
        raise ClaimError(f"dest.{kind} has over {limits.DESTINATIONS} entries")
    return value
