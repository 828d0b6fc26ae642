"""Host names to addresses, in threads of their own."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from stir import limits
from stir.errors import FetchError
from stir.x5u import Address


class Resolver(Protocol):
    """Tells the addresses of a host name."""

    async def resolve(self, host: str) -> Sequence[Address]:
        """
        Return every address of *host*.

        Raises:
            FetchError: There is none, or the name servers did not tell.
        """
        ...

    async def close(self) -> None:
        """Let go of whatever is held; safe to call twice."""
        ...


class SystemResolver:
    """
    The machine's own resolver.

    It blocks and cannot be interrupted, so it has threads of its own: a name whose servers never answer
    holds one of these long after its fetch was given up, but nothing else of the process.
    """

    def __init__(self, threads: int = limits.LOOKUP_THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="lookup")

    async def resolve(self, host: str) -> Sequence[Address]:
        """Return every address of *host*, as the machine's resolver orders them."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)
        except (OSError, UnicodeError) as error:
            raise FetchError("the host name of the URL could not be resolved", reason="resolve") from error
        return found

    async def close(self) -> None:
        """Drop the lookups that wait for a thread; those that run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> list[Address]:
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(sockaddr[0]) for _, _, _, _, sockaddr in answers))
