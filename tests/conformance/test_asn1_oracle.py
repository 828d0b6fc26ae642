"""
TNAuthLists and claim constraints, against an independent ASN.1 decoder: ten thousand values, half of them damaged.

The oracle is pyasn1 with its module for RFC 8226; RFC 9118 has no module there, and is written down here.
It is lenient, so what it reads counts only if it writes the very same bytes back, which is what DER means.
"""

import random
from collections.abc import Callable

import pytest
from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, tag, univ
from pyasn1_modules import rfc8226

from stir import limits
from stir.constraints import ClaimConstraints
from stir.errors import ConstraintFormatError, StirError, TNAuthListError
from stir.testing import tnauthlist
from stir.testing.constraints import constraints
from stir.tnauthlist import NumberRange, ServiceProviderCode, TNAuthList

EACH = 5_000


def _explicit(number: int) -> tag.Tag:
    return tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, number)


def enhanced_constraints() -> univ.Sequence:
    """Return EnhancedJWTClaimConstraints of RFC 9118, section 4, which names its parts as RFC 8226 does."""
    kinds = (rfc8226.JWTClaimNames(), rfc8226.JWTClaimPermittedValuesList(), rfc8226.JWTClaimNames())
    names = ("mustInclude", "permittedValues", "mustExclude")
    parts = (
        namedtype.OptionalNamedType(name, kind.subtype(explicitTag=_explicit(number)))
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )
    return univ.Sequence(componentType=namedtype.NamedTypes(*parts))


def oracle(der: bytes, kind: univ.Sequence | univ.SequenceOf) -> univ.Sequence | None:
    """Return what pyasn1 reads, or None if it reads nothing or would write other bytes."""
    try:
        value, rest = decoder.decode(der, asn1Spec=kind)
        return value if not rest and encoder.encode(value) == der else None
    except (PyAsn1Error, ValueError, IndexError, KeyError, TypeError, AttributeError):
        return None  # some damage lets other errors than its own out of it


def entries_of(value: univ.SequenceOf) -> list[tuple[str, object]] | None:
    """Return a TNAuthorizationList's entries; None if one breaks a bound that the oracle does not know."""
    found: list[tuple[str, object]] = []
    for entry in value:
        name, held = entry.getName(), entry.getComponent()
        if name == "range":
            start, count = str(held["start"]), int(held["count"])
            found.append((name, (start, count)))
            if not 2 <= count <= 10**limits.NUMBER_DIGITS or not _is_number(start):
                return None
        else:
            text = str(held)
            found.append((name, text))
            if not (_is_number(text) if name == "one" else text and text.isascii() and text.isprintable()):
                return None
    return found


def _is_number(text: str) -> bool:
    return 1 <= len(text) <= limits.NUMBER_DIGITS and set(text) <= set("0123456789#*")


def constraints_of(value: univ.Sequence) -> dict[str, object] | None:
    """Return claim constraints under their names; None if there are none, or an empty list of some kind."""
    lists = [value[name] for name in value if value[name].isValue]
    if not lists or not all(map(len, lists)):
        return None
    found: dict[str, object] = {}
    for name in ("mustInclude", "mustExclude"):
        if name in value and value[name].isValue:
            found[name] = [str(one) for one in value[name]]
            if not all(text.isascii() for text in found[name]):
                return None
    if value["permittedValues"].isValue:
        permitted = [(str(one["claim"]), [str(text) for text in one["permitted"]]) for one in value["permittedValues"]]
        if not all(claim.isascii() and values for claim, values in permitted):
            return None
        found["permittedValues"] = dict(permitted)
    return found


def ours_entries(der: bytes) -> list[tuple[str, object]]:
    """Return our reading of a TNAuthList in the same form."""
    found: list[tuple[str, object]] = []
    for entry in TNAuthList.from_der(der).entries:
        if isinstance(entry, NumberRange):
            found.append(("range", (entry.start, entry.count)))
        else:
            found.append(("spc" if isinstance(entry, ServiceProviderCode) else "one", entry.value))
    return found


