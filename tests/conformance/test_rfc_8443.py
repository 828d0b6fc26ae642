"""RFC 8443 and RFC 9027: priority and emergency calls, on whole verdicts."""

import pytest

from stir.testing import ABSENT, ServiceProvider, World

CALLER, CALLED = "12155550100", "12155551212"


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """Return a provider in good standing."""
    return world.service_provider("709J")


async def priority(world: World, *passports: str, dest: str = CALLED, **signalling: object) -> dict:
    """Return what the verdict on a call with these PASSporTs says of its priority."""
    return (await world.assess(*passports, orig=CALLER, dest=dest, **signalling)).as_dict()["priority"]


@pytest.mark.clause("passport-4.3-auth")
@pytest.mark.parametrize(
    "rph", [ABSENT, "ets.0", {}, {"auth": "ets.0"}, {"auth": []}, {"auth": [0]}, {"auth": ["ets"]}, {"auth": [".0"]}]
)
async def test_rfc_8443_section_4_auth_is_an_array_of_values(world: World, sp: ServiceProvider, rph: object) -> None:
    """An rph has auth, an array of namespace and priority; anything else is not validated, and authorizes nothing."""
    good = sp.rph(orig=CALLER, dest=CALLED, auth=["ets.0", "wps.0"])
    bad = sp.rph(orig=CALLER, dest=CALLED, auth=["ets.0"], claims={"rph": rph})

    assert {"verstat": "RPH-Validation-Passed", "auth": ["ets.0", "wps.0"], "sph": None} == await priority(world, good)
    assert [] == (await priority(world, bad))["auth"]
    assert "RPH-Validation-Passed" != (await priority(world, bad))["verstat"]


@pytest.mark.clause("passport-4.3-header", "passport-4.3-strip")
@pytest.mark.parametrize(
    ("values", "passes"),
    [(("ets.0",), True), (("ETS.0, wps.0",), True), (("wps.1",), False), (("ets.0", "q735.0"), False)],
)
async def test_rfc_8443_section_4_the_header_field_asks_for_no_more(
    world: World, sp: ServiceProvider, values: tuple[str, ...], *, passes: bool
) -> None:
    """Every value of Resource-Priority is authorized, or the verdict says that the header field is to be stripped."""
    token = sp.rph(orig=CALLER, dest=CALLED, auth=["ets.0", "wps.0"])
    told = await priority(world, token, resource_priority=values)

    assert passes is (told["verstat"] == "RPH-Validation-Passed")
    assert (["ets.0", "wps.0"] if passes else []) == told["auth"]


@pytest.mark.clause("passport-4.3-apart", "passport-9-priority")
async def test_priority_and_number_are_apart(world: World, sp: ServiceProvider) -> None:
    """A bad rph does not spoil the number, a good one does not save it."""
    good, bad = (sp.rph(orig=CALLER, dest=CALLED, auth=["ets.0"], signature=kind) for kind in ("raw", "other-key"))
    shaken, forged = (sp.passport(orig=CALLER, dest=CALLED, signature=kind) for kind in ("raw", "other-key"))
    first = (await world.assess(shaken, bad, orig=CALLER, dest=CALLED)).as_dict()
    second = (await world.assess(forged, good, orig=CALLER, dest=CALLED)).as_dict()

    assert ("TN-Validation-Passed", "RPH-Validation-Failed") == (first["verstat"], first["priority"]["verstat"])
    assert ("TN-Validation-Failed", "RPH-Validation-Passed") == (second["verstat"], second["priority"]["verstat"])


@pytest.mark.clause("passport-4.3-esnet")
@pytest.mark.parametrize("level", range(5))
async def test_rfc_9027_section_3_esnet_is_authorized_like_others(
    world: World, sp: ServiceProvider, level: int
) -> None:
    """The namespace of emergency networks has the levels 0 to 4."""
    token = sp.rph(orig=CALLER, dest=CALLED, auth=[f"esnet.{level}"])

    assert [f"esnet.{level}"] == (await priority(world, token, resource_priority=(f"esnet.{level}",)))["auth"]


@pytest.mark.clause("passport-4.3-emergency")
@pytest.mark.parametrize("named", ["911", "112", "urn:service:sos"])
@pytest.mark.parametrize("called", ["911", "urn:service:sos"])
async def test_rfc_9027_section_3_emergency_services_have_several_names(
    world: World, sp: ServiceProvider, named: str, called: str
) -> None:
    """The dest is a dial string or the service URN, whichever of them the call has; a usual number is neither."""
    token = sp.rph(orig=CALLER, dest=named, auth=["esnet.1"])

    assert "RPH-Validation-Passed" == (await priority(world, token, dest=called))["verstat"]
    assert "RPH-Validation-Passed" != (await priority(world, token, dest=CALLED))["verstat"]


@pytest.mark.clause("passport-4.3-sph")
async def test_rfc_9027_section_4_sph_protects_a_callback(world: World, sp: ServiceProvider) -> None:
    """The one value of sph is psap-callback, and Priority says the same."""

    async def told(sph: str, header: str | None) -> tuple[bool, str | None]:
        token = sp.rph(orig=CALLER, dest=CALLED, auth=["esnet.0"], sph=sph)
        shown = await priority(world, token, priority=header)
        return shown["verstat"] == "RPH-Validation-Passed", shown["sph"]

    assert (True, "psap-callback") == await told("psap-callback", "psap-callback")
    assert (False, None) == await told("psap-callback", "normal")
    assert (False, None) == await told("other", None)
