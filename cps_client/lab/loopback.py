"""Sockets on this machine's loopback interface, on ports that the system chooses."""

import socket
from typing import Final

HOST: Final = "localhost"
"""The name by which everything in the lab is reached; also the CPS's name in ``aud``."""

ADDRESS: Final = "127.0.0.1"
NETWORKS: Final = ("127.0.0.0/8", "::1/128")
"""All that :data:`HOST` may resolve to; what the product must be allowed to fetch from."""

_BACKLOG: Final = 128


def listener() -> socket.socket:
    """Return a socket that listens on a free port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.bind((ADDRESS, 0))
    made.listen(_BACKLOG)
    made.setblocking(False)  # noqa: FBT003 - the socket module gives it no name
    return made


def port_of(sock: socket.socket) -> int:
    """Return the port that *sock* is bound to."""
    port: int = sock.getsockname()[1]
    return port


def free_ports(count: int) -> list[int]:
    """Return ports that were free just now, all different, for processes that bind them themselves."""
    taken = [listener() for _ in range(count)]
    ports = [port_of(sock) for sock in taken]
    for sock in taken:
        sock.close()
    return ports
