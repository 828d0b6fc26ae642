"""
Sending accepted publishes on to all peers, behind the 201 (ATIS-1000096).

A publish never waits for this: it leaves an announcement in each peer's
bounded outbox. What cannot be delivered while the PASSporT lives is dropped
and counted; a peer that is down, slow or hostile costs its own outbox and a
few connections, and no local call anything.
"""

import asyncio
import ssl
from collections import Counter
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Final, Self

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs
from yarl import URL

from cps_server.federation.announcement import Announcement
from cps_server.federation.breaker import CircuitBreaker
from cps_server.federation.peers import Mesh, Peer
from stir.aio.clock import Clock
from stir.aio.credential import Credential
from stir.token import Action, mint

OUTBOX: Final = 1_000
"""Most announcements waiting for one peer: some seconds of a busy CPS; older ones give way to newer calls."""

SENDERS: Final = 8
"""Requests under way to one peer at once."""

SECONDS: Final = 2.0
"""Longest time for one request to a peer."""

PAUSE_SECONDS: Final = 0.25
"""Pause before the one retry."""

log = structlog.get_logger()


class _Undelivered(Exception):  # noqa: N818 - it never leaves this module
    """A request to a peer failed; *final* if another one would, too."""

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class PeerLink:
    """The way to one peer: its outbox, its senders and its circuit breaker."""

    def __init__(self, peer: Peer, credential: Credential, session: ClientSession, clock: Clock) -> None:
        self.peer = peer
        self.breaker = CircuitBreaker()
        self.outcomes: Counter[str] = Counter()
        """How announcements ended: delivered, or why not."""
        self._credential = credential
        self._session = session
        self._clock = clock
        self._outbox: asyncio.Queue[Announcement] = asyncio.Queue(OUTBOX)
        self._senders = [
            asyncio.create_task(self._send_all(), name=f"republish {peer.hostname}") for _ in range(SENDERS)
        ]

    @property
    def waiting(self) -> int:
        """How many announcements wait."""
        return self._outbox.qsize()

    def offer(self, announcement: Announcement) -> None:
        """Put *announcement* into the outbox; when that is full the oldest gives way, whose call has gone on."""
        if self._outbox.full():
            self._outbox.get_nowait()
            self.outcomes["overflow"] += 1
        self._outbox.put_nowait(announcement)

    async def close(self) -> None:
        """Stop sending; what waits is dropped."""
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            announcement = await self._outbox.get()
            try:
                outcome = await self._deliver(announcement)
            except Exception:
                log.exception("republish_failed", peer=self.peer.hostname)
                outcome = "defect"
            self.outcomes[outcome] += 1

    async def _deliver(self, announcement: Announcement) -> str:
        """Send *announcement*, once more if that may help and it is still alive, and say how it ended."""
        outcome = "circuit-open"
        for pause in (0.0, PAUSE_SECONDS):
            if pause:
                await asyncio.sleep(pause)
            if self._clock.now() >= announcement.dies_at:
                return "died"
            if not self.breaker.admits(self._now()):
                return outcome
            try:
                await self._post(announcement)
            except _Undelivered as failure:
                self._failed(failure)
                outcome = failure.reason
                if failure.final:
                    return outcome
            else:
                self.breaker.succeeded()
                return "delivered"
        return outcome

    def _failed(self, failure: _Undelivered) -> None:
        if failure.final:
            self.breaker.succeeded()  # it answers; that it refuses one publish says nothing about the next
            return
        was_open = self.breaker.is_open
        self.breaker.failed(self._now())
        if self.breaker.is_open and not was_open:
            log.error("peer_unreachable", peer=self.peer.hostname, reason=failure.reason)

    async def _post(self, announcement: Announcement) -> None:
        url = URL(self.peer.url + announcement.path, encoded=True)
        headers = {hdrs.AUTHORIZATION: f"Bearer {self._token(announcement)}", hdrs.CONTENT_TYPE: "application/json"}
        try:
            async with self._session.post(
                url, data=announcement.body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except TimeoutError as error:
            raise _Undelivered("timeout", final=False) from error
        except (ClientError, OSError) as error:
            raise _Undelivered("connection", final=False) from error
        if status != HTTPStatus.CREATED:
            server_side = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
            raise _Undelivered(f"status-{status}", final=not server_side)

    def _token(self, announcement: Announcement) -> str:
        """Return a new token for each request; the first publisher's SPC goes along as sub."""
        return mint(
            self._credential.signer.key,
            x5u=self._credential.x5u,
            iss=self._credential.spc,
            sub=announcement.publisher,
            action=Action.REPUBLISH,
            target=announcement.target,
            audience=self.peer.hostname,
            at=self._clock.now(),
            passports=announcement.passports,
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class Republisher:
    """Announces accepted publishes to all peers; an asynchronous context manager."""

    def __init__(self, mesh: Mesh, clock: Clock, *, tls: ssl.SSLContext | None = None) -> None:
        self.links: tuple[PeerLink, ...] = ()
        self._mesh = mesh
        self._clock = clock
        self._tls = tls
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the senders."""
        if self._mesh.credential is not None:
            session = await self._stack.enter_async_context(
                ClientSession(
                    connector=TCPConnector(limit_per_host=SENDERS, ssl=self._tls if self._tls is not None else True),
                    timeout=ClientTimeout(total=SECONDS),
                    cookie_jar=DummyCookieJar(),
                    trust_env=False,
                )
            )
            self.links = tuple(PeerLink(peer, self._mesh.credential, session, self._clock) for peer in self._mesh.peers)
            for link in self.links:
                self._stack.push_async_callback(link.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the senders; what was not delivered is lost to the peers, as in a crash."""
        await self._stack.aclose()

    def announce(self, announcement: Announcement) -> None:
        """Leave *announcement* for all peers; at once, whatever state they are in."""
        for link in self.links:
            link.offer(announcement)
