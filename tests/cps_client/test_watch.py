"""What is known of each CPS: its breaker and its places, told apart by its URL."""

import pytest

from cps_client import limits
from cps_client.breaker import Permit, State
from cps_client.exchange import Endpoint
from cps_client.watch import Watch

ONE, OTHER = Endpoint.of("https://cps.example"), Endpoint.of("https://cps.example:8443")


def broken(watch: Watch, endpoint: Endpoint, at: float = 0.0) -> None:
    """Let *endpoint* fail until it is left alone."""
    for _ in range(limits.BREAKER_FAILURES):
        permit = watch.enter(endpoint, at)
        assert permit is not None
        watch.leave(endpoint, permit, at, is_good=False)


def test_each_cps_by_itself() -> None:
    """One that fails is left alone; its neighbour on another port is not."""
    watch = Watch()
    broken(watch, ONE)

    assert (None, Permit.REQUEST) == (watch.enter(ONE, 1), watch.enter(OTHER, 1))
    assert 1 == watch.open_among([ONE, OTHER], 1)
    assert {"cps.example": State.OPEN, "cps.example:8443": State.CLOSED} == watch.states(1)


def test_routes_share_what_is_known() -> None:
    """Two routes to one CPS, under different audiences, speak of the same."""
    watch = Watch()
    broken(watch, ONE)

    assert watch.enter(Endpoint.of("https://cps.example", "agreed.example"), 1) is None


@pytest.mark.parametrize(("is_good", "state"), [(True, State.CLOSED), (False, State.OPEN), (None, State.HALF_OPEN)])
def test_the_probe_is_told_of(is_good: bool | None, state: State) -> None:  # noqa: FBT001 - a column of the table
    """Well, not well, or not known: each has its consequence."""
    watch = Watch()
    broken(watch, ONE)

    permit = watch.enter(ONE, limits.BREAKER_REST)
    watch.leave(ONE, permit, limits.BREAKER_REST, is_good=is_good)

    assert (Permit.PROBE, state) == (permit, watch.states(limits.BREAKER_REST)["cps.example"])


def test_places_are_bounded_and_given_back() -> None:
    """So many requests and no more, and fewer for those that are asked beside another."""
    watch = Watch(most=2)
    first = watch.enter(ONE, 0)

    assert watch.enter(ONE, 0, is_hedge=True) is None
    assert (Permit.REQUEST, None, True) == (watch.enter(ONE, 0), watch.enter(ONE, 0), watch.is_full(ONE))
    watch.leave(ONE, first, 0, is_good=True)
    assert (False, {"cps.example": 1}) == (watch.is_full(ONE), watch.in_flight())
    assert Permit.REQUEST == watch.enter(ONE, 0)


def test_a_cps_that_is_left_alone_takes_no_place() -> None:
    """Who is not let out has not entered."""
    watch = Watch()
    broken(watch, ONE)

    watch.enter(ONE, 1)

    assert {"cps.example": 0} == watch.in_flight()
