"""
The redirect server: requests come in as bytes, and answers go out as bytes, whatever carries them.

It keeps INVITE transactions as RFC 3261, section 17.2 wants them, with one difference that a server which sends no
provisional answer may make (section 8.2.7): it leaves retransmission to the client, which repeats its INVITE until it
is answered. Only where 100 Trying has stopped the client does the server repeat its answer until the ACK. So nobody
who sends one datagram with another's address gets that one more than one answer.
"""

import asyncio
import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import structlog

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.answer import ALLOW, Answer, port_of
from cps_client.gateway.sip.counts import Counts
from cps_client.gateway.sip.errors import RefusedError, UnreadableError
from cps_client.gateway.sip.invite import Invites
from cps_client.gateway.sip.message import Message, Request
from cps_client.gateway.sip.settings import Listen
from cps_client.gateway.sip.transactions import State, Transaction, Transactions, key_of

METHODS: Final = frozenset({"INVITE", "ACK", "CANCEL", "OPTIONS"})
_TRYING: Final = Answer(100)
_TERMINATED: Final = Answer(487)
_FAILED: Final = Answer(500)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came from."""

    host: str
    port: int
    listen: Listen
    send: Callable[[bytes, int], None]
    """Send bytes back to that host, over UDP to this port."""


@dataclass(frozen=True, slots=True)
class _Call:
    request: Request
    origin: Origin
    task: "asyncio.Task[Answer]"


class Redirector:
    """
    Answers requests.

    Args:
        invites: Decides on INVITEs.
        counts: What happened.
    """

    def __init__(self, invites: Invites, counts: Counts) -> None:
        self._invites = invites
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._transactions = Transactions(self._loop.time)
        self._under_way: dict[Hashable, _Call] = {}
        self._secret = secrets.token_bytes(16)
        self._draining = self._closing = False

    def receive(self, data: bytes, origin: Origin) -> None:
        """Take one whole message; nothing in it makes this raise."""
        try:
            message = Message.parse(data)
        except UnreadableError as error:
            self._counts.dropped[error.reason,] += 1
            return
        transport = origin.listen.transport
        self._counts.requests[transport, message.method if message.method in METHODS else "other"] += 1
        try:
            self._handle(Request.of(message), origin)
        except RefusedError as error:
            if message.method != "ACK":  # which nobody answers
                self._reply(message, origin, Answer(error.status, error.fields))

    def drain(self) -> None:
        """Tell proxies that ping to take another server; calls are still answered."""
        self._draining = True

    async def close(self) -> None:
        """Wait until every call has its answer; those that still come are sent on at once."""
        self._closing = True
        tasks = [call.task for call in self._under_way.values()]
        if tasks:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # the answers go out in the loop's next round

    def _handle(self, request: Request, origin: Origin) -> None:
        match request.method:
            case "ACK":
                self._confirm(request, origin)
            case "CANCEL":
                self._cancel(request, origin)
            case _ if request.to_tag is not None:  # inside a dialog, of which there are none here (section 12.2.2)
                raise RefusedError(481, "no such dialog")
            case "INVITE":
                self._invite(request, origin)
            case "OPTIONS":
                status = 503 if self._draining else 200
                fields = ALLOW, ("Accept", "application/sdp"), ("Supported", "")
                self._reply(request.message, origin, Answer(status, fields))
            case _:
                raise RefusedError(405, "only INVITE and OPTIONS are taken", (ALLOW,))

    def _invite(self, request: Request, origin: Origin) -> None:
        key = key_of(request, origin.host)
        known = self._transactions.find(key)
        if known is not None:
            self._counts.retransmissions += 1
            if known.answer and known.state is not State.CONFIRMED:
                self._send(known.answer, request.message, origin)
            return
        transaction = self._transactions.begin(key)
        if self._closing:
            self._complete(transaction, request, origin, self._invites.without_result(request, "stopping"))
            return
        self._counts.calls += 1
        task = self._loop.create_task(self._invites.answer(request, origin.listen))
        self._under_way[key] = call = _Call(request, origin, task)
        trying = self._loop.call_later(limits.TRYING_AFTER, self._try, transaction, call)
        task.add_done_callback(lambda _: self._done(transaction, call, trying))

    def _try(self, transaction: Transaction, call: _Call) -> None:
        """Tell the client that it will take a while, so that it stops repeating itself."""
        transaction.answer = self._encoded(call.request.message, call.origin, _TRYING)
        self._counts.answers[str(_TRYING.status),] += 1
        self._send(transaction.answer, call.request.message, call.origin)

    def _done(self, transaction: Transaction, call: _Call, trying: asyncio.TimerHandle) -> None:
        trying.cancel()
        self._counts.calls -= 1
        del self._under_way[transaction.key]
        if call.task.cancelled():
            answer = _TERMINATED
        elif (error := call.task.exception()) is not None:
            log.error("sip_call_failed", trunk=call.origin.listen.trunk, exc_info=error)
            self._counts.fail_open["error",] += 1
            answer = _FAILED
        else:
            answer = call.task.result()
        self._complete(transaction, call.request, call.origin, answer)

    def _complete(self, transaction: Transaction, request: Request, origin: Origin, answer: Answer) -> None:
        was_tried = bool(transaction.answer)
        data = self._encoded(request.message, origin, answer)
        if origin.listen.transport == "udp" and len(data) > limits.UDP_ANSWER_BYTES:
            data = self._encoded(request.message, origin, self._invites.without_result(request, "too-large"))
        self._counts.answers[str(answer.status),] += 1
        self._transactions.complete(transaction, data)
        self._send(data, request.message, origin)
        if was_tried and origin.listen.transport == "udp":
            self._loop.call_later(limits.T1, self._repeat, transaction, request.message, origin, limits.T1)

    def _repeat(self, transaction: Transaction, message: Message, origin: Origin, pause: float) -> None:
        """Send the answer again until the ACK has come or its time is over (Timers G and H, section 17.2.1)."""
        if transaction.state is State.COMPLETED and self._loop.time() < transaction.until:
            self._send(transaction.answer, message, origin)
            pause = min(2 * pause, limits.T2)
            self._loop.call_later(pause, self._repeat, transaction, message, origin, pause)

    def _confirm(self, request: Request, origin: Origin) -> None:
        known = self._transactions.find(key_of(request, origin.host))
        if known is not None:
            self._transactions.confirm(known)

    def _cancel(self, request: Request, origin: Origin) -> None:
        """End the call if it is still under way (RFC 3261, section 9.2)."""
        key = key_of(request, origin.host)
        if self._transactions.find(key) is None:
            raise RefusedError(481, "no such transaction")
        self._reply(request.message, origin, Answer(200))
        if call := self._under_way.get(key):
            call.task.cancel()

    def _reply(self, message: Message, origin: Origin, answer: Answer) -> None:
        self._counts.answers[str(answer.status),] += 1
        self._send(self._encoded(message, origin, answer), message, origin)

    def _encoded(self, message: Message, origin: Origin, answer: Answer) -> bytes:
        return answer.encode(message, (origin.host, origin.port), self._tag(message))

    def _send(self, data: bytes, message: Message, origin: Origin) -> None:
        origin.send(data, port_of(message, origin.port))

    def _tag(self, message: Message) -> str:
        """Return a tag that is the same for one request however often it comes (RFC 3261, section 8.2.7)."""
        fields = message.fields
        seen = "\n".join((message.vias[0], fields["call-id"][0], fields["cseq"][0].split()[0], fields["from"][0]))
        return blake2b(seen.encode(), key=self._secret, digest_size=8).hexdigest()
