"""Sockets that listen, opened before anything else starts, so that a port that is taken is found at once."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from stir import limits
from stir.aio.addresses import Address
from stir.aio.configuration import SettingsError

_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


@contextmanager
def listeners(setting: str, address: Address) -> Iterator[tuple[socket.socket, ...]]:
    """
    Open sockets that listen on every address that *address* stands for, and close them at the end.

    They are not shared with other programs (no SO_REUSEPORT), so that two servers cannot have one port unnoticed.
    Worker processes inherit them.

    Args:
        setting: Which setting it is, for the complaint.
        address: Host and port.

    Raises:
        SettingsError: The host is unknown here, or the port is taken or not allowed.
    """
    with ExitStack() as opened:
        try:
            sockets = tuple(opened.enter_context(one) for one in _bound_all(address))
        except OSError as error:
            raise SettingsError(f"{setting}: cannot listen on {address}: {error.strerror}") from error
        yield sockets


def _bound_all(address: Address) -> Iterator[socket.socket]:
    missing: OSError | None = None
    bound = 0
    for family, _, _, _, where in dict.fromkeys(
        socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ):
        try:
            yield _bound(family, where)
            bound += 1
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            missing = error  # a name may stand for IPv6, too, on a machine that has none
    if missing is not None and not bound:
        raise missing


def _bound(family: int, where: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
        listener.listen(limits.BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - that is how sockets are asked
    except BaseException:
        listener.close()
        raise
    return listener


def named(sockets: tuple[socket.socket, ...]) -> list[str]:
    """Return where *sockets* listen, with the ports that the system chose."""
    return [str(Address(*one.getsockname()[:2])) for one in sockets]
