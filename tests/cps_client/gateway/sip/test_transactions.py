"""The memory of INVITEs, against a plain model of it."""

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from cps_client.gateway.sip import limits
from cps_client.gateway.sip.transactions import State, Transaction, Transactions

MOST: Final = 6
MOST_BYTES: Final = 40


class Remembering(RuleBasedStateMachine):
    """Transactions begin, are answered, confirmed, and forgotten as time goes by."""

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.memory = Transactions(lambda: self.time, most=MOST, most_bytes=MOST_BYTES)
        self.begun: dict[int, Transaction] = {}
        self.ends: dict[int, float] = {}
        self.answers: dict[int, bytes] = {}

    @rule(target=keys, key=st.integers(0, 30))
    def begin(self, key: int) -> int:
        """Begin a transaction, unless it is known."""
        if self.memory.find(key) is None:
            self.begun[key] = self.memory.begin(key)
            self.ends[key] = float("inf")
            self.answers.pop(key, None)
        return key

    @rule(key=keys, size=st.integers(1, 12))
    def complete(self, key: int, size: int) -> None:
        """Answer it."""
        if self.begun[key].state is State.PROCEEDING:
            self.answers[key] = bytes([key]) * size
            self.memory.complete(self.begun[key], self.answers[key])
            self.ends[key] = self.time + limits.ANSWERED_SECONDS

    @rule(key=keys)
    def confirm(self, key: int) -> None:
        """Let the ACK come, whenever."""
        found = self.memory.find(key)
        if found is not None:
            was_completed = found.state is State.COMPLETED
            self.memory.confirm(found)
            if was_completed:
                self.ends[key] = self.time + limits.T4

    @rule(seconds=st.sampled_from([0.1, limits.T4, limits.ANSWERED_SECONDS]))
    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.time += seconds

    @invariant()
    def what_is_found_is_what_was_put(self) -> None:
        """What is under way is always found; what is found has its own answer, and its time is not over."""
        for key, transaction in self.begun.items():
            found = self.memory.find(key)
            if transaction.state is State.PROCEEDING:
                assert transaction is found
            if found is not None:
                assert self.answers.get(key, b"") == found.answer
                assert self.time < self.ends[key]

    @invariant()
    def nothing_is_forgotten_without_need(self) -> None:
        """As long as there is room, whatever's time is not over is found."""
        live = [key for key, end in self.ends.items() if self.time < end]
        if len(live) <= MOST and len(self.begun) <= MOST and sum(map(len, self.answers.values())) <= MOST_BYTES:
            assert all(self.memory.find(key) for key in live)

    @precondition(lambda self: self.memory.proceeding == 0)
    @invariant()
    def it_is_bounded(self) -> None:
        """Without calls under way the memory keeps its bounds."""
        self.memory.find(-1)
        assert len(self.memory) <= MOST
        assert self.memory._bytes <= MOST_BYTES
        assert self.memory._bytes == sum(
            len(one.answer) for kept in self.memory._by_state.values() for one in kept.values()
        )


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


def test_what_was_confirmed_goes_first() -> None:
    """When there is no more room, answers that the client has are dropped before those that it may still ask for."""
    memory = Transactions(lambda: 0.0, most=2)
    first, second = memory.begin(0), memory.begin(1)
    memory.complete(first, b"1")
    memory.complete(second, b"2")
    memory.confirm(second)
    third = memory.begin(2)
    memory.complete(third, b"3")

    assert [first, None, third] == [memory.find(number) for number in range(3)]
