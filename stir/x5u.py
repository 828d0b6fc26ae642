"""
Which certificate URLs may be fetched (ATIS-1000074; SSRF rules of our own).

A PASSporT names the URL of its certificate, so anybody who can send a call can make us fetch a URL of their
choice. The URL is judged twice: as text, before anything is looked up, and by every address that its name
resolves to, before a connection is made. Nothing here resolves or connects.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from stir import limits
from stir.errors import UrlError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CHARACTERS: Final = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_NAME: Final = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_NAME_CHARACTERS: Final = 253
_HTTPS_PORT: Final = 443

_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 connects to the host itself (RFC 1122)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and clouds' metadata services (RFC 3927)
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays, withdrawn (RFC 7526)
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation (RFC 3849)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that IANA gave out for the public IPv6 internet; loopback, site-local, link-local, multicast lie outside."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""Prefix under which resolvers of IPv6-only networks show every IPv4 address (RFC 6052)."""


@dataclass(frozen=True)
class X5uPolicy:
    """
    Which certificate URLs may be fetched.

    A name is fetched when every address it resolves to is public or inside *networks*; a literal address
    only when it is inside *networks*.
    """

    ports: AbstractSet[int] | range = frozenset({443, 8443})
    """Ports that may be named; 443 stands for none."""

    networks: tuple[Network, ...] = ()
    """Networks that are not public and may be fetched from all the same."""

    _accepted: dict[str, SplitResult] = field(default_factory=dict, init=False, repr=False, compare=False)
    """URLs judged already: signers are few and their URLs come with every call."""

    @classmethod
    def at_hand(cls) -> "X5uPolicy":
        """Return the policy for a chain that is at hand: nothing is fetched, so only the URL's form matters."""
        return cls(range(1, 65_536), (ip_network("0.0.0.0/0"), ip_network("::/0")))

    def check(self, url: str) -> SplitResult:
        """
        Judge *url* as text; whoever connects has :meth:`permits` judge the addresses.

        Returns:
            The parts of *url*; its host name as sent, its port as named.

        Raises:
            UrlError: It is not an https URL with an allowed port and a path, or has a user, a query or a
                fragment, or its host is an address outside *networks* or no name in the preferred syntax.
        """
        known = self._accepted.get(url)
        if known is not None:
            return known
        parts = self._judge(url)
        if len(self._accepted) >= limits.URLS_KNOWN:
            self._accepted.clear()
        self._accepted[url] = parts
        return parts

    def _judge(self, url: str) -> SplitResult:
        parts = _split(url)
        if "@" in parts.netloc:
            raise UrlError("the certificate URL has a user part")
        if "?" in url or "#" in url:
            raise UrlError("the certificate URL has a query or a fragment")
        if parts.path in {"", "/"}:
            raise UrlError("the certificate URL has no path")
        authority = _AUTHORITY.fullmatch(parts.netloc)
        if authority is None:
            raise UrlError("the certificate URL's host or port is malformed")
        port = int(authority["port"] or _HTTPS_PORT)
        if port not in self.ports:
            raise UrlError(f"the certificate URL's port {port} is not one of {sorted(self.ports)}")
        self._check_host(authority["host"])
        return parts

    def permits(self, address: Address) -> bool:
        """Return whether a connection to *address* is allowed: it is public, or inside *networks*."""
        if self._is_listed(address):
            return True
        embedded = _embedded(address)
        if embedded:
            return all(self.permits(each) for each in embedded)
        if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
            return False
        return not any(address in network for network in _NOT_PUBLIC)

    def _is_listed(self, address: Address) -> bool:
        return any(address in network for network in self.networks)

    def _check_host(self, host: str) -> None:
        literal = _literal(host)
        if literal is None:
            if len(host) > _NAME_CHARACTERS or _NAME.fullmatch(host) is None:
                raise UrlError("the certificate URL's host is no host name")
        elif not self._is_listed(literal):
            raise UrlError("the certificate URL's host is an address, and not one in the allowed networks")


def _split(url: str) -> SplitResult:
    """Split *url* after a look at its characters, since :func:`urlsplit` silently drops some."""
    if len(url) > limits.URL_CHARACTERS:
        raise UrlError(f"the certificate URL is longer than {limits.URL_CHARACTERS} characters")
    if _CHARACTERS.fullmatch(url) is None:
        raise UrlError("the certificate URL has characters that no URL has")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UrlError("the certificate URL's host is malformed") from error
    if parts.scheme != "https":
        raise UrlError("the certificate URL is not https")
    return parts


def _literal(host: str) -> Address | None:
    """
    Return the address that *host* spells, or None for a name.

    A host whose last label is a number is an address to resolvers (``127.1``, ``0x7f.1``, ``2130706433``);
    only the usual spelling of four decimal numbers is taken as one, everything else is refused.
    """
    try:
        if host.startswith("["):
            literal = IPv6Address(host[1:-1])
            if _embedded(literal):
                raise UrlError("the certificate URL's host is an IPv6 address that hides an IPv4 address")
            return literal
        return IPv4Address(host) if _NUMERIC.fullmatch(host) else None
    except AddressValueError as error:
        raise UrlError("the certificate URL's host is a malformed address") from error


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses to which packets for *address* go in the end; none for most."""
    if isinstance(address, IPv4Address):
        return ()
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    single = address.ipv4_mapped or address.sixtofour
    return (single,) if single is not None else address.teredo or ()
