"""A CPS that fails again and again is left alone, and finds its way back by one probe at a time."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cps_client import limits
from cps_client.breaker import Breaker, Permit, State

FAILURES, REST = 3, 5.0


def opened(at: float = 0.0) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = Breaker(failures=FAILURES, rest=REST)
    for _ in range(FAILURES):
        breaker.failed(breaker.admit(at), at)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    """A success between them starts the count anew."""
    breaker = Breaker(failures=FAILURES, rest=REST)
    for outcome in "FFSFFF":
        assert State.CLOSED == breaker.state(0)
        permit = breaker.admit(0)
        breaker.failed(permit, 0) if outcome == "F" else breaker.succeeded(permit)

    assert State.OPEN == breaker.state(0)
    assert breaker.admit(4.9) is None


def test_one_probe_after_the_rest() -> None:
    """The first that asks after the rest finds out for all."""
    breaker = opened()

    assert [Permit.PROBE, None, None] == [breaker.admit(5), breaker.admit(5), breaker.admit(5, last_resort=True)]


def test_the_last_resort_needs_no_rest() -> None:
    """Where there is nobody else to ask, a probe goes out at once, but no second one beside it."""
    breaker = opened()

    assert [Permit.PROBE, None] == [breaker.admit(1, last_resort=True), breaker.admit(1, last_resort=True)]


@pytest.mark.parametrize(
    ("outcome", "state"), [("failed", State.OPEN), ("good", State.CLOSED), (None, State.HALF_OPEN)]
)
def test_the_probe_decides(outcome: str | None, state: State) -> None:
    """Another rest, or all is well; a probe that was given up leaves the question to the next one."""
    breaker = opened()
    permit = breaker.admit(5)

    if outcome == "failed":
        breaker.failed(permit, 6)
    elif outcome == "good":
        breaker.succeeded(permit)
    else:
        breaker.abandoned(permit)

    assert state == breaker.state(6)
    assert State.OPEN != breaker.state(11)


def test_failures_of_earlier_requests_do_not_lengthen_the_rest() -> None:
    """What was sent before it opened, and times out after, is no news."""
    breaker = opened()

    breaker.failed(Permit.REQUEST, 4)

    assert State.HALF_OPEN == breaker.state(5)


def test_success_of_an_earlier_request_closes_it() -> None:
    """Who answers is alive; a probe that fails after that is one failure like any other."""
    breaker = opened()
    probe = breaker.admit(5)
    breaker.succeeded(Permit.REQUEST)

    breaker.failed(probe, 5)

    assert State.CLOSED == breaker.state(5)


def test_defaults() -> None:
    """Five failures, five seconds."""
    breaker = Breaker()
    for _ in range(5):
        assert State.CLOSED == breaker.state(0)
        breaker.failed(breaker.admit(0), 0)

    assert (State.OPEN, State.HALF_OPEN) == (breaker.state(4.9), breaker.state(5.0))
    assert (5, 5.0) == (limits.BREAKER_FAILURES, limits.BREAKER_REST)


class Requests(RuleBasedStateMachine):
    """Requests in any order, ending in any order, against a breaker; beside it, what the words of its contract say."""

    @initialize()
    def start(self) -> None:
        """Begin with a breaker that knows nothing."""
        self.breaker = Breaker(failures=FAILURES, rest=REST)
        self.now = 0.0
        self.out: list[Permit] = []
        self.outcomes: list[bool] = []
        self.opened: float | None = None

    @rule(seconds=st.floats(0, 7))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(last_resort=st.booleans())
    def ask(self, *, last_resort: bool) -> None:
        """Ask for a permit: freely while closed, else one probe, after the rest or as the last resort."""
        permit = self.breaker.admit(self.now, last_resort=last_resort)

        if self.opened is None:
            assert Permit.REQUEST == permit
        else:
            may_probe = Permit.PROBE not in self.out and (last_resort or self.now >= self.opened + REST)
            assert (Permit.PROBE if may_probe else None) == permit
        self.out += [permit] if permit else []

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(["good", "bad", "unknown"]))
    def end(self, data: st.DataObject, outcome: str) -> None:
        """Let one request come out."""
        permit = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        if outcome == "good":
            self.breaker.succeeded(permit)
            self.outcomes, self.opened = [], None
        elif outcome == "bad":
            self.breaker.failed(permit, self.now)
            self.outcomes.append(False)
            is_last_straw = self.opened is None and len(self.outcomes) >= FAILURES
            if is_last_straw or (self.opened is not None and permit is Permit.PROBE):
                self.opened = self.now
        else:
            self.breaker.abandoned(permit)

    @invariant()
    def one_probe(self) -> None:
        """There is never a second probe."""
        assert self.out.count(Permit.PROBE) <= 1

    @invariant()
    def state(self) -> None:
        """What it tells of itself is what it does."""
        if self.opened is None:
            assert State.CLOSED == self.breaker.state(self.now)
        elif Permit.PROBE not in self.out and self.now >= self.opened + REST:
            assert State.HALF_OPEN == self.breaker.state(self.now)
        else:
            assert State.OPEN == self.breaker.state(self.now)


TestRequests = Requests.TestCase
