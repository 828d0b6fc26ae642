"""How the numbers of a trunk are written in full, so that both ends of a call come to the same digits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cps_client.numberplan import EXPLAINED, NumberPlan, Rule
from cps_client.signalled import Nature
from stir.tn import Party

NORTH_AMERICA = NumberPlan(
    country_code="1",
    area_code="215",
    national_prefix="1",
    international_prefixes=("011",),
    strip_prefixes=("101", "1010288", "99#"),
    national_lengths=(10,),
    short_codes=("18005551",),
)
GERMANY = NumberPlan(country_code="49", area_code="30", national_prefix="0", international_prefixes=("00",))
RUSSIA = NumberPlan(country_code="7", national_prefix="8", international_prefixes=("810",), national_lengths=(10,))
INSIDE = ["national-prefix", "country-code"]
PLANS = (NumberPlan(), NORTH_AMERICA, GERMANY, RUSSIA)


def steps(plan: NumberPlan, text: str) -> list[str]:
    """Return the rules that were applied, behind the reading."""
    return [step.rule.value for step in plan.normalise(text).steps[1:]]


@pytest.mark.clause("oob-5.5-plan")
@pytest.mark.parametrize(
    ("plan", "text", "full", "rules"),
    [
        (NORTH_AMERICA, "2155550100", "12155550100", ["country-code"]),
        (NORTH_AMERICA, "12155550100", "12155550100", ["national-prefix", "country-code"]),
        (NORTH_AMERICA, "+12155550100", "12155550100", ["plus"]),
        (NORTH_AMERICA, "2155550100;noa=national", "12155550100", ["country-code"]),
        (NORTH_AMERICA, "12155550100;noa=international", "12155550100", ["international"]),
        (NORTH_AMERICA, "5550100", "12155550100", ["area-code", "country-code"]),
        (NORTH_AMERICA, "5550100;noa=subscriber", "12155550100", ["area-code", "country-code"]),
        (NORTH_AMERICA, "011493012345", "493012345", ["international-prefix"]),
        (NORTH_AMERICA, "493012345;noa=international", "493012345", ["international"]),
        (NORTH_AMERICA, "011493012345;noa=4", "493012345", ["international", "international-prefix"]),
        (NORTH_AMERICA, "1010288 2155550100", "12155550100", ["strip-prefix", "country-code"]),
        (NORTH_AMERICA, "99#+12155550100", "12155550100", ["strip-prefix", "plus"]),
        (GERMANY, "030 12345", "493012345", ["national-prefix", "country-code"]),
        (GERMANY, "3012345;noa=national", "493012345", ["country-code"]),
        (GERMANY, "12345;noa=subscriber", "493012345", ["area-code", "country-code"]),
        (GERMANY, "0012155550100", "12155550100", ["international-prefix"]),
        (GERMANY, "493012345", "493012345", ["as-it-is"]),
        (RUSSIA, "88121234567", "78121234567", ["national-prefix", "country-code"]),
        (RUSSIA, "8121234567;noa=national", "78121234567", ["country-code"]),
        (RUSSIA, "8121234567", "78121234567", ["country-code"]),
        (RUSSIA, "78121234567", "78121234567", ["in-full"]),
        (NumberPlan("44", national_prefix="0", national_lengths=(9, 10)), "0201234567", "44201234567", INSIDE),
        (NumberPlan("44", national_prefix="0", national_lengths=(9, 10)), "02012345678", "442012345678", INSIDE),
        (NumberPlan(), "0301234567", "0301234567", ["as-it-is"]),
    ],
)
def test_numbers_are_written_in_full(plan: NumberPlan, text: str, full: str, rules: list[str]) -> None:
    """National and subscriber numbers get what they lack, prefixes go, and each rule is on record."""
    assert Party.tn(full) == plan.normalise(text).party
    assert rules == steps(plan, text)


@pytest.mark.parametrize(
    ("plan", "text", "rule"),
    [
        (NORTH_AMERICA, "911", Rule.SHORT_CODE),
        (NORTH_AMERICA, "911;noa=national", Rule.SHORT_CODE),
        (NORTH_AMERICA, "911;noa=international", Rule.SHORT_CODE),
        (NORTH_AMERICA, "988;noa=national", Rule.SHORT_CODE),
        (NORTH_AMERICA, "411;noa=subscriber", Rule.SHORT_CODE),
        (NORTH_AMERICA, "18005551;noa=national", Rule.SHORT_CODE),
        (GERMANY, "112;noa=subscriber", Rule.SHORT_CODE),
        (GERMANY, "116117", Rule.SHORT_CODE),
        (GERMANY, "0", Rule.SHORT_CODE),
        (NumberPlan(country_code="49"), "116117;noa=1", Rule.SHORT_CODE),
        (NORTH_AMERICA, "*67", Rule.SERVICE_CODE),
    ],
)
def test_short_codes_stay_as_they_are(plan: NumberPlan, text: str, rule: Rule) -> None:
    """What is dialled alike everywhere is no national number, whatever a switch signals beside it."""
    assert [rule.value] == steps(plan, text)
    assert Party.tn(text.partition(";")[0]) == plan.normalise(text).party


@pytest.mark.parametrize(
    ("plan", "text", "said"),
    [
        (NORTH_AMERICA, "55501000", "8 digits of unknown nature"),
        (NORTH_AMERICA, "55501000;noa=national", "national number of 8 digits"),
        (NORTH_AMERICA, "55501000;noa=subscriber", "area_code"),
        (NORTH_AMERICA, "0049301234;noa=international", "begins with 0"),
        (NORTH_AMERICA, "011049301234", "begins with 0"),
        (NumberPlan(country_code="49"), "0301234567", "of unknown nature"),
        (NumberPlan(), "2155550100;noa=national", "no country_code"),
        (NumberPlan(area_code="215"), "5550100;noa=subscriber", "no country_code"),
        (NumberPlan(), "+1234567890123456", "1 to 15 digits"),
        (NumberPlan(), "99+12155550100", "not a telephone number"),
        (NumberPlan(), "anonymous", "not a telephone number"),
        (NumberPlan(), "sip:", "not a telephone number"),
    ],
)
def test_what_is_not_decided_is_no_number(plan: NumberPlan, text: str, said: str) -> None:
    """Nothing is guessed: the error is a value, and says what is missing without the number."""
    normalised = plan.normalise(text)

    assert (None, None) == (normalised.party, normalised.text)
    assert said in normalised.error.detail
    assert text.partition(";")[0][:8] not in normalised.error.detail or text == "anonymous"


def test_a_uri_is_compared_as_such() -> None:
    """A URI without a number is canonical by itself, and no plan changes it."""
    for plan in PLANS:
        normalised = plan.normalise("URN:service:SOS")
        assert ("urn:service:sos", Party.uri("urn:service:sos")) == (normalised.text, normalised.party)
        assert [Rule.URI] == [step.rule for step in normalised.steps]


def test_a_plan_knows_the_emergency_services() -> None:
    """By the country's own numbers, by those that standards name, and by service URN; nothing else is one."""
    plan = NumberPlan(emergency_numbers=("999", "112"))
    parties = map(Party.parse, ("999", "112", "911", "urn:service:sos.police", "12155550999", "urn:service:counseling"))

    assert [True, True, True, True, False, False] == list(map(plan.is_emergency, parties))


