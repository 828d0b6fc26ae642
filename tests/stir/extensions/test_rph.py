"""The claims of rph PASSporTs."""

import pytest

from stir.errors import ClaimError
from stir.extensions import Rph, read
from stir.extensions.rph import is_emergency
from stir.passport import Passport
from stir.testing import ABSENT, World
from stir.tn import Party

SP = World().service_provider("709J")


def parsed(**claims: object) -> Passport:
    """Return an rph PASSporT with these claims."""
    return Passport.parse(SP.make("rph", orig="12155550100", dest="12155551212", claims=claims))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"rph": {"auth": ["ets.0", "wps.0"]}}, Rph(("ets.0", "wps.0"), None)),
        ({"rph": {"auth": ["esnet.1"], "other": 1}}, Rph(("esnet.1",), None)),
        ({"rph": {"auth": ["esnet.0"]}, "sph": "psap-callback"}, Rph(("esnet.0",), "psap-callback")),
    ],
)
def test_auth_and_sph_are_read(claims: dict[str, object], expected: Rph) -> None:
    """The claim auth holds values of Resource-Priority (RFC 8443), sph protects Priority (RFC 9027)."""
    assert expected == read(parsed(**claims))


@pytest.mark.parametrize(
    "rph",
    [
        ABSENT,
        None,
        [],
        "ets.0",
        {},
        {"auth": []},
        {"auth": "ets.0"},
        {"auth": [1]},
        {"auth": ["ets"]},
        {"auth": [""]},
        {"auth": ["ets.0", "wps.0, dsn.1"]},
        {"auth": ["a.b.c"]},
        {"ESorig": ["esnet.1"]},
    ],
)
def test_an_rph_of_another_form_is_refused(rph: object) -> None:
    """What is no array of namespace and priority authorizes nothing; nor do the names of early drafts (case E14)."""
    with pytest.raises(ClaimError, match="rph"):
        read(parsed(rph=rph))


@pytest.mark.parametrize("sph", ["", "emergency", 1, [], {}, True])
def test_sph_has_one_value(sph: object) -> None:
    """The only value of sph is psap-callback (RFC 9027, section 5)."""
    with pytest.raises(ClaimError, match="sph"):
        read(parsed(rph={"auth": ["esnet.0"]}, sph=sph))


@pytest.mark.parametrize(
    ("resource_priority", "priority", "expected"),
    [
        ((), None, None),
        (("ets.0",), None, None),
        (("ETS.0", "wps.1"), None, None),
        ((" wps.1 ,ets.0",), "Psap-Callback ", None),
        (("ets.1",), None, "rph.auth"),
        (("ets.0", "dsn.flash"), None, "rph.auth"),
        (("ets.0, dsn.flash",), None, "rph.auth"),
        (("",), None, "rph.auth"),
        (("ets.0",), "emergency", "sph"),
        ((), "", "sph"),
    ],
)
def test_the_call_asks_for_no_more_than_is_authorized(
    resource_priority: tuple[str, ...], priority: str | None, expected: str | None
) -> None:
    """Each value of Resource-Priority is in auth, Priority is that of sph, without regard to case (RFC 8443)."""
    detail = Rph(("ets.0", "WPS.1"), "psap-callback").exceeded(resource_priority, priority)
    assert expected == (detail and detail.split()[0])


def test_without_sph_priority_is_not_protected() -> None:
    """An rph without sph says nothing about Priority."""
    assert Rph(("ets.0",), None).exceeded((), "psap-callback") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("911", True),
        ("112", True),
        ("urn:service:sos", True),
        ("urn:service:SOS.fire", True),
        ("9110", False),
        ("urn:service:sosumi", False),
        ("urn:service:counseling", False),
        ("sip:911@example.com", False),
    ],
)
def test_emergency_services_have_dial_strings_and_urns(text: str, *, expected: bool) -> None:
    """A call to emergency services is dialled as 911 or 112, or addressed by URN (RFC 9027, section 4)."""
    assert expected is is_emergency(Party.parse(text))
