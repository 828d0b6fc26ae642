"""SIP over TCP: several messages on one connection, and answers on the connection that the request came by."""

import asyncio
from typing import Final, cast

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.access import Access
from cps_client.gateway.sip.counts import Counts
from cps_client.gateway.sip.errors import UnreadableError
from cps_client.gateway.sip.framing import PING, PONG, Framer
from cps_client.gateway.sip.redirect import Origin, Redirector
from cps_client.gateway.sip.settings import Listen

_NOBODY: Final = ("", 0)


class TcpListener:
    """
    One TCP listener; called for each connection, it returns that connection's protocol.

    Args:
        listen: What comes in here.
        access: From where it may.
        redirector: Answers.
        counts: What happened.
        most: How many connections there may be.
    """

    def __init__(self, listen: Listen, access: Access, redirector: Redirector, counts: Counts, *, most: int) -> None:
        self.listen = listen
        self.access = access
        self.redirector = redirector
        self.counts = counts
        self.most = most
        self.connections: set[TcpConnection] = set()

    def __call__(self) -> "TcpConnection":
        """Return the protocol of a new connection."""
        return TcpConnection(self)

    def close(self) -> None:
        """Close all connections, after what is still to be sent."""
        for connection in list(self.connections):
            connection.close()


class TcpConnection(asyncio.Protocol):
    """One connection."""

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._counts = listener.counts
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._origin = Origin(*_NOBODY, listener.listen, self._send)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless it comes from elsewhere or there are too many."""
        stream = cast("asyncio.Transport", transport)  # uvloop's are not derived from asyncio's
        host, port = (stream.get_extra_info("peername") or _NOBODY)[:2]
        allowed = self._listener.access.allows(host)
        if not allowed or len(self._listener.connections) >= self._listener.most:
            self._counts.dropped["connections" if allowed else "source",] += 1
            stream.abort()
            return
        self._transport = stream
        self._origin = Origin(host.partition("%")[0], port, self._listener.listen, self._send)
        self._listener.connections.add(self)
        self._counts.connections += 1
        self._wait(limits.IDLE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; calls under way are finished for nobody."""
        del exc
        if self._transport is not None:
            self._transport = None
            self._listener.connections.discard(self)
            self._counts.connections -= 1
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what came; a stream that cannot be followed is closed."""
        was_between, done = self._framer.is_between, False
        try:
            for message in self._framer.feed(data):
                done = True
                if message == PING:
                    self._send(PONG, 0)
                else:
                    self._loop.call_soon(self._listener.redirector.receive, message, self._origin)
        except UnreadableError as error:
            self._counts.dropped[error.reason,] += 1
            self.close()
            return
        if self._framer.is_between:
            self._wait(limits.IDLE_SECONDS)
        elif was_between or done:  # a message has begun
            self._wait(limits.MESSAGE_SECONDS)

    def close(self) -> None:
        """Close the connection after what is still to be sent; a peer that does not read it is not waited for."""
        if self._transport is not None:
            self._transport.close()
            self._wait(limits.MESSAGE_SECONDS)

    def _send(self, data: bytes, port: int) -> None:
        del port
        if self._transport is None or self._transport.is_closing():
            self._counts.dropped["unsent",] += 1
        elif self._transport.get_write_buffer_size() > limits.UNSENT_BYTES:
            self._counts.dropped["unsent",] += 1
            self._transport.abort()
        else:
            self._transport.write(data)

    def _wait(self, seconds: float) -> None:
        """Give the peer so long for what it has to do next."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
