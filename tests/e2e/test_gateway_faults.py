"""The gateway's view of failure: whatever breaks, each call is answered with 200, and goes on; ``-s`` prints it all."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.e2e.gateway_faults import FAULTS, Row, cells, plain, survey

PATIENCE = {"PUBLISH_BUDGET": "2", "RETRIEVE_BUDGET": "1.5"}
"""So that what is well is well on a busy machine, too."""

WELL = ("published", "TN-Validation-Passed", 1)


def failing(why: str) -> tuple[str, str, int]:
    """Return what is told of both directions where the CPS fails with *why*."""
    return f"not published: {why}", f"No-TN-Validation: {why}", 0


EXPECTED: dict[str, tuple[str, str, int]] = {
    "none": WELL,
    "CPS refuses connections": failing("connect"),
    "CPS accepts, and is silent": failing("timeout"),
    "CPS hangs": failing("timeout"),
    "CPS hangs up": failing("disconnected"),
    "CPS answers 500": failing("status 500"),
    "CPS answers 503": failing("status 503"),
    "CPS answers 401": failing("refused 401"),
    "CPS answers 403": failing("refused 403"),
    "CPS answers 429": failing("busy 429"),
    "CPS speaks no HTTP": failing("malformed"),
    "CPS answers garbage": failing("malformed 200"),
    "CPS answers HTML": failing("malformed 200"),
    "CPS answers half a body": failing("broken"),
    "CPS answers without end": failing("malformed 200"),
    "CPS drips": failing("timeout"),
    "CPS shows another host's certificate": failing("tls"),
    "CPS shows an expired certificate": failing("tls"),
    "CPS's name is not in the DNS": failing("connect"),
    "CPS is killed": failing("disconnected"),
    "Valkey behind the CPS is gone": failing("status 503"),
    "first of two CPSs hangs": WELL,
    "first of two CPSs accepts, and is silent": WELL,
    "first of two CPSs refuses connections": WELL,
    "first of two CPSs answers 503": WELL,
    "both CPSs hang": failing("timeout"),
    "certificate repository is gone": ("published", "No-TN-Validation: E8", 1),
    "certificate repository answers 503": ("published", "No-TN-Validation: E8", 1),
    "certificate repository takes 5 s": ("published", "No-TN-Validation: unavailable", 1),
    "clock is 90 s fast": failing("refused 401"),
    "clock is 90 s slow": failing("refused 401"),
}


@pytest.fixture(scope="module")
def rows() -> Mapping[str, Row]:
    """Try all faults, some at once."""
    found = asyncio.run(survey(at_once=4, **PATIENCE))
    print(f"\n{plain(list(cells(found)))}")  # noqa: T201 - for whoever runs this with -s
    return {row.fault: row for row in found}


def test_every_fault_has_its_row() -> None:
    """No fault is tried without anybody looking at what came of it."""
    assert list(FAULTS) == list(EXPECTED)


@pytest.mark.timeout(300)
@pytest.mark.clause("oob-6-publish", "oob-6-timeout", "oob-6-401", "cps-12-2-alternate", "cps-12-2-4xx", "cps-12-4")
@pytest.mark.parametrize("fault", EXPECTED)
def test_the_call_goes_on(fault: str, rows: Mapping[str, Row]) -> None:
    """The gateway is always answered, with 200, what happened; a CPS that is well is found behind one that is not."""
    (out,), (back,) = rows[fault].publishes, rows[fault].retrieves

    assert (200, 200) == (out.status, back.status)
    assert EXPECTED[fault] == (out.text, back.text, back.identities)
