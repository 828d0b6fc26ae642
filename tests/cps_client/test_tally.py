"""Every fail-open has its counter, and its reason is one of few words."""

import pytest

from cps_client.errors import CpsError, CpsRefusedError
from cps_client.tally import Counts, reason_of
from stir.errors import FetchError, StirError, UnavailableError
from stir.testing import ServiceProvider, World
from tests.cps_client.conftest import DEST, ORIG, Opened
from tests.support.fake_cps import FakeCps, answering


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CpsError("x", reason="tls"), "tls"),
        (CpsRefusedError(403, None), "refused"),
        (UnavailableError("x"), UnavailableError.code),
        (FetchError("x", reason="resolve"), FetchError.code),
    ],
)
def test_reasons(error: StirError, reason: str) -> None:
    """What went wrong with a CPS has a word of its own; everything else has its code."""
    assert reason == reason_of(error)


async def test_calls_that_go_on_are_counted(
    cps: FakeCps, provider: ServiceProvider, world: World, client_of: Opened
) -> None:
    """A publish, a retrieve and a verification that came to nothing are told by operation and reason."""
    async with client_of(cps.url) as client:
        await client.publish(orig=ORIG, dest=DEST)
        cps.reactions = [answering(503), answering(403)]
        await client.publish(orig=ORIG, dest=DEST)
        await client.retrieve_and_verify(orig=ORIG, dest=DEST)
        world.fetcher.hold(provider.x5u)
        await client.retrieve_and_verify(orig=ORIG, dest=DEST, budget=0.2)
        other = world.service_provider("456B")
        world.fetcher.down(other.x5u)
        await client.verify([other.sign(orig=ORIG, dest=DEST)], orig=ORIG, dest=DEST)
        counts = client.tally

    name = cps.url.removeprefix("http://")
    assert isinstance(counts, Counts)
    assert {
        ("publish", "status"): 1,
        ("retrieve", "refused"): 1,
        ("verify", "timeout"): 1,
        ("verify", FetchError.code): 1,
    } == counts.fail_open
    assert {(name, "answered"): 2, (name, "status"): 1, (name, "refused"): 1} == counts.requests
    assert {} == counts.hedges


async def test_what_is_no_failure_is_not_counted(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """Nothing found, and a PASSporT that is not believed, are outcomes."""
    async with client_of(cps.url) as client:
        await client.retrieve_and_verify(orig=ORIG, dest=DEST)
        await client.verify([provider.sign(orig="19995550000", dest=DEST)], orig=ORIG, dest=DEST)

        assert {} == client.tally.fail_open
