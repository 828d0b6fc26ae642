"""Reading requests for signing and verification, in both dialects and with the names that deployed clients use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cps_client.gateway.dialects import Dialect
from cps_client.gateway.errors import FieldError, FieldMissingError
from cps_client.gateway.requests import Fields
from cps_client.origination import Outbound
from cps_client.signalled import Signalled
from cps_client.termination import Inbound
from stir.errors import NumberError
from stir.extensions import ATTESTATIONS, Div, Rph, Shaken
from stir.tn import Party

_TYPES: Final = (Shaken.ppt, Div.ppt, Rph.ppt)
_SIGNING: Final = ("ppt", "div", "rph", "sph", "profileId", "requestId")
_VERIFICATION: Final = (
    "identityHeader",
    "identityHeaders",
    "protectedHeaders",
    "profileId",
    "requestId",
    "displayName",
)
"""Fields that only 3GPP Ms has."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What is to be signed."""

    call: Outbound
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What is to be verified."""

    call: Inbound
    time: datetime
    request_id: str | None = None
    display_name: str | None = None


def signing_dialect(request: Fields) -> Dialect:
    """Return the dialect that the fields of a signing request are in; a plain one is both, and taken as ATIS."""
    is_ms = any(map(request.has, _SIGNING)) or any(_has_uri(request, name) for name in ("orig", "dest"))
    return Dialect.MS if is_ms else Dialect.ATIS


def verification_dialect(request: Fields) -> Dialect:
    """Return the dialect that the fields of a verification request are in."""
    if any(map(request.has, _VERIFICATION)) or any(_has_uri(request, name) for name in ("from", "to", "orig", "dest")):
        return Dialect.MS
    called = request.value("to")
    alone = isinstance(called, dict) and isinstance(called.get("tn"), str)
    return Dialect.MS if alone and not request.has("identity") else Dialect.ATIS


def read_signing(request: Fields, dialect: Dialect, trunk: str | None) -> Signing:
    """
    Return what a signing request asks for.

    Raises:
        FieldMissingError: A mandatory field is not there (E1).
        FieldError: A field has a value that cannot be (E2).
    """
    ppt = request.one_of("ppt", _TYPES) or Shaken.ppt
    mandatory = ("attest", "dest", "iat", "orig", "origid") if ppt == Shaken.ppt else ("dest", "iat", "orig")
    _require(request, *mandatory)
    dest = _parties(request, "dest")
    if len(dest) > 1:
        raise FieldError("dest", "has to be the one number that is called")
    div, rph = request.within("div"), request.within("rph")
    if (div is None, rph is None) != (ppt != Div.ppt, ppt != Rph.ppt):
        _require(request, *({Div.ppt: ("div",), Rph.ppt: ("rph",)}.get(ppt, ())))
    call = Outbound(
        orig=_parties(request, "orig")[0],
        dest=dest[0],
        trunk=trunk,
        ppt=ppt,
        attest=request.one_of("attest", ATTESTATIONS),
        origid=request.uuid("origid"),
        iat=request.instant("iat"),
        diverted_from=_parties(request, "div")[0] if ppt == Div.ppt else None,
        hi=div.text("hi") if div is not None and ppt == Div.ppt else None,
        priority=_required_texts(rph, "auth") if rph is not None and ppt == Rph.ppt else (),
        sph=request.text("sph") if ppt == Rph.ppt else None,
    )
    return Signing(call, request.text("requestId") if dialect is Dialect.MS else None)


def read_verification(request: Fields, dialect: Dialect, trunk: str | None) -> Verification:
    """
    Return what a verification request asks for; without any Identity it is asked for what is out of band.

    Raises:
        FieldMissingError: A mandatory field is not there (E1).
        FieldError: A field has a value that cannot be (E2).
    """
    caller = _either(request, "from", "orig")
    called = "dest" if request.has("dest") else "to"  # the Request-URI's, where both are given
    when = _either(request, "time", "iat")
    _require(request, caller, called)
    if not request.has(when):
        raise FieldMissingError(when)
    time = request.instant(when)
    if time is None:
        raise FieldError(when, "is empty")
    identities = [text for name in ("identity", "identityHeader", "identityHeaders") for text in request.texts(name)]
    protected = list(_protected(request))
    call = Inbound(
        orig=_parties(request, caller)[0],
        dest=_parties(request, called)[0],
        identities=tuple(dict.fromkeys(identities)),
        trunk=trunk,
        time=time,
        resource_priority=tuple(value for name, value in protected if name == "resource-priority"),
        priority=next((value for name, value in protected if name == "priority"), None),
    )
    if dialect is Dialect.ATIS:
        return Verification(call, time)
    return Verification(call, time, request.text("requestId"), request.text("displayName"))


def _require(request: Fields, *names: str) -> None:
    for name in names:
        if not request.has(name):
            raise FieldMissingError(name)
        if request.value(name) is None:
            raise FieldError(name, "is empty")


def _either(request: Fields, name: str, alias: str) -> str:
    """Return which of the two names is used; the standard's if none is."""
    return alias if request.has(alias) and not request.has(name) else name


def _parties(request: Fields, name: str) -> list[str]:
    """Return the numbers and URIs in a field, one at least, as they are signalled."""
    fields = request.within(name)
    if fields is None or not (fields.has("tn") or fields.has("uri")):
        raise FieldMissingError(f"{name}.tn")
    numbers, uris = fields.texts("tn"), fields.texts("uri")
    try:
        bad = [number for number in numbers if Signalled.parse(number) is None]
        for uri in uris:
            Party.uri(uri)
    except NumberError as error:
        raise FieldError(f"{name}.tn" if numbers else f"{name}.uri", f"is wrong: {error.detail}") from error
    if bad or not (numbers or uris):
        raise FieldError(f"{name}.tn", "has to be a telephone number")
    return [*numbers, *uris]


def _required_texts(fields: Fields, name: str) -> tuple[str, ...]:
    found = fields.texts(name)
    if not found:
        raise FieldMissingError(f"rph.{name}")
    return found


def _has_uri(request: Fields, name: str) -> bool:
    found = request.value(name)
    return isinstance(found, dict) and "uri" in found


def _protected(request: Fields) -> Iterator[tuple[str, str]]:
    """Yield name, in lower case, and value of header fields that rph protects; their form is not fixed anywhere."""
    found = request.value("protectedHeaders")
    if found is None:
        return
    if not isinstance(found, list):
        raise FieldError("protectedHeaders", "has to be an array")
    for one in found:
        if isinstance(one, str):
            name, colon, value = one.partition(":")
            yield (name.strip().lower(), value.strip()) if colon else _guessed(one.strip())
        elif isinstance(one, dict) and all(isinstance(value, str) for value in one.values()):
            yield from ((str(name).lower(), value) for name, value in one.items())
        else:
            raise FieldError("protectedHeaders", "has to hold strings, or objects of a name and a string")


def _guessed(value: str) -> tuple[str, str]:
    """Return which header field a bare *value* is from: Resource-Priority has a namespace and a dot."""
    return ("resource-priority" if "." in value else "priority"), value
