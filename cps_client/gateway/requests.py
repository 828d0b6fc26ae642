"""Reading requests: bounded in bytes and time, strict about types, and a mistake names its field."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from aiohttp import hdrs, web

from cps_client.gateway import limits
from cps_client.gateway.errors import (
    BodyMissingError,
    BodySyntaxError,
    FieldError,
    FieldMissingError,
    MediaTypeError,
    SlowBodyError,
    TooLargeError,
)
from stir import strictjson
from stir.errors import JsonError

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999; there is no datetime behind it."""


async def read_json(request: web.Request) -> "Fields":
    """
    Return the body, one JSON object.

    Raises:
        RequestError: It is of another type, missing, too long, too slow, or not strict JSON.
    """
    body = await _body(request, JSON)
    try:
        return Fields(strictjson.loads(body, max_bytes=limits.REQUEST_BYTES))
    except JsonError as error:
        raise BodySyntaxError(error.detail) from error


async def read_form(request: web.Request) -> "Fields":
    """
    Return the body, a form as dialplans send it; a field that stands there several times is a list.

    Raises:
        RequestError: It is of another type, missing, too long, too slow, or no form.
    """
    body = await _body(request, FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=limits.FIELDS)
    except ValueError as error:
        raise BodySyntaxError(f"the body is not a form of at most {limits.FIELDS} fields in UTF-8") from error
    found: dict[str, object] = {}
    for name, value in pairs:
        before = found.get(name)
        found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return Fields(found)


async def _body(request: web.Request, kind: str) -> bytes:
    if request.content_type != kind:
        raise MediaTypeError(f"the body has to be {kind}; say so in Content-Type")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise MediaTypeError("the body may not be compressed")
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            body = await request.read()
    except TimeoutError as error:
        raise SlowBodyError("the body did not arrive in time") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise BodySyntaxError("the body broke off") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLargeError(f"the body may have at most {limits.REQUEST_BYTES} bytes") from error
    if not body:
        raise BodyMissingError("there is no body")
    return body


class Fields:
    """
    The fields of a request, each read once into a type; empty strings are fields that are not there.

    Args:
        values: As they came.
        above: What stands before their names in complaints.
        folded: Whether upper and lower case of names are the same.
    """

    def __init__(self, values: Mapping[str, object], above: str = "", *, folded: bool = False) -> None:
        self._values = {name.lower(): value for name, value in values.items()} if folded else values
        self._above = above
        self._folded = folded
        if len(self._values) != len(values):
            raise BodySyntaxError("two fields differ in upper and lower case only")

    def folding(self) -> "Fields":
        """Return the same fields, with upper and lower case of names the same at every level."""
        return Fields(self._values, self._above, folded=True)

    def alone(self) -> "Fields":
        """Return the same fields, which complaints name without the object that they stand in."""
        return Fields(self._values, folded=self._folded)

    def only(self, names: Iterable[str]) -> None:
        """Refuse fields that are none of *names*: a misspelt one would go unnoticed."""
        known = set(names)
        for name in self._values:
            if name not in known:
                raise FieldError(self._above + name[:64], f"is not known; there are {', '.join(sorted(known))}")

    def has(self, name: str) -> bool:
        """Return whether there is a field called *name*, even if it is empty."""
        return self._key(name) in self._values

    def value(self, name: str) -> object:
        """Return whatever the field holds; None if it is not there, or empty."""
        found = self._values.get(self._key(name))
        return None if found == "" else found

    def text(self, name: str) -> str | None:
        """Return a string; None if it is not there."""
        found = self.value(name)
        if found is not None and not isinstance(found, str):
            raise FieldError(self._above + name, "has to be a string, once")
        return found

    def required(self, name: str) -> str:
        """Return a string that has to be there, if only as an empty one."""
        if not self.has(name):
            raise FieldMissingError(self._above + name)
        return self.text(name) or ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return strings: an array, or one alone; empty ones are left out."""
        found = self.value(name)
        values = found if isinstance(found, list) else [] if found is None else [found]
        if not all(isinstance(value, str) for value in values):
            raise FieldError(self._above + name, "has to be a string or an array of strings")
        return tuple(str(value) for value in values if value)

    def one_of(self, name: str, choices: Iterable[str]) -> str | None:
        """Return a string that is one of *choices*; None if it is not there."""
        found, known = self.text(name), tuple(choices)
        if found is not None and found not in known:
            raise FieldError(self._above + name, f"has to be one of {', '.join(known)}")
        return found

    def uuid(self, name: str) -> str | None:
        """Return a UUID as it is written; None if it is not there."""
        found = self.text(name)
        if found is not None:
            try:
                UUID(found)
            except ValueError as error:
                raise FieldError(self._above + name, "has to be a UUID") from error
        return found

    def instant(self, name: str) -> datetime | None:
        """Return the instant that is given in seconds since 1970, as a number or in digits; None if it is not there."""
        found = self.value(name)
        if found is None:
            return None
        if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= len(str(_LATEST)):
            found = int(found)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= _LATEST:
            raise FieldError(self._above + name, "has to be a time in whole seconds since 1970")
        return datetime.fromtimestamp(found, UTC)

    def within(self, name: str) -> "Fields | None":
        """Return the object in the field; None if it is not there."""
        found = self.value(name)
        if found is not None and not isinstance(found, dict):
            raise FieldError(self._above + name, "has to be an object")
        return None if found is None else Fields(found, f"{self._above}{name}.", folded=self._folded)

    def replaced(self, names: Iterable[str], change: Callable[[object], object]) -> "Fields":
        """Return the same fields, with the values of those called *names* changed."""
        changed = {name: change(self._values[name]) for name in names if name in self._values}
        return Fields({**self._values, **changed}, self._above, folded=self._folded)

    def _key(self, name: str) -> str:
        return name.lower() if self._folded else name
