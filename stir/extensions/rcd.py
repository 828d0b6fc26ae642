"""
The claims of ``rcd`` PASSporTs, which other types may carry too: what to show of the caller (RFC 9795).

What stands in the claims is protected by the signature. What they only point to is protected by a digest in
``rcdi``, or not at all, and then it is not to be shown. Nothing is fetched here: see :mod:`stir.aio.callerdata`.
"""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeGuard

from stir import strictjson
from stir.errors import ClaimError
from stir.passport import Passport

_MEMBERS: Final[Mapping[str, type]] = MappingProxyType({"nam": str, "apn": str, "icn": str, "jcd": list, "jcl": str})
_CONTENT: Final = frozenset({"photo", "logo", "sound"})
"""Properties of a jCard whose URI stands for what is shown or played (RFC 6350, sections 6.2.4, 6.6.3, 6.7.5)."""
_DIGEST: Final = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+)={0,2}")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Digest:
    """The hash that some content must have."""

    algorithm: str
    value: bytes

    @classmethod
    def parse(cls, text: object) -> "Digest | None":
        """Return the digest in *text*, in either alphabet of base64, padded or not; None if there is none."""
        match = _DIGEST.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return None
        try:
            value = b64decode(match[2].translate(str.maketrans("-_", "+/")) + "=" * (-len(match[2]) % 4))
        except Base64Error:
            return None
        return cls(match[1], value)

    def fits(self, content: bytes) -> bool:
        """Return whether this is the digest of *content*."""
        return hashlib.new(self.algorithm, content).digest() == self.value

    def fits_inline(self, value: object) -> bool:
        """
        Return whether this is the digest of the JSON *value*, in its deterministic serialization.

        For a string RFC 9795 takes it with its quotes, and signers in the field without: either will do.
        """
        return self.fits(strictjson.canonical(value)) or (isinstance(value, str) and self.fits(value.encode()))


@dataclass(frozen=True, slots=True)
class Reference:
    """Content elsewhere, and the digest it must have."""

    pointer: str
    """Where the reference stands: a JSON pointer into rcd, that may go on inside the jCard at jcl."""
    url: str
    """What has to be fetched first: the content itself, or the jCard that has its URL."""
    digest: Digest

    @property
    def member(self) -> str:
        """The member of rcd that is affected."""
        return segments(self.pointer)[0]


@dataclass(frozen=True, slots=True)
class Rcd:
    """The claims of ``ppt`` rcd: those that may be shown, and what stands in the way of the others."""

    ppt = "rcd"

    members: Mapping[str, object]
    """nam, apn, icn, jcd, jcl and crn, as far as they are there and not withheld."""
    withheld: tuple[str, ...] = ()
    """Names of claims that are there and must not be shown: their integrity is broken, or nothing protects it."""
    references: tuple[Reference, ...] = field(default=())
    """What the members point to, not verified yet: a member named here is not to be shown before it is."""

    @classmethod
    def of(cls, passport: Passport) -> "Rcd":
        """
        Read the claims of *passport*; a digest that does not fit withholds what it is about, and is no error.

        Raises:
            ClaimError: Neither rcd nor crn is there, or a member is of the wrong type.
        """
        payload = passport.payload
        members = _read_members(payload["rcd"]) if "rcd" in payload else {}
        crn = payload.get("crn")
        if crn is not None and not isinstance(crn, str):
            raise ClaimError("crn is not a string")
        if not members and crn is None:
            raise ClaimError("rcd is missing")
        return _protected(members | ({} if crn is None else {"crn": crn}), payload.get("rcdi"))

    @classmethod
    def additive(cls, passport: Passport) -> "Rcd | None":
        """
        Return the claims that *passport*, of another type, carries along; None if there are none.

        If they cannot be read they are withheld: the number's validation does not hang on them.
        """
        if "rcd" not in passport.payload and "crn" not in passport.payload:
            return None
        try:
            return cls.of(passport)
        except ClaimError:
            return cls({}, tuple(name for name in ("rcd", "crn") if name in passport.payload))

    def without(self, member: str) -> "Rcd":
        """Return the claims with *member* withheld."""
        return replace(
            self,
            members={name: value for name, value in self.members.items() if name != member},
            withheld=(*self.withheld, member),
            references=tuple(each for each in self.references if each.member != member),
        )

    def as_dict(self) -> dict[str, object]:
        """Return the claims as a verdict has them; what is not there, or withheld, is null."""
        return {
            **{name: self.members.get(name) for name in (*_MEMBERS, "crn")},
            "withheld": list(self.withheld),
            "unverified": [reference.pointer for reference in self.references],
        }


