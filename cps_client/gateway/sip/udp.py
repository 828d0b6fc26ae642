"""SIP in datagrams."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.access import Access
from cps_client.gateway.sip.counts import Counts
from cps_client.gateway.sip.redirect import Origin, Redirector
from cps_client.gateway.sip.settings import Listen

_KEEPALIVE: Final = frozenset(b"\r\n\0 ")
"""Bytes of datagrams that only keep a path open."""


class Datagrams(Protocol):
    """What asyncio's transports of datagrams can do, and uvloop's, which are not derived from them."""

    def sendto(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Send one datagram, or keep it until the system takes it."""
        ...

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are kept."""
        ...

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        ...


class UdpListener(asyncio.DatagramProtocol):
    """
    One UDP socket.

    Args:
        listen: What comes in here.
        access: From where it may.
        redirector: Answers.
        counts: What happened.
    """

    def __init__(self, listen: Listen, access: Access, redirector: Redirector, counts: Counts) -> None:
        self._listen = listen
        self._access = access
        self._redirector = redirector
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._transport: Datagrams | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember with what to answer."""
        self._transport = cast("Datagrams", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take one message."""
        if not self._access.allows(addr[0]):
            self._counts.dropped["source",] += 1
        elif _KEEPALIVE.issuperset(data):
            self._counts.dropped["keepalive",] += 1
        else:
            origin = Origin(addr[0].partition("%")[0], addr[1], self._listen, self._answering(addr))
            # In a round of its own, so that a defect of ours cannot harm the socket.
            self._loop.call_soon(self._redirector.receive, data, origin)

    def error_received(self, exc: Exception) -> None:
        """Count that an answer came back: nobody listens there any more."""
        del exc
        self._counts.dropped["unsent",] += 1

    @property
    def _is_congested(self) -> bool:
        """Whether the system takes no more datagrams at present: clients ask again for what is dropped."""
        return self._transport is not None and self._transport.get_write_buffer_size() > limits.UNSENT_BYTES

    def _answering(self, addr: tuple[Any, ...]) -> Callable[[bytes, int], None]:
        def send(data: bytes, port: int) -> None:
            if self._transport is None or self._transport.is_closing() or self._is_congested:
                self._counts.dropped["unsent",] += 1
            else:
                self._transport.sendto(data, (addr[0], port, *addr[2:]))

        return send
