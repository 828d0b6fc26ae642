"""
A SIP request: read strictly out of bytes, in two steps, so that one that is not right can still be answered.

The first step gives a :class:`Message`, which has all that an answer needs, or nothing; the second a
:class:`Request`, which is what this server acts on, or says with which status it is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from cps_client.gateway.sip import limits, syntax
from cps_client.gateway.sip.errors import RefusedError, UnreadableError
from cps_client.gateway.sip.syntax import Uri, Via

END: Final = b"\r\n\r\n"
"""Between header and body."""

VERSION: Final = "SIP/2.0"
_COMPACT: Final[Mapping[str, str]] = {
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "t": "to",
    "v": "via",
    "y": "identity",
}
"""Short names of the fields that are looked at (RFC 3261, section 7.3.3; RFC 8224, section 9)."""

_START: Final = re.compile(r"(?P<method>[A-Za-z0-9.!%*_+`'~-]{1,32}) (?P<uri>[!-~]+) (?P<version>SIP/[0-9]\.[0-9])")
_NAME: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_CALL_ID: Final = re.compile(r"[!-~]{1,256}")
_ONCE: Final = ("from", "to", "call-id", "cseq")
_SCHEMES: Final = frozenset({"sip", "sips", "tel", "urn"})
_ELSEWHERE: Final = frozenset({"100rel", "timer", "precondition", "replaces", "histinfo", "from-change", "norefersub"})
"""What is between the ends of a session: who the call is sent on to understands it, or refuses it."""
_NAMED: Final = 8  # extensions that a refusal names: it is not longer than the request


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it came in, good enough to be answered."""

    method: str
    uri: str
    version: str
    fields: Mapping[str, tuple[str, ...]]
    """Values by name in lower case and full length, in order; folded lines are unfolded."""
    via: Via
    """The one on top."""
    vias: tuple[str, ...]
    """All Via values as they came, the one on top first."""
    complaint: str | None = None
    """What is wrong with its form, if anything is."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """
        Read *data*, one whole message.

        Raises:
            UnreadableError: It is no request, or has not what an answer needs.
        """
        head, end, body = data.partition(END)
        if not end or len(head) > limits.HEAD_BYTES:
            raise UnreadableError("the header has no end, or is too long")
        start, lines = _lines(head)
        fields, complaint = _fields(lines)
        for name in _ONCE:
            if len(fields.get(name, ())) != 1:
                raise UnreadableError(f"not one {name} field")
        vias, top = _vias(fields.get("via", ()))
        return cls(**start, fields=fields, via=top, vias=vias, complaint=complaint or _shortage(fields, body))

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of the field *name*, in order."""
        return self.fields.get(name, ())

    def first(self, name: str) -> str | None:
        """Return the first value of the field *name*."""
        return next(iter(self.all(name)), None)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is right in all that this server looks at."""

    message: Message
    uri: Uri
    caller: Uri
    """Of the first P-Asserted-Identity that is a SIP or tel URI, else of From (RFC 8224, section 4.1)."""
    call_id: str
    sequence: int
    from_tag: str | None
    to_tag: str | None

    @classmethod
    def of(cls, message: Message) -> Self:
        """
        Check what the header fields say.

        Raises:
            RefusedError: The status says why (RFC 3261, section 8.2).
        """
        if message.version != VERSION:
            raise RefusedError(505, "only SIP/2.0 is spoken here")
        if message.complaint is not None:
            raise RefusedError(400, message.complaint)
        try:
            return cls._checked(message)
        except syntax.SyntaxDefectError as error:
            raise RefusedError(400, error.detail) from error

    @property
    def method(self) -> str:
        """The method."""
        return self.message.method

    @property
    def identities(self) -> tuple[str, ...]:
        """The values of Identity, in order."""
        return self.message.all("identity")

    @classmethod
    def _checked(cls, message: Message) -> Self:
        sequence, method = syntax.cseq(message.fields["cseq"][0])
        if method != message.method:
            raise RefusedError(400, "CSeq has another method")
        if not _CALL_ID.fullmatch(message.fields["call-id"][0]):
            raise RefusedError(400, "the Call-ID is none")
        sender, from_tag = syntax.address(message.fields["from"][0])
        _, to_tag = syntax.address(message.fields["to"][0])
        called = syntax.uri(message.uri)
        if called.scheme not in _SCHEMES:
            raise RefusedError(416, "the scheme of the Request-URI is none of sip, sips, tel and urn")
        _require_hops(message)
        _require_known(message)
        caller = _asserted(message) or sender
        return cls(message, called, caller, message.fields["call-id"][0], sequence, from_tag, to_tag)


def _lines(head: bytes) -> tuple[dict[str, str], list[str]]:
    """Return the start line taken apart, and the field lines, unfolded (RFC 3261, section 7.3.1)."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("the header is not UTF-8") from error
    first, *lines = _FOLD.sub(" ", text).split("\r\n")
    start = _START.fullmatch(first)
    if start is None:
        is_answer = first.startswith("SIP/")
        raise UnreadableError("no request line", reason="response" if is_answer else "malformed")
    return start.groupdict(), lines


