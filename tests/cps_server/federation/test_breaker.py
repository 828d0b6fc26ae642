"""The circuit breaker of a peer."""

from cps_server.federation.breaker import FAILURES, OPEN_SECONDS, CircuitBreaker


def opened(now: float = 0.0) -> CircuitBreaker:
    """Return a breaker that has just had one failure too many."""
    breaker = CircuitBreaker()
    for _ in range(FAILURES):
        breaker.failed(now)
    return breaker


def test_single_failures_do_not_open_it() -> None:
    """Failures between successes leave a peer in service."""
    breaker = CircuitBreaker()
    for _ in range(10 * FAILURES):
        breaker.failed(0)
        breaker.succeeded()
    assert breaker.admits(0)
    assert not breaker.is_open


def test_failures_in_a_row_open_it() -> None:
    """After so many failures in a row nothing goes out."""
    breaker = opened()
    assert breaker.is_open
    assert not breaker.admits(OPEN_SECONDS - 0.001)


def test_one_try_after_the_pause() -> None:
    """After its pause an open circuit lets one try through, and only one."""
    breaker = opened()
    assert [True, False, False] == [breaker.admits(OPEN_SECONDS) for _ in range(3)]


def test_a_good_try_closes_it() -> None:
    """A try that succeeds brings the peer back."""
    breaker = opened()
    breaker.admits(OPEN_SECONDS)
    breaker.succeeded()
    assert [True, True] == [breaker.admits(OPEN_SECONDS) for _ in range(2)]


def test_a_bad_try_opens_it_anew() -> None:
    """A try that fails begins the pause anew."""
    breaker = opened()
    breaker.admits(OPEN_SECONDS)
    breaker.failed(OPEN_SECONDS)
    assert not breaker.admits(2 * OPEN_SECONDS - 0.001)
    assert breaker.admits(2 * OPEN_SECONDS)
