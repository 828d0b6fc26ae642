"""From where requests are taken."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address


class Access:
    """
    Tells whether an address is inside the networks that may ask.

    Args:
        networks: These, and no others.
    """

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)
        self._known: dict[str, bool] = {}

    def allows(self, host: str) -> bool:
        """Return whether *host*, an address as sockets give it, may ask."""
        known = self._known.get(host)
        if known is None:
            known = self._inside(host)
            if known:  # strangers are not remembered, so that they cannot fill the memory
                self._known[host] = known
        return known

    def _inside(self, host: str) -> bool:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
