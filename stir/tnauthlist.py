"""
The TNAuthList: which service provider codes and telephone numbers a certificate speaks for (RFC 8226, section 9).

Production certificates hold exactly one service provider code; ranges and numbers come with delegate certificates.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, TypeAlias

from cryptography.hazmat import asn1

from stir import limits
from stir.errors import TNAuthListError

OID: Final = "1.3.6.1.5.5.7.1.26"
"""Object identifier of the extension id-pe-TNAuthList."""
REFERENCE: Final = "1.3.6.1.5.5.7.48.14"
"""Access method id-ad-stirTNList: the list is at a URL, and not in the certificate (RFC 8226, section 10.1)."""

_SPC: Final = re.compile(r"[\x20-\x7e]+")
_NUMBER: Final = re.compile(rf"[0-9#*]{{1,{limits.NUMBER_DIGITS}}}")
_DIGITS: Final = re.compile(rf"[0-9]{{1,{limits.NUMBER_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class NumberRange:
    """*count* consecutive telephone numbers from *start* on, all of one length."""

    start: str
    count: int

    def covers(self, number: str) -> bool:
        """Tell whether *number* is in the range; a start with ``#`` or ``*`` stands for itself alone."""
        if number == self.start:
            return True
        if len(number) != len(self.start) or not (_DIGITS.fullmatch(number) and _DIGITS.fullmatch(self.start)):
            return False
        return 0 <= int(number) - int(self.start) < self.count


@dataclass(frozen=True, slots=True)
class ServiceProviderCode:
    """One service provider code, as written in the certificate."""

    value: str


@dataclass(frozen=True, slots=True)
class TelephoneNumber:
    """One telephone number."""

    value: str


Entry: TypeAlias = ServiceProviderCode | NumberRange | TelephoneNumber
"""One TNEntry."""


@asn1.sequence
class _Range:
    start: asn1.IA5String
    count: int


@asn1.sequence
class _Parts:
    """Any SEQUENCE, element by element, behind an outer header: how an extensible one is read."""

    parts: list[asn1.TLV]


@asn1.sequence
class _Wrapped:
    """A list behind the outer header which the decoder wants: it takes no bare SEQUENCE OF."""

    entries: list[
        Annotated[asn1.Variant[asn1.IA5String, Literal["spc"]], asn1.Explicit(0)]
        | Annotated[asn1.Variant[asn1.TLV, Literal["range"]], asn1.Explicit(1)]
        | Annotated[asn1.Variant[asn1.IA5String, Literal["one"]], asn1.Explicit(2)]
    ]


@asn1.sequence
class _Outer:
    inner: asn1.TLV


_Variant: TypeAlias = (
    asn1.Variant[asn1.IA5String, Literal["spc"]]
    | asn1.Variant[asn1.TLV, Literal["range"]]
    | asn1.Variant[asn1.IA5String, Literal["one"]]
)


@dataclass(frozen=True, slots=True)
class TNAuthList:
    """
    The entries of a TNAuthList, in their order.

    An empty list, which the standard forbids, is a value too: it authorizes nothing, and the profile refuses it.
    """

    entries: tuple[Entry, ...]

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """
        Read the value of the extension.

        Raises:
            TNAuthListError: *der* is not one TNAuthorizationList in DER, or a value in it is impossible.
        """
        try:
            wrapped = asn1.decode_der(_Wrapped, _wrap(asn1.decode_der(asn1.TLV, der)))
        except (ValueError, OverflowError) as error:
            raise TNAuthListError("the TNAuthList is not DER of RFC 8226") from error
        if len(wrapped.entries) > limits.TNAUTHLIST_ENTRIES:
            raise TNAuthListError(f"the TNAuthList has over {limits.TNAUTHLIST_ENTRIES} entries")
        return cls(tuple(_read(entry) for entry in wrapped.entries))

    @classmethod
    def of(cls, *, spcs: Iterable[str] = (), ranges: Iterable[NumberRange] = (), numbers: Iterable[str] = ()) -> Self:
        """Make a list for issuing: codes first, then ranges, then numbers."""
        return cls((*map(ServiceProviderCode, spcs), *ranges, *map(TelephoneNumber, numbers)))

    def to_der(self) -> bytes:
        """Return the value of the extension."""
        der = asn1.encode_der(_Wrapped(entries=[_written(entry) for entry in self.entries]))
        return bytes(asn1.decode_der(asn1.TLV, der).data)

    @property
    def spcs(self) -> tuple[str, ...]:
        """The service provider codes, as written."""
        return tuple(entry.value for entry in self.entries if isinstance(entry, ServiceProviderCode))

    @property
    def ranges(self) -> tuple[NumberRange, ...]:
        """The number ranges."""
        return tuple(entry for entry in self.entries if isinstance(entry, NumberRange))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The single telephone numbers."""
        return tuple(entry.value for entry in self.entries if isinstance(entry, TelephoneNumber))

    @property
    def spc(self) -> str | None:
        """The service provider code, if that is all there is: what a SHAKEN certificate must hold."""
        match self.entries:
            case (ServiceProviderCode(value),):
                return value
            case _:
                return None

    def has_spc(self, spc: str) -> bool:
        """Tell whether *spc* is listed; upper and lower case are the same."""
        return spc == self.spc or spc.casefold() in {own.casefold() for own in self.spcs}

    def covers(self, number: str) -> bool:
        """Tell whether *number* is listed or inside a range."""
        return number in self.numbers or any(held.covers(number) for held in self.ranges)


def _wrap(element: asn1.TLV) -> bytes:
    return asn1.encode_der(_Outer(inner=element))


def _read(entry: _Variant) -> Entry:
    if isinstance(entry.value, asn1.TLV):
        return _read_range(entry.value)
    text = entry.value.as_str()
    if entry.tag == "one":
        return TelephoneNumber(_number(text))
    if not _SPC.fullmatch(text):
        raise TNAuthListError("a service provider code of the TNAuthList is empty or not printable")
    return ServiceProviderCode(text)


def _read_range(element: asn1.TLV) -> NumberRange:
    """Read a TelephoneNumberRange; it is extensible, so what follows its two elements is skipped."""
    try:
        start, count, *_ = asn1.decode_der(_Parts, _wrap(element)).parts
        found = NumberRange(_number(start.parse(asn1.IA5String).as_str()), count.parse(int))
    except (ValueError, OverflowError) as error:
        raise TNAuthListError("a number range of the TNAuthList is not DER of RFC 8226") from error
    if found.count < 2:  # noqa: PLR2004 - INTEGER (2..MAX)
        raise TNAuthListError("a number range of the TNAuthList counts fewer than two numbers")
    if found.count > 10**limits.NUMBER_DIGITS:
        raise TNAuthListError("a number range of the TNAuthList counts more numbers than there are")
    return found


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise TNAuthListError("a telephone number of the TNAuthList is not 1 to 15 digits, # or *")
    return text


def _written(entry: Entry) -> _Variant:
    if isinstance(entry, ServiceProviderCode):
        return asn1.Variant(asn1.IA5String(entry.value), "spc")
    if isinstance(entry, TelephoneNumber):
        return asn1.Variant(asn1.IA5String(entry.value), "one")
    der = asn1.encode_der(_Range(start=asn1.IA5String(entry.start), count=entry.count))
    return asn1.Variant(asn1.decode_der(asn1.TLV, der), "range")
