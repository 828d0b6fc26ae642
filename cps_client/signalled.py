"""Numbers as gateways signal them: digits, perhaps in a URI, perhaps with their nature of address."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cps_client import limits
from stir import limits as core_limits
from stir.errors import NumberError

_URI: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>[!-~]+)")
_PHONE: Final = re.compile(r";user=phone(;|\?|\Z)", re.IGNORECASE)
_NATURE: Final = re.compile(r"noa=(?P<nature>.*)", re.IGNORECASE)
_SEPARATORS: Final = str.maketrans("", "", "-.() ")
_DIGITS: Final = re.compile(rf"(?=.{{1,{limits.SIGNALLED_DIGITS}}}\Z)[0-9*#]*\+?[0-9*#]+")
"""At most one plus, perhaps behind the prefix of a switch."""


class Nature(StrEnum):
    """The nature of address, as ISUP signals it beside the digits (ITU-T Q.763, section 3.9)."""

    SUBSCRIBER = "subscriber"
    UNKNOWN = "unknown"
    NATIONAL = "national"
    INTERNATIONAL = "international"


_NATURES: Final = {nature.value: nature for nature in Nature} | dict(zip("1234", Nature, strict=True))
"""By name, and by ISUP's own number."""


@dataclass(frozen=True, slots=True)
class Signalled:
    """A number, not yet in full."""

    digits: str
    """Digits, ``*`` and ``#``, and a ``+`` if one was there."""
    nature: Nature | None = None
    """The nature of address, if one was signalled."""

    @classmethod
    def parse(cls, text: str) -> "Signalled | None":
        """
        Return the number in *text*: alone, in a tel URI, or in a SIP URI that says it is one; None for other URIs.

        Parameters do not count, but for ``;noa=``: a routing number is not the number that was called.

        Raises:
            NumberError: *text* is none of these, or its nature of address is none that is known here.
        """
        if len(text) > core_limits.URI_CHARACTERS:
            raise NumberError(f"a number or URI has at most {core_limits.URI_CHARACTERS} characters")
        inner = _inner(text)
        if inner is None:
            return None
        number, *parameters = inner.split(";")
        digits = number.translate(_SEPARATORS)
        if not _DIGITS.fullmatch(digits):
            raise NumberError("not a telephone number: expected digits, # or *")
        return cls(digits, _nature(parameters))


def _inner(text: str) -> str | None:
    """Return number and parameters without what a URI has around them; None where it holds no number."""
    uri = _URI.fullmatch(text)
    if uri is None:
        return text
    scheme, rest = uri["scheme"].lower(), uri["rest"]
    if scheme == "tel":
        return rest
    user, _, host = rest.rpartition("@")
    return user if scheme in {"sip", "sips"} and _PHONE.search(host) and _is_number(user) else None


def _is_number(user: str) -> bool:
    return _DIGITS.fullmatch(user.partition(";")[0].translate(_SEPARATORS)) is not None


def _nature(parameters: list[str]) -> Nature | None:
    found = next((match["nature"] for one in parameters if (match := _NATURE.fullmatch(one.strip()))), None)
    if found is None:
        return None
    nature = _NATURES.get(found.strip().lower())
    if nature is None:
        raise NumberError("the nature of address is none of subscriber, unknown, national and international (1 to 4)")
    return nature
