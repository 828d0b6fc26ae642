"""The load through the redirect server measures what it says."""

import pytest

from tests.load import sip_redirect
from tests.load.sip_redirect import calls_through, lines_of

pytestmark = pytest.mark.system("sip-tester")


async def test_every_call_goes_into_tdm_and_comes_out() -> None:
    """A short run places every call on both sides, and each is answered as it must be."""
    run = await calls_through(rate=20, seconds=1)

    assert run.is_right
    assert [("out", 20, 0), ("in", 20, 0)] == [(leg.name, leg.calls, leg.exit_code) for leg in run.legs]
    assert all(0 <= leg.p50_ms <= leg.p99_ms for leg in run.legs)  # SIPp tells whole milliseconds
    assert {"sidecar out", "sidecar in", "CPS", "SIPp"} == run.cpu.keys()
    assert 3 == len(lines_of(run))


async def test_wrong_answers_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose answer is not what it must be makes the run fail, so that fail-open is never taken for success."""
    monkeypatch.setattr(sip_redirect, "VERIFIED", sip_redirect.VERIFIED.replace("Passed", "Other"))

    run = await calls_through(rate=20, seconds=1)

    assert (False, [0, 1]) == (run.is_right, [leg.exit_code for leg in run.legs])
