"""Whose request it is: only what our own proxies say about that is believed."""

from ipaddress import ip_address, ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from cps_server import limits
from cps_server.api.clients import Clients, key

INSIDE = Clients([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


def client(peer: str, *forwarded: str) -> str:
    """Return the client of a request from *peer* with these X-Forwarded-For fields."""
    return str(INSIDE.forwarded(ip_address(peer), forwarded))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # not our proxy: what it says is its own story
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.1"], "192.0.2.1"),  # the client wrote 6.6.6.6 itself
        ("10.0.0.1", ["6.6.6.6,192.0.2.1 ,\t10.9.9.9"], "192.0.2.1"),  # two proxies of ours
        ("10.0.0.1", ["6.6.6.6", "192.0.2.1"], "192.0.2.1"),  # two fields are one list
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # all ours: the one farthest away
        ("10.0.0.1", ["192.0.2.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1:1234"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.01"], "10.0.0.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["::ffff:10.0.0.9"], "10.0.0.9"),
    ],
)
def test_the_rightmost_stranger_is_the_client(peer: str, forwarded: list[str], expected: str) -> None:
    """The client is the rightmost address that is no proxy of ours; what is no address ends the search."""
    assert expected == client(peer, *forwarded)


def test_only_so_many_hops_are_looked_at() -> None:
    """An endless list costs no more than a bounded one."""
    hops = ", ".join(["192.0.2.1"] + ["10.0.0.2"] * limits.FORWARDED_HOPS)
    assert "10.0.0.2" == client("10.0.0.1", hops)


@given(st.lists(st.text(alphabet="0123456789.,: abf%", max_size=30), max_size=5), st.ip_addresses())
def test_no_client_can_choose_its_address(forged: list[str], real) -> None:
    """Whatever a client writes itself, it is counted by the address that our proxy saw."""
    seen = getattr(real, "ipv4_mapped", None) or real
    if any(seen in network for network in (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))):
        return
    assert str(seen) == client("10.0.0.1", *forged, str(real))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("unknown", "unknown"),
    ],
)
def test_by_what_clients_are_counted(address: str, expected: str) -> None:
    """An IPv4 address counts for itself, an IPv6 address for its /64; addresses come in one form already."""
    assert expected == key(address)


class Transport:
    """What a request knows of its connection."""

    def __init__(self, peer: object) -> None:
        self.peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return the peer's name."""
        return self.peer if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "expected"),
    [(("192.0.2.1", 5), "192.0.2.1"), (("fe80::1%eth0", 5, 0, 2), "fe80::1"), (None, "unknown")],
)
def test_the_address_of_a_connection(peer: object, expected: str) -> None:
    """Without proxies the connection tells; a zone is left out, and a client that is gone is unknown."""
    request = make_mocked_request("GET", "/", transport=Transport(peer))
    assert expected == Clients().address(request)


def test_a_proxy_that_is_not_named_is_told_once() -> None:
    """All clients of a proxy that is not trusted are one; the log says so, once, and what to do."""
    clients = Clients()
    request = make_mocked_request(
        "GET", "/", headers={"X-Forwarded-For": "192.0.2.9"}, transport=Transport(("127.0.0.1", 5))
    )
    with capture_logs() as logs:
        assert ["127.0.0.1"] * 2 == [clients.address(request) for _ in range(2)]
    assert ["set CPS_TRUSTED_PROXIES to the network of your proxy"] == [log["remedy"] for log in logs]
