"""Whose request this is, as far as addresses tell; believed from trusted proxies only."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import structlog
from aiohttp import web

from cps_server import keys, limits

FORWARDED: Final = "X-Forwarded-For"
UNKNOWN: Final = "unknown"
"""The address of a client that is gone already."""

_IPV6_NETWORK: Final = 64
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

log = structlog.get_logger()


class Clients:
    """
    Tells clients apart by their addresses.

    Args:
        proxies: The networks of our own reverse proxies, whose X-Forwarded-For is believed.
    """

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = tuple(proxies)
        self._told = False

    def address(self, request: web.Request) -> str:
        """Return the address of the client that *request* came from."""
        peer = _parsed(request.remote or "")
        if peer is None:
            return UNKNOWN
        values = request.headers.getall(FORWARDED, [])
        if values and not self._is_proxy(peer):
            self._tell()
            return _written(peer)
        return _written(self.forwarded(peer, values) if values else peer)

    def forwarded(self, peer: Address, values: Sequence[str]) -> Address:
        """
        Return the rightmost address in X-Forwarded-For that is no proxy of ours.

        Each of our proxies added the address that it saw to the right; what stands left of the first stranger is that
        stranger's own story. Where something other than an address was added, the proxy that added it is the client.
        """
        client = peer
        if not self._is_proxy(peer):
            return client
        entries = [entry.strip(" \t") for value in values for entry in value.split(",")]
        for entry in reversed(entries[-limits.FORWARDED_HOPS :]):
            address = _parsed(entry)
            if address is None:
                return client
            client = address
            if not self._is_proxy(address):
                return client
        return client

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            log.warning(
                "forwarded_address_ignored",
                consequence="all clients of a proxy count as one",
                remedy="set CPS_TRUSTED_PROXIES to the network of your proxy",
            )


@lru_cache(maxsize=limits.ADDRESSES_READ)
def key(address: str) -> str | None:
    """
    Return what clients are counted by: an IPv4 address, or the /64 of an IPv6 address, which one client has.

    None for this very machine: it is the operator's own, or a proxy that CPS_TRUSTED_PROXIES does not name,
    behind which one stranger must not be able to shut out all partners.
    """
    parsed = _parsed(address)
    if parsed is not None and parsed.is_loopback:
        return None
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _IPV6_NETWORK), strict=False))
    return address


def client_address(request: web.Request) -> str:
    """Return the client's address, which the middleware has found."""
    return request[keys.client_address]


def _parsed(text: str) -> Address | None:
    """Return the address that *text* is; an IPv4 address in IPv6 clothes is that IPv4 address."""
    return _read(text) if len(text) <= limits.ADDRESS_CHARACTERS else None


_written: Final = lru_cache(maxsize=limits.ADDRESSES_READ)(str)


@lru_cache(maxsize=limits.ADDRESSES_READ)
def _read(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0] if text.count("%") == 1 else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
