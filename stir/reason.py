"""The Reason header field of SIP with the codes of STIR (RFC 3326; RFC 9366; RFC 9410)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stir import limits
from stir.errors import MalformedError
from stir.verdict import Verdict

PROTOCOL: Final = "STIR"
"""The protocol value under which the codes of RFC 8224, section 6.2.2 go (RFC 9366, section 4)."""

_CAUSE: Final = re.compile(r"[1-6][0-9]{2}")
_PPI: Final = re.compile(r"(?:[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|\.)\.[A-Za-z0-9_-]+")
"""A PASSporT in full form, or in compact form (RFC 8225, section 7)."""
_VALUE: Final = re.compile(r"[ \t]*(?P<protocol>[A-Za-z0-9!%*_+`'~.-]+)[ \t]*")
_PARAMETER: Final = re.compile(
    r""";[ \t]*(?P<name>[A-Za-z0-9!%*_+`'~.-]+)[ \t]*
        (?:=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\[^\r\n])*)"|(?P<plain>[A-Za-z0-9!%*_+`'~.:\[\]-]+))[ \t]*)?""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)")


class Ppi(StrEnum):
    """In which form a Reason names the PASSporT that failed (RFC 9410, section 4)."""

    FULL = "full"
    COMPACT = "compact"
    """The signature alone, which is enough for whoever signed it to find it again."""


@dataclass(frozen=True, slots=True)
class Reason:
    """
    One value of protocol STIR.

    Raises:
        MalformedError: The cause is no status code, the text cannot stand in a header field, or ppi is no PASSporT.
    """

    cause: int
    text: str | None = None
    ppi: str | None = None
    """The PASSporT that failed, in full or compact form."""

    def __post_init__(self) -> None:
        if not _CAUSE.fullmatch(str(self.cause)):
            raise MalformedError("the cause of a Reason is not a status code of SIP")
        if self.text is not None and not _is_text(self.text):
            raise MalformedError(f"the text of a Reason is not {limits.REASON_CHARACTERS} printable characters at most")
        if self.ppi is not None and not _is_passport(self.ppi):
            raise MalformedError("the ppi of a Reason is no PASSporT in full or compact form")

    def __str__(self) -> str:
        """Return the value as it stands in the header field."""
        text = "" if self.text is None else f";text={_quoted(self.text)}"
        ppi = "" if self.ppi is None else f";ppi={_quoted(self.ppi)}"
        return f"{PROTOCOL};cause={self.cause}{text}{ppi}"


def reasons(verdict: Verdict, *, ppi: Ppi | None = Ppi.COMPACT) -> tuple[Reason, ...]:
    """
    Return one Reason for each PASSporT of *verdict* that failed, in their order, equal ones once.

    Args:
        verdict: Under whatever profile gives the codes.
        ppi: How each names its PASSporT; None for not at all.
    """
    decided = verdict.decisive
    results = verdict.passports if decided in verdict.passports else (*verdict.passports, decided)
    found = (
        Reason(result.case.code, result.case.reason, _ppi(result.token, ppi))
        for result in results
        if result.case.code is not None
    )
    return tuple(dict.fromkeys(found))


def parse(field: str) -> tuple[Reason, ...]:
    """
    Return the values of protocol STIR in a Reason header field; those of other protocols are passed over.

    Raises:
        MalformedError: The field is too long, not of the form ``protocol;name=value…, …``, or has a value of
            protocol STIR without a cause, with a parameter twice, or with one that is not what it must be.
    """
    if len(field) > limits.REASON_BYTES:
        raise MalformedError(f"the Reason is longer than {limits.REASON_BYTES} bytes")
    return tuple(_reason(parameters) for protocol, parameters in _values(field) if protocol.upper() == PROTOCOL)


def _values(field: str) -> Iterator[tuple[str, Sequence[re.Match[str]]]]:
    """Take the field apart at its commas, of which quoted texts have some, too."""
    position = -1
    while position < len(field):
        value = _VALUE.match(field, position + 1)
        if value is None:
            raise MalformedError(f"no protocol in the Reason at character {position + 1}")
        position, parameters = value.end(), []
        while parameter := _PARAMETER.match(field, position):
            parameters.append(parameter)
            position = parameter.end()
        if field[position : position + 1] not in {"", ","}:
            raise MalformedError(f"no parameter of the form ;name=value in the Reason at character {position}")
        yield value["protocol"], parameters


def _reason(parameters: Sequence[re.Match[str]]) -> Reason:
    values: dict[str, str | None] = {}
    for parameter in parameters:
        name = parameter["name"].lower()
        if name in values:
            raise MalformedError("a parameter of the Reason stands twice")
        quoted: str | None = parameter["quoted"]
        values[name] = parameter["plain"] if quoted is None else _ESCAPED.sub(r"\1", quoted)
    cause = values.get("cause")
    if cause is None or not _CAUSE.fullmatch(cause):
        raise MalformedError("the Reason has no cause of three digits")
    for name in ("text", "ppi"):
        if name in values and values[name] is None:
            raise MalformedError(f"the parameter {name} of the Reason has no value")
    return Reason(int(cause), values.get("text"), values.get("ppi"))


def _ppi(token: str | None, form: Ppi | None) -> str | None:
    """Return *token* in that form; a token that is none is not repeated."""
    if token is None or form is None or not _is_passport(token):
        return None
    return token if form is Ppi.FULL else f"..{token.rpartition('.')[2]}"


def _is_passport(text: str) -> bool:
    return len(text) <= limits.PASSPORT_BYTES and _PPI.fullmatch(text) is not None


def _is_text(text: str) -> bool:
    return len(text) <= limits.REASON_CHARACTERS and text.isprintable()


def _quoted(text: str) -> str:
    """Return *text* as a quoted string (RFC 3261, section 25.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
