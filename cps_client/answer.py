"""What a CPS hands out, read strictly and sifted: only what can be a PASSporT goes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from cps_client import limits
from cps_client.errors import CpsError
from cps_client.exchange import Answer
from stir import limits as core_limits
from stir import strictjson
from stir.errors import JsonError, MalformedError
from stir.passport import Claims, Passport


@dataclass(frozen=True, slots=True)
class Sifted:
    """PASSporTs, in their order and each once, and how many values were none."""

    passports: tuple[Passport, ...]
    dropped: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a CPS has for a call."""

    status: int
    passports: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def is_useful(self) -> bool:
        """Whether there is anything: an empty array is as good as 404."""
        return bool(self.passports)


def read(answer: Answer) -> Found:
    """
    Read the answer to a retrieve: an object with ``passports`` and perhaps ``tokens``, or a bare array of PASSporTs.

    Raises:
        CpsError: It is neither.
    """
    if answer.status == HTTPStatus.NOT_FOUND:
        return Found(answer.status)
    is_array = answer.body.lstrip()[:1] == b"["
    text = b'{"passports":%b}' % answer.body if is_array else answer.body
    try:
        members = strictjson.loads(text, max_bytes=limits.ANSWER_BYTES + 16)
    except JsonError as error:
        raise _malformed(answer, error.detail) from error
    passports = members.get("passports")
    if not isinstance(passports, list) or (is_array and len(members) != 1):
        raise _malformed(answer, "it has no array of passports")
    sifted = sift(passports, most=limits.RETRIEVED)
    tokens = tuple(passport.token for passport in sifted.passports)
    return Found(answer.status, tokens, _tokens(members.get("tokens")), sifted.dropped)


def sift(values: Sequence[object], *, most: int) -> Sifted:
    """
    Return the PASSporTs among *values*: full form, with readable header and claims, of any type.

    Args:
        values: Strings, if all is well; Identity header values or PASSporTs alone.
        most: How many are looked at.
    """
    found: dict[str, Passport] = {}
    dropped = max(0, len(values) - most)
    for value in values[:most]:
        passport = _passport(value)
        if passport is None:
            dropped += 1
        else:
            found.setdefault(passport.token, passport)
    return Sifted(tuple(found.values()), dropped)


def _malformed(answer: Answer, why: str) -> CpsError:
    return CpsError(f"the CPS's answer is malformed: {why}", reason="malformed", status=answer.status)


def _passport(value: object) -> Passport | None:
    if not isinstance(value, str) or len(value) > core_limits.IDENTITY_BYTES:
        return None
    try:
        passport = Passport.parse(value.partition(";")[0].strip())
        Claims.of(passport)
    except MalformedError:
        return None
    return passport


def _tokens(value: object) -> tuple[str, ...]:
    tokens: Iterable[object] = value if isinstance(value, list) else ()
    plausible = (one for one in tokens if isinstance(one, str) and len(one) <= core_limits.TOKEN_BYTES)
    return tuple(dict.fromkeys(plausible))
