"""Host and port, as people write them in a setting."""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host name or IP address, and a port; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """
        Read ``host:port`` or ``[v6]:port``.

        Raises:
            ValueError: *text* is anything else.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or int(port[:6]) > _HIGHEST_PORT:
            raise ValueError("must be host:port or [v6]:port, with a port up to 65535")
        if host.startswith("[") and host.endswith("]"):
            host = str(IPv6Address(host[1:-1]))
        elif not host or ":" in host or "[" in host or host != host.strip():
            raise ValueError("must be host:port; write an IPv6 address in brackets")
        return cls(host, int(port))

    @property
    def url(self) -> str:
        """The base URL by which this machine itself reaches a server that listens here."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
        return f"http://{Address(everywhere.get(self.host, self.host), self.port)}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
