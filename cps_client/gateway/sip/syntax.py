"""
The values inside header fields: the only door to sipmessage.

It reads well what it reads, yet some of what is in use it refuses or reads as something else. So values are bounded
and brought into one form first, and whatever goes back to the sender is never what sipmessage would write, which
escapes the ``*`` and ``'`` that a branch may have. What came out when it was measured (0.7.1):

- the display name ``"a" <sip:1@x>;p="b" <sip:2@y>`` is read to its *last* quote, so that the caller is 2;
- a folded line becomes a field of its own, and ``Call-ID :`` is not found;
- ``urn:service:sos``, a host with an underscore, ``received=2001:db8::1`` and ``SIP / 2.0 / UDP`` are refused;
- a parameter called self raises TypeError; digits of any script are digits; names of parameters keep their case;
- a kilobyte of quotes in place of a display name takes 25 ms, and four times as many sixteen times as long.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import unquote

import sipmessage

from cps_client.gateway.sip import limits
from stir.errors import MalformedError

_PRINTABLE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PIECE: Final = re.compile(rf"{_QUOTED}|<[^<>]*>|[^\",<>]+|(?P<comma>,)")
_NAME_ADDRESS: Final = re.compile(rf"(?:{_QUOTED}[ \t]*|[^\"<>]*)<(?P<uri>[^<>]*)>(?P<parameters>[^<>]*)")
_TAG: Final = re.compile(r";[ \t]*tag[ \t]*=[ \t]*(?P<tag>[A-Za-z0-9!%*_+`'~.-]+)[ \t]*(?:;|\Z)", re.IGNORECASE)
_VIA: Final = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*(?P<transport>[A-Za-z0-9.!%*_+`'~-]+)[ \t]+"
    r"(?P<host>\[[^\]]*\]|[A-Za-z0-9._-]+)[ \t]*(?::[ \t]*(?P<port>[0-9]{1,5}))?[ \t]*(?P<parameters>(?:;.*)?)",
    re.IGNORECASE,
)
_RECEIVED: Final = re.compile(r";[ \t]*received[ \t]*=[^;]*", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>[!-~]+)")
_TELEPHONE: Final = re.compile(r"[+*#]?[0-9*#().-]*[0-9][0-9*#().-]*")
_HIGHEST_PORT: Final = 65_535

T = TypeVar("T")


class SyntaxDefectError(MalformedError):
    """A header field's value is not of the form that RFC 3261, section 25 gives it."""

    code = "sip-syntax"


@dataclass(frozen=True, slots=True)
class Via:
    """The Via on top: by whom the request was sent, and how it wants its answer."""

    transport: str
    host: str
    port: int | None
    branch: str
    asks_rport: bool
    """Whether the answer goes to the port that the request came from (RFC 3581)."""

    @property
    def sent_by(self) -> str:
        """Host and port, in the one form in which they are compared."""
        return f"{self.host.lower()}:{self.port or ''}"


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI; *text* and *user* as they stand, escapes and all; the user of a tel URI is its number."""

    text: str
    scheme: str
    user: str | None = None
    host: str | None = None

    @property
    def party(self) -> str:
        """
        The number that it holds, with its parameters, as it is signalled; the URI itself if it holds none.

        SBCs often leave out user=phone, so a user part that reads like a number is one.
        """
        if self.user is None:
            return self.text
        user = unquote(self.user)
        return user if _TELEPHONE.fullmatch(user.partition(";")[0]) else self.text


def values(text: str) -> Iterator[str]:
    """
    Take a field apart at its commas, of which quoted strings and angle brackets have some, too.

    Raises:
        SyntaxDefectError: A quote or bracket has no counterpart.
    """
    start = position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            raise SyntaxDefectError("a quote or bracket is not closed")
        position = piece.end()
        if piece["comma"]:
            yield text[start : piece.start()].strip()
            start = position
    yield text[start:].strip()


def via(text: str) -> Via:
    """
    Read one Via value; what its sender says of received does not count (RFC 3261, section 18.2.1).

    Raises:
        SyntaxDefectError: It is none.
    """
    form = _VIA.fullmatch(_bounded(text))
    if form is None:
        raise SyntaxDefectError("the Via is not of the form SIP/2.0/UDP host;branch=…")
    port, host = form["port"], form["host"].replace("_", "-")
    parameters = _RECEIVED.sub("", form["parameters"]).replace("\t", " ")
    read = _read(sipmessage.Via.parse, f"SIP/2.0/{form['transport']} {host}{f':{port}' * bool(port)}{parameters}")
    named = {name.lower(): value for name, value in read.parameters.items()}
    if len(named) < len(read.parameters) or (read.port or 0) > _HIGHEST_PORT:
        raise SyntaxDefectError("the Via has a parameter twice, or a port that is none")
    return Via(form["transport"].upper(), form["host"], read.port, named.get("branch") or "", "rport" in named)


def cseq(text: str) -> tuple[int, str]:
    """
    Read CSeq: the number and the method.

    Raises:
        SyntaxDefectError: It is no CSeq.
    """
    read = _read(sipmessage.CSeq.parse, _bounded(text))
    if len(str(read.sequence)) > limits.SEQUENCE_DIGITS or read.sequence >= 2**31:
        raise SyntaxDefectError("the number in CSeq is too large")
    return read.sequence, read.method


def uri(text: str) -> Uri:
    """
    Read a URI: sip and sips exactly, any other as it is.

    Raises:
        SyntaxDefectError: It is none.
    """
    form = _SCHEME.fullmatch(_bounded(text))
    if form is None or set(text) & set('<>"'):
        raise SyntaxDefectError("not a URI")
    scheme = form["scheme"].lower()
    if scheme not in {"sip", "sips"}:
        return Uri(text, scheme, form["rest"] if scheme == "tel" else None)
    user, at, host = form["rest"].rpartition("@")
    read = _read(sipmessage.URI.parse, f"{scheme}:{user}{at}{host.partition('?')[0].replace('_', '-')}")
    if (read.port or 0) > _HIGHEST_PORT or (at and read.user is None):
        raise SyntaxDefectError("the port of a URI is none, or its user is empty")
    raw = user.partition(":")[0] if at else None
    return Uri(text, scheme, raw, re.split(r"[:;?](?![^\[]*\])", host, maxsplit=1)[0])


def address(text: str) -> tuple[Uri, str | None]:
    """
    Read From, To or one value of P-Asserted-Identity: the URI and the tag.

    Raises:
        SyntaxDefectError: It is none of these.
    """
    if len(text) > limits.VALUE_CHARACTERS:
        raise SyntaxDefectError("the address is too long")
    form = _NAME_ADDRESS.fullmatch(text.strip())
    if form is not None:
        inside, parameters = form["uri"].strip(), form["parameters"]
    else:  # without brackets the parameters are the field's, not the URI's (RFC 3261, section 20.10)
        inside, semicolon, rest = text.strip().partition(";")
        inside, parameters = inside.strip(), semicolon + rest
    found = _TAG.search(parameters)
    return uri(inside), found["tag"] if found else None


def _bounded(text: str) -> str:
    text = text.strip(" \t").replace("\t", " ")
    if len(text) > limits.VALUE_CHARACTERS or not _PRINTABLE.fullmatch(text):
        raise SyntaxDefectError(f"not {limits.VALUE_CHARACTERS} printable ASCII characters at most")
    return text


def _read(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except (ValueError, TypeError) as error:  # TypeError: a parameter called self
        raise SyntaxDefectError(f"not of the form of RFC 3261: {error}") from error
