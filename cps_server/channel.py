"""How a supervisor and a worker talk: questions and answers over a socket pair, each a length and JSON."""

import asyncio
import itertools
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Self

from cps_server import limits

Handler = Callable[[str], Awaitable[object]]

_LENGTH: Final = 4


class SilentError(Exception):
    """The other end gave no answer in time."""


class GoneError(SilentError):
    """The other end is gone."""


class Channel:
    """
    One end of the socket pair; both may ask.

    Its closing is a message, too: a worker whose supervisor is gone ends, however the supervisor ended.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._gone = False

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Talk over *end*, which is closed with the channel."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def read(self) -> bytes | None:
        """Return the next message, or None when the other end is gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH))
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def write(self, message: bytes) -> None:
        """Send *message*; if the other end is gone, reading will tell."""
        if not self._writer.is_closing():
            self._writer.write(len(message).to_bytes(_LENGTH) + message)

    async def ask(self, question: str, *, seconds: float = limits.WORKER_ANSWER_SECONDS) -> Any:
        """
        Return the answer to *question*.

        Raises:
            SilentError: There was none in time.
            GoneError: The other end is gone.
        """
        if self._gone:
            raise GoneError(question)
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.write(json.dumps({"question": question, "number": number}).encode())
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError as error:
            raise SilentError(question) from error
        finally:
            del self._waiting[number]

    async def converse(self, handler: Handler) -> None:
        """Answer questions with *handler*, and hand out answers, until the other end is gone."""
        try:
            while (message := await self.read()) is not None:
                content = json.loads(message)
                if "question" in content:
                    task = asyncio.create_task(self._answer(handler, content["question"], content["number"]))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
                elif (waiting := self._waiting.get(content["number"])) is not None and not waiting.done():
                    waiting.set_result(content["answer"])
        finally:
            self._gone = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(GoneError("the other end is gone"))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _answer(self, handler: Handler, question: str, number: int) -> None:
        answer = await handler(question)
        self.write(json.dumps({"answer": answer, "number": number}).encode())
