"""
Messages out of a stream of bytes (RFC 3261, section 18.3), without I/O.

Between messages there may be empty lines: two of them are a ping, which wants one back (RFC 5626, section 4.4.1).
"""

import re
from collections.abc import Iterator
from typing import Final

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.errors import UnreadableError
from cps_client.gateway.sip.message import END

PING: Final = b"\r\n\r\n"
PONG: Final = b"\r\n"

_LENGTH: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*([^\r\n]*)", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"([0-9]{1,9})[ \t]*")


class Framer:
    """Takes bytes as they come, and gives whole messages and pings in their order."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # up to here there is no end of a header
        self._needed: int | None = None  # whole length of the message that has begun

    @property
    def is_between(self) -> bool:
        """Whether no message has begun."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        Yield the messages that *data* completes, and PING for each ping.

        Raises:
            UnreadableError: Nobody can say where the next message begins.
        """
        self._buffer += data
        while self._buffer:
            if self._needed is None and self._buffer[:1] == b"\r":
                if (empty := self._empty_lines()) is None:
                    return
                yield from empty
                continue
            if (message := self._message()) is None:
                return
            yield message

    def _empty_lines(self) -> list[bytes] | None:
        """Take what stands between messages; None: more has to come."""
        if self._buffer.startswith(PING):
            del self._buffer[: len(PING)]
            return [PING]
        if PING.startswith(self._buffer):
            return None
        if not self._buffer.startswith(PONG):
            raise UnreadableError("a carriage return stands alone")
        del self._buffer[: len(PONG)]
        return []

    def _message(self) -> bytes | None:
        """Take one message; None: more has to come."""
        if self._needed is None:
            end = self._buffer.find(END, self._searched)
            if (len(self._buffer) if end < 0 else end) > limits.HEAD_BYTES:
                raise UnreadableError("the header is too long")
            if end < 0:
                self._searched = max(0, len(self._buffer) - len(END) + 1)
                return None
            self._needed = end + len(END) + _length(bytes(self._buffer[:end]))
        if len(self._buffer) < self._needed:
            return None
        message = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._searched, self._needed = 0, None
        return message


def _length(head: bytes) -> int:
    """Return the length of the body, which has to be told on a stream (section 20.14)."""
    found = {match[1] for match in _LENGTH.finditer(head)}
    digits = _DIGITS.fullmatch(found.pop()) if len(found) == 1 else None
    if digits is None:
        raise UnreadableError("there is not one Content-Length")
    length = int(digits[1])
    if length > limits.BODY_BYTES:
        raise UnreadableError("the body is too long")
    return length
