"""
The verstat parameter: how a verdict is written beside a telephone number (3GPP TS 24.229, section 7.2A.20).

It belongs to the number, so in a SIP URI it stands inside the user part. Others put it behind the host, or
behind the angle brackets; all of them are read, and removed when they come from outside.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from stir import limits
from stir.errors import MalformedError
from stir.extensions import ATTESTATIONS
from stir.verdict import Verdict, Verstat

NAME: Final = "verstat"

_FORM: Final = re.compile(
    rf"(?P<verstat>{'|'.join(Verstat)})(?:-(?P<attest>[{''.join(ATTESTATIONS)}]))?"
    r"(?P<diverted>-Diverted)?(?P<passthrough>-Passthrough)?",
    re.IGNORECASE,
)
_BY_NAME: Final = {verstat.lower(): verstat for verstat in Verstat}
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PIECE: Final = re.compile(
    rf"(?P<kept>{_QUOTED})|;[ \t]*(?P<name>[^;=@<>,?\s\"]+)(?:[ \t]*=[ \t]*(?P<value>{_QUOTED}|[^;@<>,?\s\"]*))?"
)


@dataclass(frozen=True, slots=True)
class Indication:
    """What a verstat parameter says; everything but *verstat* is a vendors' suffix."""

    verstat: Verstat
    attest: str | None = None
    diverted: bool = False
    passthrough: bool = False

    @classmethod
    def of(cls, verdict: Verdict) -> "Indication":
        """Return what *verdict* says of the calling number."""
        return cls(verdict.verstat, verdict.attest, diverted=verdict.passed and bool(verdict.diversions))

    @classmethod
    def parse(cls, text: str) -> "Indication":
        """
        Read the value of a verstat parameter, with suffixes or without.

        Raises:
            MalformedError: It is no value that anybody is known to send.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise MalformedError("the verstat is none that is known")
        attest: str | None = form["attest"]
        return cls(
            _BY_NAME[form["verstat"].lower()],
            attest.upper() if attest else None,
            diverted=bool(form["diverted"]),
            passthrough=bool(form["passthrough"]),
        )

    def __str__(self) -> str:
        """Return the value of the parameter, with the suffixes."""
        attest = f"-{self.attest}" if self.attest else ""
        return f"{self.verstat}{attest}{'-Diverted' * self.diverted}{'-Passthrough' * self.passthrough}"


def read(field: str) -> Indication | None:
    """
    Return what the verstat parameter in a From or P-Asserted-Identity, or in a URI, says; None without one.

    Raises:
        MalformedError: The field cannot be a header field, or has verstats that differ, or one that is not known.
    """
    found = {
        Indication.parse(unquote((piece["value"] or "").strip('"')))
        for piece in _PIECE.finditer(_checked(field))
        if _is_verstat(piece)
    }
    if len(found) > 1:
        raise MalformedError("there are several verstats that differ")
    return next(iter(found), None)


def strip(field: str) -> str:
    """
    Return *field* without any verstat parameter, wherever in it one stands.

    Raises:
        MalformedError: It cannot be a header field.
    """
    before, after = None, _checked(field)
    while before != after:  # what is left may read differently
        before, after = after, _PIECE.sub(lambda piece: "" if _is_verstat(piece) else piece[0], after)
    return after


def _is_verstat(piece: re.Match[str]) -> bool:
    return piece["kept"] is None and unquote(piece["name"]).lower() == NAME


def _checked(field: str) -> str:
    if len(field) > limits.SIP_FIELD_CHARACTERS:
        raise MalformedError(f"the field is longer than {limits.SIP_FIELD_CHARACTERS} characters")
    if not field.replace("\t", " ").isprintable():
        raise MalformedError("the field has a control character")
    return field