def _fields(lines: list[str]) -> tuple[dict[str, tuple[str, ...]], str | None]:
    """Return the values by name, and a complaint if some line is no field; what can be read is kept for the answer."""
    found: dict[str, list[str]] = {}
    complaint = None
    if len(lines) > limits.FIELDS:
        complaint = f"there are more than {limits.FIELDS} header fields"
    for line in lines[: limits.FIELDS]:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t").lower()
        if not colon or not _NAME.fullmatch(name) or len(value) > limits.FIELD_CHARACTERS or _CONTROL.search(value):
            complaint = complaint or "a header field is malformed or too long"
        else:
            found.setdefault(_COMPACT.get(name, name), []).append(value.strip(" \t"))
    return {name: tuple(all_of) for name, all_of in found.items()}, complaint


def _vias(fields: tuple[str, ...]) -> tuple[tuple[str, ...], Via]:
    """Return every Via value, and the first one read: without it nobody knows where an answer goes."""
    try:
        vias = tuple(value for field in fields for value in syntax.values(field))
        if not 0 < len(vias) <= limits.VIAS:
            raise UnreadableError(f"not 1 to {limits.VIAS} Via values")
        return vias, syntax.via(vias[0])
    except syntax.SyntaxDefectError as error:
        raise UnreadableError(error.detail) from error


def _shortage(fields: Mapping[str, tuple[str, ...]], body: bytes) -> str | None:
    """Return what is wrong with the length: without one the body is all that came (RFC 3261, section 18.3)."""
    lengths = set(fields.get("content-length", ()))
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        return "Content-Length is no length"
    return "the body is shorter than Content-Length says" if int(length) > len(body) else None


def _require_hops(message: Message) -> None:
    """Check the form of Max-Forwards; at 0 a request has arrived here, which nobody forwards (section 16.3)."""
    hops = message.first("max-forwards")
    if hops is not None and not (_LENGTH.fullmatch(hops) and int(hops) <= limits.HOPS):
        raise RefusedError(400, "Max-Forwards is no number up to 255")


def _require_known(message: Message) -> None:
    """Refuse extensions that nobody here knows (RFC 3261, section 8.2.2.3)."""
    if message.method in {"ACK", "CANCEL"}:
        return
    wanted = [tag for field in message.all("require") for tag in _tokens(field)]
    unknown = [tag for tag in wanted if tag.lower() not in _ELSEWHERE]
    if any(not _NAME.fullmatch(tag) for tag in unknown):
        raise RefusedError(400, "Require is no list of option tags")
    if unknown:
        raise RefusedError(
            420, "an extension is required that is not known", (("Unsupported", ", ".join(unknown[:_NAMED])),)
        )


def _tokens(field: str) -> Iterator[str]:
    return (tag for one in field.split(",") if (tag := one.strip()))


def _asserted(message: Message) -> Uri | None:
    """Return the first P-Asserted-Identity that can be read; the sender is one whom this server trusts."""
    for field in message.all("p-asserted-identity"):
        try:
            for value in syntax.values(field):
                found, _ = syntax.address(value)
                if found.scheme in {"sip", "sips", "tel"}:
                    return found
        except syntax.SyntaxDefectError:
            continue  # a broken assertion is none
    return None
