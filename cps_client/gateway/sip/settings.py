"""What the operator decides about the SIP face."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from cps_client.gateway.sip import limits
from stir.aio.addresses import Address
from stir.aio.configuration import Number, Section

_LISTEN: Final = re.compile(r"(?P<transport>udp|tcp):(?P<address>[^;]+)(?P<parameters>(?:;[a-z]+=[^;=]+)*)")
_TRUNK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CONTACT: Final = re.compile(
    r"sips?:\{user\}@(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:;[A-Za-z0-9_.!~*'-]+(?:=[A-Za-z0-9_.!~*'\[\]:/+$&-]+)?)*"
)
_REDIRECT: Final = 302


class Direction(StrEnum):
    """Which way calls go."""

    AUTO = "auto"
    """Into TDM if the INVITE has an Identity, else out of it."""
    OUT = "out"
    """Into TDM: what they carry is published, and what they lack is signed where the policy says so."""
    IN = "in"
    """Out of TDM: their PASSporTs are retrieved and verified; those that came in band are verified."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and what a call that comes in there is."""

    transport: Literal["udp", "tcp"]
    address: Address
    trunk: str | None = None
    direction: Direction = Direction.AUTO

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """
        Read ``udp:host:port``, perhaps with ``;trunk=name`` and ``;direction=auto|out|in``.

        Raises:
            ValueError: *text* is anything else.
        """
        form = _LISTEN.fullmatch(text)
        if form is None:
            raise ValueError("must be like udp:127.0.0.1:5060;trunk=name;direction=auto")
        parameters = dict(one.split("=") for one in form["parameters"].split(";")[1:])
        trunk, direction = parameters.pop("trunk", None), parameters.pop("direction", Direction.AUTO)
        if parameters:
            raise ValueError(f"{next(iter(parameters))} is no parameter of a listener; there are trunk and direction")
        if trunk is not None and not _TRUNK.fullmatch(trunk):
            raise ValueError("the trunk is no name of a trunk group")
        if direction not in set(Direction):
            raise ValueError("the direction is one of auto, out and in")
        address = Address.parse(form["address"])
        return cls("tcp" if form["transport"] == "tcp" else "udp", address, trunk, Direction(direction))


def _listen(text: str) -> str:
    Listen.parse(text)
    return text


def _contact(text: str) -> str:
    if not _CONTACT.fullmatch(text):
        raise ValueError("must be like sip:{user}@gateway.example:5060;user=phone")
    return text


def _answer(status: int) -> int:
    if status != _REDIRECT and not 400 <= status <= 699:  # noqa: PLR2004 - the classes of final answers
        raise ValueError("must be 302, which sends the call on, or a final answer from 400 to 699")
    return status


_Answer = Annotated[int, Number, AfterValidator(_answer)]


class Results(StrEnum):
    """Where an answer has what the next INVITE is to have."""

    FIELDS = "fields"
    """In header fields of the answer."""
    CONTACT = "contact"
    """In the URI of its Contact (RFC 3261, section 19.1.1), from which a proxy that recurses makes header fields."""
    BOTH = "both"


class SipSettings(Section):
    """The SIP redirect server: INVITEs come in, and 302 goes out; off unless it listens somewhere."""

    listen: tuple[Annotated[str, AfterValidator(_listen)], ...] = Field(
        (),
        description='Where it listens: ["udp:127.0.0.1:5060", "tcp:[::1]:5060;trunk=east;direction=in"]; none: it is '
        "off. direction: out into TDM, in out of it, auto (default): out where the INVITE has an Identity.",
    )
    contact: Annotated[str, AfterValidator(_contact)] | None = Field(
        None,
        description="Where calls are sent on to, the Contact of a 302: sip:{user}@gateway.example:5060;user=phone; "
        "{user} is the called number as it came.",
    )
    results: Results = Field(
        Results.FIELDS,
        description="Where a 302 has Identity, P-Asserted-Identity and the like: in header fields, in the URI of its "
        "contact, or both.",
    )
    failed_answer: _Answer = Field(
        _REDIRECT,
        description="Answer to calls with TN-Validation-Failed: 302 sends them on, another ends them or lets the "
        "proxy take its next route; the Reason says why. Emergency calls are always sent on.",
    )
    unverified_answer: _Answer = Field(_REDIRECT, description="The same for No-TN-Validation.")
    overload_answer: _Answer = Field(
        _REDIRECT,
        description="Answer while more calls are under way than gateway.calls allows: 302 sends them on without a "
        "result, 503 lets the proxy take another server.",
    )
    connections: Annotated[int, Number, Field(ge=1, le=16_384)] = Field(
        limits.CONNECTIONS, description="Most TCP connections of one listener."
    )
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="From where requests are taken; others get no answer.",
    )

    @model_validator(mode="after")
    def _usable(self) -> "SipSettings":
        if self.listen and self.contact is None:
            raise ValueError("contact is missing: a proxy does not follow a 302 to where it has been")
        places = [(one.transport, one.address) for one in self.listeners if one.address.port]
        if len(set(places)) < len(places):
            raise ValueError("it listens twice at the same place")
        return self

    @property
    def listeners(self) -> tuple[Listen, ...]:
        """Where it listens, taken apart."""
        return tuple(Listen.parse(text) for text in self.listen)
