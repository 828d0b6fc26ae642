"""Answers: what one says, and the bytes and the port that it goes back with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from cps_client.gateway.sip.message import Message
from cps_client.gateway.sip.syntax import Uri

ALLOW: Final = ("Allow", "INVITE, ACK, CANCEL, OPTIONS")

PHRASES: Final[Mapping[int, str]] = {
    100: "Trying",
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    428: "Use Identity Header",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    487: "Request Terminated",
    500: "Server Internal Error",
    503: "Service Unavailable",
    505: "Version Not Supported",
    603: "Decline",
    607: "Unwanted",
    608: "Rejected",
}
"""What stands behind a status; others are told by their class."""

_CLASSES: Final = {4: "Request Failure", 5: "Server Failure", 6: "Global Failure"}
_RPORT: Final = re.compile(r";[ \t]*rport[ \t]*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)
_RECEIVED: Final = re.compile(r";[ \t]*received[ \t]*=[^;]*", re.IGNORECASE)
_TEXT: Final = re.compile(r"[\t -~\u0080-\U0010FFFF]*")
_PORT: Final = 5060
_SAFE: Final = "-_.!~*'()[]/?:+$"
"""What stands as it is in the value of a header in a URI (RFC 3261, section 25.1)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and header fields beside those that every answer has."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()

    def encode(self, message: Message, source: tuple[str, int], tag: str) -> bytes:
        """
        Return the bytes of this answer to *message* (RFC 3261, section 8.2.6).

        Args:
            message: What is answered.
            source: From where it came: host and port.
            tag: Of the To field, unless the request has one or this is 100 Trying.
        """
        to = message.fields["to"][0]
        if self.status > 100 and not re.search(r"[;\s]tag\s*=", to, re.IGNORECASE):  # noqa: PLR2004 - 100 Trying has no tag
            to = f"{to};tag={tag}"
        phrase = PHRASES.get(self.status) or _CLASSES[self.status // 100]
        lines = [
            f"SIP/2.0 {self.status} {phrase}",
            f"Via: {_returned(message, source)}",
            *(f"Via: {value}" for value in message.vias[1:]),
            f"From: {message.fields['from'][0]}",
            f"To: {to}",
            f"Call-ID: {message.fields['call-id'][0]}",
            f"CSeq: {message.fields['cseq'][0]}",
            *(f"{name}: {value}" for name, value in self.fields if _TEXT.fullmatch(value)),
            "Content-Length: 0",
        ]
        return "\r\n".join([*lines, "", ""]).encode()


def port_of(message: Message, source_port: int) -> int:
    """Return the port at the sender's address to which an answer over UDP goes (RFC 3261, 18.2.2; RFC 3581)."""
    return source_port if message.via.asks_rport else message.via.port or _PORT


def contact(template: str, called: Uri) -> str:
    """Return where the call goes on to; what has no user part, such as a service URN, goes on as it is."""
    return template.replace("{user}", called.user) if called.user else called.text


def with_headers(uri: str, fields: Sequence[tuple[str, str]]) -> str:
    """Return *uri* with header fields inside (RFC 3261, section 19.1.1), for SIP; other schemes have none."""
    if not fields or not uri.lower().startswith("sip"):
        return uri
    inside = "&".join(f"{name}={quote(value, safe=_SAFE)}" for name, value in fields)
    return f"{uri.partition('?')[0]}?{inside}"


def _returned(message: Message, source: tuple[str, int]) -> str:
    """Return the Via on top with the address that the request really came from (section 18.2.1; RFC 3581, 4)."""
    host, port = source
    value, rport = message.vias[0], message.via.asks_rport
    value = _RPORT.sub(f";rport={port}", _RECEIVED.sub("", value), count=1) if rport else _RECEIVED.sub("", value)
    return f"{value};received={host}" if rport or message.via.host.strip("[]").lower() != host else value
