"""TNAuthLists of the test world, good and broken (RFC 8226, section 9)."""

from stir.testing import der


def spc(*codes: str) -> bytes:
    """Return a TNAuthList of service provider codes."""
    return der.sequence(*(der.explicit(0, der.tlv(der.IA5_STRING, code.encode())) for code in codes))


def numbers(*numbers: str) -> bytes:
    """Return a TNAuthList of single telephone numbers."""
    return der.sequence(*(der.explicit(2, der.tlv(der.IA5_STRING, number.encode())) for number in numbers))


def span(start: str, count: int) -> bytes:
    """Return a TNAuthList of one range of telephone numbers."""
    first = der.tlv(der.IA5_STRING, start.encode())
    return der.sequence(der.explicit(1, der.sequence(first, der.integer(count))))


def reference(url: str, *, tag: int = 0x86) -> tuple[str, bytes, bool]:
    """Return the extension that says where the list is (RFC 8226, section 10.1), for ``Template.extensions``."""
    description = der.sequence(der.oid("1.3.6.1.5.5.7.48.14"), der.tlv(tag, url.encode()))
    return "1.3.6.1.5.5.7.1.1", der.sequence(description), False


EMPTY = der.sequence()
"""A list without entries, which the SIZE of the type forbids."""

TRUNCATED = spc("709J")[:-1]
"""A list that ends too early, as some real certificates have it."""

UNTAGGED = der.sequence(der.tlv(0x13, b"709J"))
"""A PrintableString without its context tag, as some real certificates have it."""
