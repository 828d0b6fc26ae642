"""The INVITEs that are under way or have just been answered, so that one that comes again changes nothing."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.message import Request

_COOKIE: Final = "z9hG4bK"


class State(Enum):
    """Where a transaction stands (RFC 3261, section 17.2.1)."""

    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()


@dataclass(slots=True, eq=False)
class Transaction:
    """One INVITE."""

    key: Hashable
    state: State = State.PROCEEDING
    answer: bytes = b""
    """The final answer; before it the provisional one, if one was sent."""
    until: float = float("inf")
    """When it is forgotten."""


class Transactions:
    """
    A bounded memory: what is under way stays, of the rest the oldest goes first.

    Args:
        now: Seconds that only ever grow.
        most: How many are remembered.
        most_bytes: How many bytes of answers are.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        most: int = limits.TRANSACTIONS,
        most_bytes: int = limits.ANSWERED_BYTES,
    ) -> None:
        self._now = now
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        # Each is in the order in which its entries end, since all entries of one live equally long.
        self._by_state: dict[State, OrderedDict[Hashable, Transaction]] = {state: OrderedDict() for state in State}

    def __len__(self) -> int:
        return sum(map(len, self._by_state.values()))

    @property
    def proceeding(self) -> int:
        """How many are under way."""
        return len(self._by_state[State.PROCEEDING])

    def find(self, key: Hashable) -> Transaction | None:
        """Return the transaction with this key, unless there is none or its time is over."""
        self._forget()
        return next((one for kept in self._by_state.values() if (one := kept.get(key))), None)

    def begin(self, key: Hashable) -> Transaction:
        """Remember a new one; there is none with this key."""
        transaction = Transaction(key)
        self._by_state[State.PROCEEDING][key] = transaction
        return transaction

    def complete(self, transaction: Transaction, answer: bytes) -> None:
        """Remember the final answer."""
        self._move(transaction, State.COMPLETED, limits.ANSWERED_SECONDS)
        transaction.answer = answer
        self._bytes += len(answer)
        self._forget()

    def confirm(self, transaction: Transaction) -> None:
        """Note that the ACK has come; before the answer, or a second time, it means nothing."""
        if transaction.state is State.COMPLETED:
            self._move(transaction, State.CONFIRMED, limits.T4)

    def _move(self, transaction: Transaction, state: State, seconds: float) -> None:
        self._by_state[transaction.state].pop(transaction.key)
        transaction.state, transaction.until = state, self._now() + seconds
        self._by_state[state][transaction.key] = transaction

    def _forget(self) -> None:
        """Drop what is over, and then what is too much: first what was confirmed, of each the oldest."""
        now = self._now()
        for state in (State.CONFIRMED, State.COMPLETED):
            kept = self._by_state[state]
            while kept and (next(iter(kept.values())).until <= now or self._is_too_much):
                self._bytes -= len(kept.popitem(last=False)[1].answer)

    @property
    def _is_too_much(self) -> bool:
        return len(self) > self._most or self._bytes > self._most_bytes


def key_of(request: Request, source: str) -> Hashable:
    """
    Return what an INVITE, its retransmissions, its ACK and its CANCEL have in common (RFC 3261, section 17.2.3).

    Call-ID, CSeq and the sender's address are part of it, so that branches that are not unique harm nobody else.

    Args:
        request: Any of these.
        source: The address that it came from.
    """
    common = source, request.call_id, request.sequence, request.message.via.sent_by
    branch = request.message.via.branch
    if branch.startswith(_COOKIE):
        return *common, branch
    return *common, branch, request.uri.text, request.from_tag  # the rule of RFC 2543
