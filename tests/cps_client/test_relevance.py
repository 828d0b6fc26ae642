"""Which PASSporTs belong to a call: by their age and their numbers, never by their type."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cps_client.relevance import relevant
from stir.passport import Passport
from stir.policy import Freshness
from stir.testing import World
from stir.tn import Party
from stir.verify import Call

ORIG, DEST = "12155550100", "12155551212"
WORLD = World()
PROVIDER = WORLD.service_provider("709J")
CALL = Call(Party.tn(ORIG), Party.tn(DEST))
NOW = WORLD.clock.timestamp()


def kept(*tokens: str, call: Call = CALL) -> list[str]:
    """Return those of *tokens* that belong to the call."""
    passports = [Passport.parse(token) for token in tokens]
    return [one.token for one in relevant(passports, call, freshness=Freshness(), at=WORLD.clock.now())]


@pytest.mark.clause("oob-7-relevant")
@pytest.mark.parametrize("ppt", ["shaken", "msg", None, "rcd", "rph"])
def test_the_type_does_not_matter(ppt: str | None) -> None:
    """Known or not, and complete in what its type asks for or not, a PASSporT of this call is kept."""
    token = PROVIDER.make(ppt, orig=ORIG, dest=DEST)

    assert [token] == kept(token)


@pytest.mark.clause("oob-6-age")
@pytest.mark.parametrize(("age", "is_kept"), [(0, True), (60, True), (61, False), (-60, True), (-61, False)])
def test_age(age: int, is_kept: bool) -> None:  # noqa: FBT001 - a column of the table
    """The window of freshness counts either way."""
    assert is_kept == bool(kept(PROVIDER.passport(orig=ORIG, dest=DEST, iat=NOW - age)))


def test_one_of_several_called_numbers() -> None:
    """The called number may be one of several."""
    assert kept(PROVIDER.passport(orig=ORIG, dest=[DEST, "19995550000"]))


def test_a_priority_call_to_an_emergency_service() -> None:
    """A dial string and the service's URN name the same."""
    call = Call(Party.tn(ORIG), Party.tn("911"))

    assert kept(PROVIDER.rph(orig=ORIG, dest="urn:service:sos", auth=["esnet.1"]), call=call)


def test_a_priority_that_was_not_vouched_for_is_for_the_verifier_to_judge() -> None:
    """What a call asks for beside its numbers does not keep a PASSporT out."""
    call = Call(Party.tn(ORIG), Party.tn(DEST), resource_priority=("ets.0",))

    assert kept(PROVIDER.rph(orig=ORIG, dest=DEST, auth=["wps.0"]), call=call)


@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_a_chain_holds_as_far_as_it_reaches(order: list[int], missing: set[int]) -> None:
    """Each link is kept as far as those behind it lead to the called number, in whatever order they come."""
    numbers = ["12155550001", "12155550002", "12155550003", DEST]
    chain = [PROVIDER.passport(orig=ORIG, dest=numbers[0])]
    chain += [PROVIDER.div(orig=ORIG, dest=dest, div=div) for div, dest in itertools.pairwise(numbers)]
    there = [place for place in order if place not in missing]
    reaching = [place for place in there if all(later in there for later in range(place, 4))]

    assert [chain[place] for place in reaching] == kept(*(chain[place] for place in there))