def test_every_rule_is_explained() -> None:
    """Whoever reads the steps finds each in words."""
    assert set(Rule) == set(EXPLAINED)


NUMBERS = st.from_regex(r"\+[1-9][0-9]{0,14}", fullmatch=True)
ODD = st.one_of(st.text(), st.from_regex(r"(sip:|tel:)?\+?[0-9*#. -]{0,50}(;noa=[a-z0-9]*)?(@x;user=phone)?"))


@pytest.mark.clause("oob-5.5-same", "cps-1-canonical")
@given(number=NUMBERS, plan=st.sampled_from(PLANS))
@settings(deadline=None)
def test_a_number_in_full_is_a_fixed_point(number: str, plan: NumberPlan) -> None:
    """With a + before it a number stays what it is, in every plan and however often it passes one."""
    assert number == plan.normalise(number).text
    assert Party.tn(number) == plan.normalise(number).party


@given(text=ODD, plan=st.sampled_from(PLANS), other=st.sampled_from(PLANS))
@settings(deadline=None)
def test_normalisation_is_total_and_ends(text: str, plan: NumberPlan, other: NumberPlan) -> None:
    """Whatever comes in, nothing is raised; what comes out goes through any other plan unchanged."""
    normalised = plan.normalise(text)

    assert (normalised.party is None) is (normalised.error is not None)
    if normalised.text is not None:
        assert normalised.party == other.normalise(normalised.text).party


