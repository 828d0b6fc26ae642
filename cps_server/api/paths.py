"""The path of the API: ``/passports/{DEST}/{ORIG}`` and ``/passports/{SPC}/{DEST}/{ORIG}``."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from stir import limits
from stir.errors import MalformedError, NumberError
from stir.tn import Party
from stir.token import SPC, Target

PREFIX: Final = "/passports/"
_SEGMENT: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})+")


def target(raw_path: str) -> Target | None:
    """
    Return what the undecoded *raw_path* names, or None when it is no path of this API.

    Each segment is decoded exactly once, after splitting, so that an encoded
    slash cannot move a boundary.

    Raises:
        MalformedError: A segment is empty, too long, or no number, URI or SPC; the detail names the segment.
    """
    segments = raw_path.removeprefix(PREFIX).split("/")
    match segments:
        case [dest, orig]:
            return Target(_party("DEST", dest), _party("ORIG", orig))
        case [spc, dest, orig]:
            return Target(_party("DEST", dest), _party("ORIG", orig), _spc(spc))
        case _:
            return None


def _party(name: str, segment: str) -> Party:
    try:
        return Party.parse(_decoded(name, segment))
    except NumberError as error:
        raise MalformedError(f"path: {name}: {error.detail}") from error


def _spc(segment: str) -> str:
    spc = _decoded("SPC", segment)
    if not SPC.fullmatch(spc):
        raise MalformedError("path: SPC: expected 3 to 15 letters and digits")
    return spc.upper()


def _decoded(name: str, segment: str) -> str:
    if not segment:
        raise MalformedError(f"path: {name} is empty")
    if len(segment) > limits.URI_CHARACTERS:
        raise MalformedError(f"path: {name} is longer than {limits.URI_CHARACTERS} characters")
    if not _SEGMENT.fullmatch(segment):
        raise MalformedError(f"path: {name} has a broken percent-encoding")
    text = unquote_to_bytes(segment).decode("latin-1")
    if "/" in text:
        raise MalformedError(f"path: {name} has an encoded slash")
    return text
