"""The door over HTTP: refusals cost their address, served requests cost nothing."""

from collections.abc import AsyncIterator

import pytest

from stir.testing import World
from tests.cps_server.conftest import Cps, run_cps

SECOND = 1_000_000_000
PROXIED = "X-Forwarded-For"


class Now:
    """A steady clock that the test moves."""

    value = 10**12

    def __call__(self) -> int:
        """Return the nanoseconds."""
        return self.value


@pytest.fixture
def now() -> Now:
    """Return the clock."""
    return Now()


@pytest.fixture
async def cps(now: Now) -> AsyncIterator[Cps]:
    """Return a CPS behind a proxy on loopback, where an address may be refused three times, then once in 2 s."""
    limits = {"address_rate": 0.5, "address_burst": 3}
    async for running in run_cps(now=now, limits=limits, trusted_proxies=["127.0.0.0/8"]):
        yield running


async def knock(cps: Cps, address: str = "192.0.2.1", token: str = "x") -> int:
    """Return the status of a retrieve with *token* from *address*."""
    headers = {"Authorization": f"Bearer {token}", PROXIED: address}
    return (await cps.client.get(cps.path(), headers=headers)).status


@pytest.mark.clause("cps-7-429")
async def test_refusals_cost_the_address(cps: Cps, now: Now) -> None:
    """After its burst of refusals an address is answered 429 with the time to wait, and let in again after it."""
    assert [401, 401, 401, 429] == [await knock(cps) for _ in range(4)]
    response = await cps.client.get(cps.path(), headers={PROXIED: "192.0.2.1"})
    assert (429, "2", "application/problem+json") == (
        response.status,
        response.headers["Retry-After"],
        response.content_type,
    )
    assert {"X-Request-ID", "Server"} <= set(response.headers)
    now.value += 2 * SECOND
    assert [401, 429] == [await knock(cps) for _ in range(2)]


async def test_served_requests_cost_nothing(cps: Cps) -> None:
    """Hits and misses with genuine tokens never lead to 429."""
    await cps.publish()
    assert [200] * 10 == [await knock(cps, token=cps.token("retrieve")) for _ in range(10)]
    missing = [cps.token("retrieve") for _ in range(5)]
    cps.world.clock.advance(20)
    missing = [cps.token("retrieve") for _ in missing]
    assert [404] * 5 == [await knock(cps, token=token) for token in missing]


@pytest.mark.parametrize("status", [400, 401, 403, 413, 415])
async def test_what_counts_as_refused(cps: Cps, status: int) -> None:
    """Malformed, unauthenticated and forbidden requests all cost."""
    token = cps.token("publish", passports=[])

    async def refused() -> int:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", PROXIED: "192.0.2.9"}
        body, path = b"{}", cps.path()
        match status:
            case 401:
                headers["Authorization"] = "Basic x"
            case 403:
                path = cps.path(dest="12155550000")
            case 413:
                body = b" " * 100_000
            case 415:
                headers["Content-Type"] = "text/plain"
        return (await cps.client.post(path, headers=headers, data=body)).status

    assert [status] * 3 + [429] == [await refused() for _ in range(4)]


async def test_nothing_is_fetched_for_a_spent_address(cps: Cps) -> None:
    """Once its budget is spent an address causes no certificate to be fetched."""
    for number in range(6):
        stranger = World(cps.world.clock).service_provider("666X", x5u=f"https://cr.example.org/{number}.pem")
        await knock(cps, token=cps.token("retrieve", by=stranger))
    fetched = [url for url in cps.world.fetcher.fetches if "cr.example.org" in url]
    assert 3 == len(fetched)


async def test_addresses_do_not_share(cps: Cps) -> None:
    """One address's refusals do not touch another; the hosts of one IPv6 /64 are one client."""
    for _ in range(3):
        await knock(cps, "192.0.2.1")
        await knock(cps, "2001:db8:0:1::1")
    assert (429, 401) == (await knock(cps, "192.0.2.1"), await knock(cps, "192.0.2.2"))
    assert (429, 401) == (await knock(cps, "2001:db8:0:1:ffff::2"), await knock(cps, "2001:db8:0:2::1"))


async def test_health_is_for_everybody(cps: Cps) -> None:
    """Whoever is told to wait may still ask how the CPS is."""
    for _ in range(4):
        await knock(cps)
    assert 200 == (await cps.client.get("/health", headers={PROXIED: "192.0.2.1"})).status


async def test_this_machine_is_not_counted(cps: Cps) -> None:
    """A proxy on this machine that nobody named as one cannot be made to shut out everybody behind it."""
    statuses = [(await cps.client.get(cps.path())).status for _ in range(10)]
    assert [401] * 10 == statuses


async def test_without_a_rate_there_is_no_limit() -> None:
    """CPS_LIMITS__ADDRESS_RATE=0 switches it off."""
    async for running in run_cps(limits={"address_rate": 0, "address_burst": 1}):
        assert [401] * 5 == [await knock(running) for _ in range(5)]
