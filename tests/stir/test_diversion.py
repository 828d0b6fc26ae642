"""Diversions as a graph, against a search that tries every way."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stir import limits
from stir.diversion import Link, reach
from stir.tn import Party

NUMBERS = [Party("tn", str(number)) for number in range(100, 108)]
CALLED = NUMBERS[0]


def link(dest: Sequence[int] | int, div: int) -> Link:
    """Return a diversion between numbers by their places."""
    places = [dest] if isinstance(dest, int) else dest
    return Link(tuple(NUMBERS[place] for place in places), NUMBERS[div])


def naive(target: Party, links: Sequence[Link], wanted: Party, left: int = limits.DIVERSIONS) -> bool:
    """Tell whether *wanted* is *target* or leads to it: RFC 8946 word for word, no link twice."""
    return target == wanted or (
        left > 0
        and any(
            naive(one.div, [*links[:place], *links[place + 1 :]], wanted, left - 1)
            for place, one in enumerate(links)
            if target in one.dest
        )
    )


def test_without_diversions_the_called_number_is_reached() -> None:
    """A call that was not diverted is for the called number and no other."""
    found = reach(CALLED, [])
    assert {CALLED: 0} == found.diversions
    assert found.has([NUMBERS[1], CALLED])
    assert not found.has([NUMBERS[1]])


@pytest.mark.clause("passport-4.2-chain")
def test_a_chain_is_followed_to_its_begin() -> None:
    """Each div leads from the number reached to the one that was called before (RFC 8946, section 4.2)."""
    found = reach(CALLED, [link(1, 2), link(0, 1), link([7, 2], 3), link(5, 6)])
    assert {NUMBERS[place]: place for place in range(4)} == found.diversions


@pytest.mark.clause("passport-4.2-once")
def test_loops_and_dead_ends_end() -> None:
    """A loop leads nowhere new; a branch that ends does not hinder another."""
    found = reach(CALLED, [link(0, 0), link(0, 1), link(1, 0), link(0, 2), link(2, 3), link(3, 2)])
    assert {0: 0, 1: 1, 2: 1, 3: 2} == {int(party.value) - 100: taken for party, taken in found.diversions.items()}


@pytest.mark.clause("passport-4.2-depth")
def test_a_chain_has_an_end() -> None:
    """Ten diversions are followed and no more, and a link that would be the eleventh is not used."""
    numbers = [Party("tn", str(number)) for number in range(limits.DIVERSIONS + 3)]
    links = [Link((near,), far) for near, far in pairwise(numbers)]
    found = reach(numbers[0], links)
    assert numbers[: limits.DIVERSIONS + 1] == list(found.diversions)
    assert [True] * limits.DIVERSIONS + [False] * 2 == [found.uses(one) for one in links]


PLACES = st.integers(0, len(NUMBERS) - 1)
LINKS = st.lists(st.builds(link, st.lists(PLACES, min_size=1, max_size=2), PLACES), max_size=6)


@pytest.mark.clause("passport-4.2-chain")
@settings(deadline=None)
@given(LINKS)
def test_what_is_reached_is_what_any_way_reaches(links: list[Link]) -> None:
    """Whatever loops, branches and dead ends there are, the search agrees with one that tries every way."""
    found = reach(CALLED, links)
    assert {party for party in NUMBERS if naive(CALLED, links, party)} == set(found.diversions)


@pytest.mark.clause("passport-4.2-once")
@settings(deadline=None)
@given(LINKS)
def test_a_link_is_used_exactly_when_it_leads_to_the_called_number(links: list[Link]) -> None:
    """A diversion that has nothing to do with the call is told from one that has."""
    found = reach(CALLED, links)
    for one in links:
        assert any(naive(CALLED, links, party) for party in one.dest) is found.uses(one)


@settings(deadline=None)
@given(LINKS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(links: list[Link], random: Random) -> None:
    """PASSporTs come in any order."""
    shuffled = list(links)
    random.shuffle(shuffled)
    assert reach(CALLED, links).diversions == reach(CALLED, shuffled).diversions
