"""
DER, written by hand.

The world must also make what no library agrees to write: NULL parameters, sticky issuers, truncated lists.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = b"\x05\x00"
IA5_STRING: Final = 0x16
SEQUENCE: Final = 0x30
TRUE: Final = b"\x01\x01\xff"
_LAST_UTC_TIME_YEAR: Final = 2049
_LONG_FORM: Final = 0x80


def tlv(tag: int, *content: bytes) -> bytes:
    """Return one element: *tag*, the length of all *content*, the content."""
    body = b"".join(content)
    if len(body) < _LONG_FORM:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def sequence(*content: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(SEQUENCE, *content)


def explicit(number: int, *content: bytes) -> bytes:
    """Return *content* under the constructed context tag *number*."""
    return tlv(0xA0 | number, *content)


def implicit(number: int, content: bytes) -> bytes:
    """Return *content* under the primitive context tag *number*."""
    return tlv(0x80 | number, content)


def integer(value: int) -> bytes:
    """Return an INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, *(_base128(arc) for arc in (first * 40 + second, *rest)))


def _base128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))


def bits(content: bytes) -> bytes:
    """Return a BIT STRING of whole bytes."""
    return tlv(BIT_STRING, b"\x00", content)


def time(instant: datetime) -> bytes:
    """Return a UTCTime until 2049, a GeneralizedTime from 2050 (RFC 5280, section 4.1.2.5)."""
    if instant.year <= _LAST_UTC_TIME_YEAR:
        return tlv(0x17, instant.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, instant.strftime("%Y%m%d%H%M%SZ").encode())


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """Return one X.509 Extension."""
    return sequence(oid(dotted), TRUE if critical else b"", tlv(OCTET_STRING, value))


def children(element: bytes) -> list[bytes]:
    """Return the elements inside *element*, each with its own header."""
    return list(_elements(element[_header(element, 0) :]))


def _elements(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = start + _header(data, start) + _length(data, start)
        yield data[start:end]
        start = end


def _header(data: bytes, at: int) -> int:
    return 2 + (data[at + 1] & 0x7F if data[at + 1] & 0x80 else 0)


def _length(data: bytes, at: int) -> int:
    first = data[at + 1]
    if not first & 0x80:
        return first
    return int.from_bytes(data[at + 2 : at + 2 + (first & 0x7F)], "big")