def segments(pointer: str) -> list[str]:
    """Return the parts of a JSON pointer, which begins with a slash (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def pointed(value: object, parts: list[str]) -> object:
    """
    Return what *parts* of a pointer lead to in *value*.

    Raises:
        ClaimError: Nothing is there.
    """
    for part in parts:
        if isinstance(value, dict):
            value = value.get(part, _MISSING)
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            value = _MISSING
    if value is _MISSING:
        raise ClaimError("rcdi points to nothing")
    return value


def content_pointers(member: str, card: object) -> Iterator[str]:
    """Yield pointers to the URIs in a jCard at *member* whose content is shown or played (RFC 7095, section 3.3)."""
    match card:
        case [_, list() as properties, *_]:
            for place, entry in enumerate(properties):
                match entry:
                    case [str() as name, _, _, *values] if name.lower() in _CONTENT:
                        yield from (
                            f"/{member}/1/{place}/{at}" for at, one in enumerate(values, 3) if not _is_data(one)
                        )


def is_url(value: object) -> TypeGuard[str]:
    """Return whether *value* is a URL whose content can be fetched."""
    return isinstance(value, str) and value.lower().startswith("https://")


def _is_data(value: object) -> bool:
    return isinstance(value, str) and value.lower().startswith("data:")


def _read_members(rcd: object) -> dict[str, object]:
    """Return the members of rcd that RFC 9795, section 5.1 knows; others are passed over."""
    if not isinstance(rcd, dict):
        raise ClaimError("rcd is not an object")
    members = {name: rcd[name] for name in _MEMBERS if name in rcd}
    for name, value in members.items():
        if not isinstance(value, _MEMBERS[name]):
            raise ClaimError(f"rcd.{name} is not {'an array' if name == 'jcd' else 'a string'}")
    if "nam" not in members:
        raise ClaimError("rcd.nam is missing")
    if "jcd" in members and "jcl" in members:
        raise ClaimError("rcd has both jcd and jcl")
    return members


def _protected(members: Mapping[str, object], rcdi: object) -> Rcd:
    """
    Return *members* without those whose integrity is broken, or whose content elsewhere nothing protects.

    An rcdi of another form, as drafts before the RFC had it, protects nothing.
    """
    digests = rcdi if isinstance(rcdi, dict) and all(each.startswith("/") for each in rcdi) else {}
    rcd = Rcd(members)
    for pointer, text in digests.items():
        member = segments(pointer)[0]
        if member not in rcd.members or member not in _MEMBERS:
            continue  # what is not there cannot be shown
        digest = Digest.parse(text)
        reference = _reference(rcd.members, pointer, digest) if digest is not None else None
        if digest is None or not _holds(rcd.members, pointer, digest, reference):
            rcd = rcd.without(member)
        elif reference is not None:
            rcd = replace(rcd, references=(*rcd.references, reference))
    protected = {reference.pointer for reference in rcd.references}
    for pointer in [*_needed(rcd.members)]:
        if pointer not in protected and segments(pointer)[0] in rcd.members:
            rcd = rcd.without(segments(pointer)[0])
    return rcd


def _needed(members: Mapping[str, object]) -> Iterator[str]:
    """Yield pointers to content elsewhere, which must not be shown without a digest (RFC 9795, section 6)."""
    if "icn" in members and not _is_data(members["icn"]):
        yield "/icn"
    if "jcl" in members:
        yield "/jcl"
    yield from content_pointers("jcd", members.get("jcd"))


def _reference(members: Mapping[str, object], pointer: str, digest: Digest) -> Reference | None:
    """Return the reference at *pointer*; None where the claims have the content themselves, or nothing."""
    parts = segments(pointer)
    if parts[0] == "jcl":
        parts = parts[:1]  # the rest leads on inside what is fetched from there
    try:
        value = pointed(members, parts)
    except ClaimError:
        return None
    return Reference(pointer, value, digest) if is_url(value) else None


def _holds(members: Mapping[str, object], pointer: str, digest: Digest, reference: Reference | None) -> bool:
    """Return whether *digest* fits what is inline; of content elsewhere that is not known yet."""
    if reference is not None:
        return True
    try:
        return digest.fits_inline(pointed(members, segments(pointer)))
    except ClaimError:
        return False
