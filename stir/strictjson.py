"""JSON as PASSporTs and tokens need it: strict in, deterministic out."""

import json
from collections.abc import Iterable
from math import isfinite
from typing import Final, NoReturn

import orjson

from stir import limits
from stir.errors import JsonError


def loads(data: bytes | str, *, max_bytes: int) -> dict[str, object]:
    """
    Parse *data* as one JSON object.

    Stricter than :mod:`json`: UTF-8 only, no duplicate names (RFC 7519,
    section 4), no NaN or infinities, no endless digits, no unpaired
    surrogates, no bottomless nesting, at most *max_bytes*.

    Raises:
        JsonError: *data* is anything else.
    """
    if len(data) > max_bytes:
        raise JsonError(f"JSON is {len(data)} bytes long, the limit is {max_bytes}")
    if isinstance(data, bytes) and (value := _compact_object(data)) is not None:
        return value
    return _strict(data)


def _compact_object(data: bytes) -> dict[str, object] | None:
    """
    Return the object that *data* is, if it is written without white space, as PASSporTs are; else None.

    orjson is several times faster than the standard library, but keeps the last of two members of one name and is
    lenient elsewhere. What comes out byte for byte when written again, members in the order in which they stood,
    had nothing to be lenient about.
    """
    if data.count(b"[") + data.count(b"{") > limits.JSON_DEPTH:
        return None
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    is_same = type(value) is dict and orjson.dumps(value) == data
    return value if is_same else None


def _strict(data: bytes | str) -> dict[str, object]:
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = _DECODER.decode(text)
        if "\\u" in text or data is text:  # only an escape, or a lenient decoder, brings in a lone surrogate
            canonical(value)
    except (ValueError, RecursionError) as error:
        raise JsonError(f"not strict JSON: {_reason(error)}") from error
    if not isinstance(value, dict):
        raise JsonError("the JSON text is not an object")
    if text.count("[") + text.count("{") > limits.JSON_DEPTH:
        _check_depth(value)
    return value


def canonical(value: object) -> bytes:
    """
    Return the deterministic serialization of RFC 8225, section 9: members in code point order, no white space.

    Raises:
        ValueError: *value* is not JSON; a programming error, for :func:`loads` returns nothing like that.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has two members of the same name")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return number


def _whole(digits: str) -> int:
    if len(digits) > limits.JSON_DIGITS:
        raise ValueError("a number is too long")
    return int(digits)


def _check_depth(value: dict[str, object]) -> None:
    """Walk *value* level by level, so that the check itself cannot run out of stack."""
    level: list[dict[str, object] | list[object]] = [value]
    for _ in range(limits.JSON_DEPTH):
        level = [child for node in level for child in _members(node) if isinstance(child, dict | list)]
        if not level:
            return
    raise JsonError(f"the JSON text is nested deeper than {limits.JSON_DEPTH} levels")


def _members(node: dict[str, object] | list[object]) -> Iterable[object]:
    return node.values() if isinstance(node, dict) else node


def _reason(error: Exception) -> str:
    """Return what is wrong and where, without a piece of the text itself."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite, parse_int=_whole
)
"""Made once: making it takes as long as a PASSporT's header to read."""
