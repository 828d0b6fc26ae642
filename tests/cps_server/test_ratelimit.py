"""The rate limits, in simulated nanoseconds: never more than promised, never less."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cps_server.ratelimit import Budget, Limiter, Rate, TooManyRequestsError

SECOND = 1_000_000_000

rates = st.builds(Rate, st.floats(0.01, 50_000), st.integers(1, 50))
pauses = st.lists(st.integers(0, 3 * SECOND), max_size=80)


def refusal(limiter: Limiter, rate: Rate, now: int) -> TooManyRequestsError | None:
    """Return why a request at *now* is not let through, or None when it is."""
    try:
        limiter.take("key", rate, now)
    except TooManyRequestsError as error:
        return error
    return None


def passes(limiter: Limiter, rate: Rate, now: int) -> bool:
    """Return whether a request at *now* is let through."""
    return refusal(limiter, rate, now) is None


@pytest.mark.clause("oob-4.1-rate")
@settings(deadline=None)
@given(rates, pauses)
def test_never_more_than_burst_and_rate(rate: Rate, pauses: list[int]) -> None:
    """Between any two instants at most burst + rate x time is let through, whenever requests come."""
    limiter, now, passed = Limiter(10), 10**12, []
    for pause in pauses:
        now += pause
        passed += [now for _ in range(3) if passes(limiter, rate, now)]
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:], start=1):
            assert last <= rate.burst + (end - start) / SECOND * rate.per_second + 1e-6


@settings(deadline=None)
@given(rates, st.integers(1, 100), st.integers(0, 10**15))
def test_who_keeps_the_rate_is_never_refused(rate: Rate, requests: int, start: int) -> None:
    """A client that sends a burst, and from then on one request per interval, gets all of them through."""
    limiter = Limiter(10)
    assert all(passes(limiter, rate, start) for _ in range(rate.burst))
    assert all(passes(limiter, rate, start + (n + 1) * rate.interval) for n in range(requests))


@settings(deadline=None)
@given(rates, pauses)
def test_retry_after_is_kept(rate: Rate, pauses: list[int]) -> None:
    """Whoever waits for as long as he was told is let through then, and not a whole second earlier."""
    limiter, now = Limiter(10), 10**12
    for pause in pauses:
        now += pause
        while (told := refusal(limiter, rate, now)) is None:
            pass
        assert 1 <= told.retry_after
        assert not passes(limiter, rate, now + (told.retry_after - 1) * SECOND)
        now += told.retry_after * SECOND
        assert passes(limiter, rate, now)


def test_an_interval_is_rounded_up() -> None:
    """Three a second are 333333334 ns each: the fraction is never given away."""
    assert 333_333_334 == Rate(3, 1).interval


def test_keys_do_not_share() -> None:
    """What one key has spent costs another nothing."""
    limiter, rate = Limiter(10), Rate(1, 1)
    limiter.take("a", rate, 0)
    limiter.take("b", rate, 0)
    with pytest.raises(TooManyRequestsError):
        limiter.take("a", rate, 0)


def test_a_refused_request_costs_nothing() -> None:
    """Who is told to wait is not told to wait longer for having asked."""
    limiter, rate = Limiter(10), Rate(1, 1)
    limiter.take("a", rate, 0)
    for now in range(0, SECOND, SECOND // 10):
        with pytest.raises(TooManyRequestsError):
            limiter.take("a", rate, now)
    limiter.take("a", rate, SECOND)


def test_a_changed_rate_counts_at_once() -> None:
    """When an operator raises a rate, nobody waits out the old one's burst."""
    limiter = Limiter(10)
    limiter.take("a", Rate(0.1, 1), 0)
    limiter.take("a", Rate(10, 200), 1)


def test_memory_is_bounded() -> None:
    """Of too many keys the one not heard of for longest is forgotten."""
    limiter, rate = Limiter(3), Rate(1, 1)
    for key in ("a", "b", "c"):
        limiter.take(key, rate, 0)
    with pytest.raises(TooManyRequestsError):
        limiter.take("a", rate, 0)  # heard of again, so b is the oldest now
    limiter.take("d", rate, 0)
    assert 3 == len(limiter)
    limiter.take("b", rate, 0)
    with pytest.raises(TooManyRequestsError):
        limiter.take("d", rate, 0)


def enter(budget: Budget, now: int):
    """Return a visit that was let in at *now*, to be left later, or None."""
    context = budget.visit("key", now)
    try:
        return context, context.__enter__()
    except TooManyRequestsError:
        return None


@settings(deadline=None)
@given(
    rates,
    st.lists(st.tuples(st.integers(0, SECOND), st.sampled_from(["come", "refuse", "serve"])), max_size=120),
)
def test_refusals_never_exceed_the_budget(rate: Rate, events: list[tuple[int, str]]) -> None:
    """However requests overlap, at most burst + rate x time of one address are refused."""
    budget, now, inside, refused = Budget(rate, 10), 10**12, [], 0
    for pause, event in events:
        now += pause
        if event == "come":
            if (let_in := enter(budget, now)) is not None:
                inside.append(let_in)
        elif inside:
            context, visit = inside.pop(0)
            visit.refused = event == "refuse"
            refused += visit.refused
            context.__exit__(None, None, None)
    assert refused + len(inside) <= rate.burst + (now - 10**12) / SECOND * rate.per_second + 1e-6


def test_served_requests_cost_nothing() -> None:
    """A client whose requests are served is never told to wait, however many they are."""
    budget = Budget(Rate(0.001, 1), 10)
    for _ in range(1_000):
        with budget.visit("a", 0) as visit:
            visit.refused = False


def test_many_at_once_get_no_further_than_one_by_one() -> None:
    """Requests that are still being looked at count as refused."""
    budget = Budget(Rate(1, 2), 10)
    with budget.visit("key", 0), budget.visit("key", 0):
        assert enter(budget, 0) is None


def test_who_vanishes_pays() -> None:
    """A request that ends in an error counts as refused."""
    budget = Budget(Rate(1, 1), 10)
    with pytest.raises(ConnectionError), budget.visit("key", 0):
        raise ConnectionError
    assert enter(budget, 0) is None
    assert 1 == len(budget)
