"""Freshness."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir.errors import StaleError
from stir.policy import Freshness

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
IAT = int(NOW.timestamp())


@pytest.mark.clause("passport-2.3-window")
@pytest.mark.parametrize("away", [0, 59, 60, -60])
def test_iat_within_the_window_is_fresh(away: int) -> None:
    """Up to 60 seconds either way is fresh (RFC 8224, section 6.2)."""
    Freshness().check(IAT + away, NOW)


@pytest.mark.clause("passport-2.3-window")
@pytest.mark.parametrize(
    ("away", "detail"), [(-61, "61 s old"), (61, "61 s in the future"), (-86_400, "limit is 60 s")]
)
def test_iat_outside_the_window_is_stale(away: int, detail: str) -> None:
    """One second more is stale, and the detail says by how much."""
    with pytest.raises(StaleError, match=detail):
        Freshness().check(IAT + away, NOW)


def test_a_fraction_of_a_second_counts() -> None:
    """The window ends to the microsecond: iat is whole seconds, the clock is not."""
    Freshness().check(IAT - 60, NOW)
    with pytest.raises(StaleError):
        Freshness().check(IAT - 60, NOW + timedelta(microseconds=1))


@pytest.mark.clause("passport-2.3-knob")
def test_the_window_is_the_owners() -> None:
    """An operator with slow call set-up may widen the window."""
    Freshness(timedelta(minutes=5)).check(IAT - 300, NOW)
    with pytest.raises(StaleError, match="limit is 300 s"):
        Freshness(timedelta(minutes=5)).check(IAT - 301, NOW)


@given(st.integers(0, 253_402_300_799))
def test_any_instant_is_judged(iat: int) -> None:
    """Every iat that a PASSporT can have is fresh or stale, without another error."""
    fresh = abs(IAT - iat) <= 60
    if fresh:
        Freshness().check(iat, NOW)
    else:
        with pytest.raises(StaleError):
            Freshness().check(iat, NOW)