def a_list(chance: random.Random) -> bytes:
    """Make a TNAuthList."""
    parts = b""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 5))):
        number = "".join(chance.choices("0123456789#*", k=chance.randint(1, 15)))
        code = "".join(chance.choices("0123456789ABCJab", k=chance.randint(1, 6)))
        count = chance.choice((2, 100, 127, 128, 65_536, 10**14))
        made = (tnauthlist.spc(code), tnauthlist.numbers(number), tnauthlist.span(number, count))
        parts += tnauthlist.der.children(chance.choice(made))[0]
    return tnauthlist.der.sequence(parts)


def _claims(chance: random.Random) -> list[str]:
    return chance.sample(
        ["attest", "origid", "rcd", "rcdi", "crn", "x" * 200], chance.choices((0, 1, 2, 6), (1, 8, 8, 1))[0]
    )


def _permitted(chance: random.Random) -> list[tuple[str, list[str]]]:
    texts = ["A", "B", "", "Ünal", '{"nam":"x"}', "y" * 130]
    return [(claim, chance.sample(texts, chance.choices((0, 1, 2, 6), (1, 8, 8, 1))[0])) for claim in _claims(chance)]


def some_constraints(chance: random.Random) -> bytes:
    """Make claim constraints."""
    members = {"include": (_claims, 0.6), "permitted": (_permitted, 0.6), "exclude": (_claims, 0.2)}
    return constraints(**{name: make(chance) for name, (make, often) in members.items() if chance.random() < often})


def damaged(value: bytes, chance: random.Random) -> bytes:
    """Change, cut, lengthen or double something."""
    place = chance.randrange(len(value))
    return chance.choice(
        (
            value[:place] + bytes([value[place] ^ 1 << chance.randrange(8)]) + value[place + 1 :],
            value[:place] + bytes([chance.randrange(256)]) + value[place + 1 :],
            value[:place],
            value + value[: chance.randrange(3)],
            value[:place] + value[place : place + 1] + value[place:],
        )
    )


def compare(
    make: Callable[[random.Random], bytes],
    theirs: Callable[[bytes], object],
    ours: Callable[[bytes], object],
    error: type[StirError],
    count: int,
) -> tuple[int, int]:
    """Compare *count* values; return how many both read, and how many neither did."""
    chance = random.Random(8226)  # the same values every time
    good = bad = 0
    for number in range(count):
        value = make(chance)
        if number % 2:
            value = damaged(value, chance)
        expected = theirs(value)
        if expected is None:
            bad += 1
            with pytest.raises(error):
                ours(value)
        else:
            good += 1
            assert expected == ours(value), value.hex()
    return good, bad


@pytest.mark.clause("passport-6.1-der")
def test_tnauthlists_are_read_as_pyasn1_reads_them() -> None:
    """What both read is the same, and what is not DER of RFC 8226, section 9, neither takes."""

    def theirs(der: bytes) -> object:
        if der == tnauthlist.EMPTY:
            return []  # a value too for us, which authorizes nothing: the profile refuses it
        value = oracle(der, rfc8226.TNAuthorizationList())
        return None if value is None else entries_of(value)

    good, bad = compare(a_list, theirs, ours_entries, TNAuthListError, EACH)
    assert good > EACH / 2
    assert bad > EACH / 4


@pytest.mark.clause("passport-6.2-der", "passport-6.2-enhanced-der")
@pytest.mark.parametrize("enhanced", [False, True], ids=["RFC 8226", "RFC 9118"])
def test_claim_constraints_are_read_as_pyasn1_reads_them(enhanced: bool) -> None:  # noqa: FBT001 - parametrized
    """The same for both extensions that constrain claims; RFC 8226's excludes none."""
    kind = enhanced_constraints() if enhanced else rfc8226.JWTClaimConstraints()

    def theirs(der: bytes) -> object:
        value = oracle(der, kind)
        return None if value is None else constraints_of(value)

    def ours(der: bytes) -> object:
        return ClaimConstraints.from_der(der, enhanced=enhanced).as_dict()

    good, bad = compare(some_constraints, theirs, ours, ConstraintFormatError, EACH // 2)
    assert good > EACH / 12
    assert bad > EACH / 8