@given(text=st.one_of(NUMBERS, st.from_regex(r"[0-9*#]{1,15}", fullmatch=True)))
@settings(deadline=None)
def test_without_a_plan_numbers_are_as_ever(text: str) -> None:
    """Where nothing is configured a number is what the rest of the product takes it for."""
    assert Party.parse(text) == NumberPlan().normalise(text).party


def signalled(national: str, plan: NumberPlan) -> list[str]:
    """Return the ways in which switches signal a national number of that plan's country."""
    full = f"{plan.country_code}{national}"
    ways = [f"+{full}", f"tel:+{full};npdi", f"{full};noa=international", f"{national};noa=national"]
    ways += [f"{plan.national_prefix}{national}", f"{plan.national_prefix}{national};noa=national"]
    ways += [f"{prefix}{full}" for prefix in plan.international_prefixes]
    ways += [f"{prefix}+{full}" for prefix in plan.strip_prefixes]
    if national.startswith(plan.area_code or "-"):
        ways.append(f"{national.removeprefix(plan.area_code)};noa=subscriber")
    return ways + ([national, full] if plan.national_lengths else [])


NATIONAL = {
    NORTH_AMERICA: st.from_regex(r"(215|[2-9][0-9]{2})[2-9][0-9]{6}", fullmatch=True),
    RUSSIA: st.from_regex(r"([349][0-9]{2}|812)[0-9]{7}", fullmatch=True),
    GERMANY: st.from_regex(r"(30|[1-9][0-9])[1-9][0-9]{5,7}", fullmatch=True),
}


@pytest.mark.clause("oob-5.5-same", "oob-5.5-plan")
@given(data=st.data(), plan=st.sampled_from(list(NATIONAL)), abroad=st.sampled_from(list(NATIONAL)))
@settings(deadline=None)
def test_both_ends_come_to_the_same_digits(data: st.DataObject, plan: NumberPlan, abroad: NumberPlan) -> None:
    """However each switch on the way signals a number, the plan of its own trunk leads to the one number."""
    national = data.draw(NATIONAL[plan])
    full = f"{plan.country_code}{national}"
    from_abroad = [f"{full};noa=4", *(f"{prefix}{full}" for prefix in abroad.international_prefixes)]

    assert {Party.tn(full)} == {plan.normalise(way).party for way in signalled(national, plan)}
    assert {Party.tn(full)} == {abroad.normalise(way).party for way in from_abroad}


@given(national=NATIONAL[NORTH_AMERICA])
@settings(deadline=None)
def test_a_trunk_may_fix_the_nature(national: str) -> None:
    """A trunk that signals no nature of address, but always means the same, says so once."""
    trunk = NumberPlan(country_code="1", nature=Nature.NATIONAL)

    assert NORTH_AMERICA.normalise(national).party == trunk.normalise(national).party
    assert Party.tn(national) == trunk.normalise(f"{national};noa=international").party
