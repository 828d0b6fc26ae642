"""Claim constraints of the test world, good and broken (RFC 8226, section 8; RFC 9118)."""

from collections.abc import Sequence

from stir.testing import der

_UTF8_STRING = 0x0C


def constraints(
    *,
    include: Sequence[str] | None = None,
    permitted: Sequence[tuple[str, Sequence[str]]] | None = None,
    exclude: Sequence[str] | None = None,
) -> bytes:
    """Return the value of either extension; what is None is left out, and an empty list is written."""
    lists = [der.sequence(_name(claim), der.sequence(*map(_value, values))) for claim, values in permitted or ()]
    members = [
        None if include is None else der.explicit(0, der.sequence(*map(_name, include))),
        None if permitted is None else der.explicit(1, der.sequence(*lists)),
        None if exclude is None else der.explicit(2, der.sequence(*map(_name, exclude))),
    ]
    return der.sequence(*(member for member in members if member is not None))


def _name(claim: str) -> bytes:
    return der.tlv(der.IA5_STRING, claim.encode())


def _value(text: str) -> bytes:
    return der.tlv(_UTF8_STRING, text.encode())
