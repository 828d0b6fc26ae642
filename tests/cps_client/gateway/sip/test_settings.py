"""What an operator can say about the SIP face."""

import pytest
from pydantic import ValidationError

from cps_client.gateway.sip.access import Access
from cps_client.gateway.sip.settings import Direction, Listen, SipSettings
from stir.aio.addresses import Address

CONTACT = "sip:{user}@gateway.example"


def test_it_is_off_by_default() -> None:
    """Without a word nothing listens, and only this machine may ask."""
    settings = SipSettings()
    access = Access(settings.allow_networks)

    assert () == settings.listeners
    assert [True, True, False, False] == [access.allows(host) for host in ("127.0.0.1", "::1", "192.0.2.1", "")]


def test_addresses_as_sockets_give_them() -> None:
    """Scopes and mapped addresses are what they stand for."""
    access = Access(SipSettings(allow_networks=["192.0.2.0/24", "fe80::/10"]).allow_networks)

    assert [True, True, False] == [access.allows(host) for host in ("::ffff:192.0.2.7", "fe80::1%eth0", "::1")]


def test_listeners() -> None:
    """A listener has a transport, an address, and perhaps a trunk and a direction."""
    settings = SipSettings(listen=("udp:127.0.0.1:5060", "tcp:[::1]:5060;trunk=east;direction=in"), contact=CONTACT)
    assert (
        Listen("udp", Address("127.0.0.1", 5060)),
        Listen("tcp", Address("::1", 5060), "east", Direction.IN),
    ) == settings.listeners


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"listen": ["127.0.0.1:5060"]}, "must be like udp:"),
        ({"listen": ["udp:127.0.0.1"]}, "host:port"),
        ({"listen": ["udp:127.0.0.1:5060;trunk=a b"]}, "trunk"),
        ({"listen": ["udp:127.0.0.1:5060;direction=up"]}, "auto, out and in"),
        ({"listen": ["udp:127.0.0.1:5060;colour=red"]}, "colour"),
        ({"listen": ["udp:h:5060", "udp:h:5060;trunk=x"]}, "twice"),
        ({"contact": "sip:gateway"}, "must be like sip:"),
        ({"contact": "sip:{user}@h>\r\nX: y"}, "must be like sip:"),
        ({"contact": None, "listen": ["udp:h:5060"]}, "contact is missing"),
        ({"failed_answer": 200}, "302"),
        ({"unverified_answer": 301}, "302"),
        ({"colour": "red"}, "Extra"),
    ],
    ids=str,
)
def test_mistakes_are_named(given: dict[str, object], complaint: str) -> None:
    """A value that cannot be is refused with what is wrong with it."""
    with pytest.raises(ValidationError, match=complaint):
        SipSettings(**{"contact": CONTACT} | given)
