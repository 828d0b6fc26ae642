"""Telephone numbers and URIs in the one form in which they are compared (RFC 8224, section 8.3)."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from stir import limits
from stir.errors import NumberError

_SEPARATORS: Final = str.maketrans("", "", "-.() ")
_NUMBER: Final = re.compile(rf"[0-9#*]{{1,{limits.NUMBER_DIGITS}}}")
_SCHEME: Final = re.compile(r"[A-Za-z]+(?=:)")
_URI: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>[!-~]+)")


@dataclass(frozen=True, slots=True, order=True)
class Party:
    """One end of a call: a telephone number, or a URI where there is none."""

    kind: Literal["tn", "uri"]
    value: str
    """Canonical: digits with the country code first, or a normalised URI."""

    @classmethod
    def tn(cls, text: str) -> "Party":
        """
        Return the party with the telephone number *text*.

        Raises:
            NumberError: *text* is not a telephone number.
        """
        return cls("tn", text if _NUMBER.fullmatch(text) else canonical_number(text))

    @classmethod
    def uri(cls, text: str) -> "Party":
        """
        Return the party with the URI *text*.

        Raises:
            NumberError: *text* is not a URI.
        """
        return cls("uri", canonical_uri(text))

    @classmethod
    def parse(cls, text: str) -> "Party":
        """
        Return the party that *text* names: a number, a tel URI, a SIP URI that holds a number, or another URI.

        Raises:
            NumberError: *text* is none of these.
        """
        uri = _URI.fullmatch(text) if ":" in text else None
        if uri is None:
            return cls.tn(text)
        scheme, rest = uri["scheme"].lower(), uri["rest"]
        if scheme == "tel":
            return cls.tn(rest.partition(";")[0])
        number = _number_in_sip(rest) if scheme in {"sip", "sips"} else None
        return cls.uri(text) if number is None else cls("tn", number)

    def as_claim(self) -> dict[str, str]:
        """Return the party as the value of an ``orig`` claim."""
        return {self.kind: self.value}

    def as_dest_claim(self) -> dict[str, list[str]]:
        """Return the party as the value of a ``dest`` claim."""
        return {self.kind: [self.value]}

    @property
    def masked(self) -> str:
        """How the party may stand in a log."""
        return masked(self.value)


def canonical_number(text: str) -> str:
    """
    Return *text* without its leading ``+`` and its visual separators.

    No country code is ever guessed: that is the dial plan's business, where
    the number enters. Bad characters make it no number at all.

    Raises:
        NumberError: What is left is not 1 to 15 digits, ``#`` and ``*``.
    """
    digits = _digits(text)
    if digits is None:
        raise NumberError(f"not a telephone number: expected 1 to {limits.NUMBER_DIGITS} digits, # or *")
    return digits


def canonical_uri(text: str) -> str:
    """
    Return *text* with its scheme in lower case, and a SIP URI's host too, without its parameters and headers.

    Raises:
        NumberError: *text* is not a URI of printable ASCII within the length limit.
    """
    match = _URI.fullmatch(text)
    if match is None or len(text) > limits.URI_CHARACTERS:
        raise NumberError(f"not a URI of at most {limits.URI_CHARACTERS} printable ASCII characters")
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme in {"sip", "sips"}:
        user, at, host = rest.rpartition("@")
        host = re.split(r"[;?]", host, maxsplit=1)[0]
        if not host:
            raise NumberError("a SIP URI has no host")
        rest = f"{user}{at}{host.lower()}"
    elif scheme == "urn":
        rest = rest.lower()
    return f"{scheme}:{rest}"


def masked(value: str) -> str:
    """
    Return *value* as it may stand in a log: the first seven digits of a number, the scheme of a URI.

    A number never shows its last four digits, and what is in no canonical form shows nothing.
    """
    if _NUMBER.fullmatch(value):
        shown = max(0, min(7, len(value) - 4))
        return f"+{value[:shown]}{'*' * (len(value) - shown)}"
    scheme = _SCHEME.match(value)
    return f"{scheme[0]}:****" if scheme else "****"


def _digits(text: str) -> str | None:
    """Return the canonical form of *text*, or None when it is no telephone number."""
    if _NUMBER.fullmatch(text):
        return text
    digits = text.removeprefix("+").translate(_SEPARATORS)
    return digits if _NUMBER.fullmatch(digits) else None


def _number_in_sip(rest: str) -> str | None:
    """Return the number in a SIP URI, given without its scheme, that says it holds one; None when it does not."""
    user, _, host = rest.rpartition("@")
    if re.search(r";user=phone(;|\?|$)", host, re.IGNORECASE):
        return _digits(user.partition(";")[0])
    return None
