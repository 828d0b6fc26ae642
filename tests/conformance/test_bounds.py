"""The numbers that the standards, the contract of this product or its decisions name, against the bounds in force."""

from datetime import timedelta

import pytest

from cps_server import limits as cps
from stir import limits


@pytest.mark.clause("passport-2.3-window", "passport-1.4-size", "passport-2.1-digits")
def test_of_a_passport() -> None:
    """Sixty seconds either way (RFC 8224, section 6.2), 16 KiB, and 15 digits (RFC 8226, section 9)."""
    assert (timedelta(seconds=60), 16 * 1024, 15) == (limits.FRESHNESS, limits.PASSPORT_BYTES, limits.NUMBER_DIGITS)


@pytest.mark.clause("passport-5-time", "passport-5-bytes", "passport-5-day", "passport-5-negative")
def test_of_a_certificate_that_is_fetched() -> None:
    """Two seconds, 64 KiB and six certificates; kept for a day at least, a failure for half a minute."""
    assert (2.0, 64 * 1024, 6) == (limits.FETCH_SECONDS, limits.CHAIN_BYTES, limits.CHAIN_CERTIFICATES)
    assert (timedelta(hours=24), timedelta(seconds=30)) == (limits.CACHE_FLOOR, limits.CACHE_RETRY)


@pytest.mark.clause("cert-6-refresh", "cert-4.1-grace", "cert-6-size-2mb")
def test_of_the_policy_administrators_lists() -> None:
    """Looked at every 12 hours; a CA list serves a week past its exp; a CRL has at most 4 MiB."""
    assert (timedelta(hours=12), timedelta(days=7)) == (limits.LIST_REFRESH, limits.LIST_GRACE)
    assert 4 * 1024 * 1024 == limits.CRL_BYTES


@pytest.mark.clause("cps-6.2-exp", "cps-3-bounds", "cps-1-decode")
def test_of_a_request_to_a_cps() -> None:
    """An exp is at most 60 seconds after iat; ten PASSporTs, 64 KiB of body, 8 KiB of token, 255 characters."""
    assert (timedelta(seconds=60), 8 * 1024, 255) == (limits.TOKEN_LIFETIME, limits.TOKEN_BYTES, limits.URI_CHARACTERS)
    assert (10, 64 * 1024) == (cps.PASSPORTS, cps.REQUEST_BYTES)
