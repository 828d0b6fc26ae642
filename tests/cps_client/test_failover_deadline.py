"""Who is asked when, on a clock that leaps: the order, the deadline, and what is known of each CPS afterwards."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cps_client.breaker import State
from cps_client.errors import CpsError, CpsRefusedError
from cps_client.exchange import Endpoint
from cps_client.failover import Asked
from cps_client.limits import BREAKER_FAILURES, BREAKER_REST
from cps_client.tally import Counts
from cps_client.watch import Watch
from tests.support.leaping import run

BUDGET, PATIENCE = 0.5, 0.15
FOREVER = 1e6
ENDPOINTS = [Endpoint.of(f"https://cps{number}.example") for number in range(3)]
OUTCOMES = ["useful", "empty", "refused", "busy", "status", "timeout"]
Step = tuple[float, str]
"""Seconds until a CPS answers, and what."""


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    cps: str

    @property
    def is_useful(self) -> bool:
        """Whether it is not 404."""
        return self.status == 200


@dataclass
class Scene:
    """CPSs that behave as written, and what was asked of them."""

    scripts: dict[str, list[Step]]
    watch: Watch = field(default_factory=Watch)
    counts: Counts = field(default_factory=Counts)
    log: list[tuple[float, str]] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    crowd: int = 0
    """Most requests that were under way at once."""

    def asked(self, budget: float = BUDGET) -> Asked[Reply]:
        """Return an operation that begins now."""
        loop = asyncio.get_running_loop()
        endpoints = [endpoint for endpoint in ENDPOINTS if endpoint.audience in self.scripts]
        return Asked(endpoints, self.ask, deadline=loop.time() + budget, watch=self.watch, tally=self.counts)

    async def ask(self, endpoint: Endpoint, until: float) -> Reply:
        """Do what the script says; its last step again and again."""
        name, loop = endpoint.audience, asyncio.get_running_loop()
        self.log.append((round(loop.time(), 6), name))
        assert name not in self.out, "the same question twice at once"
        self.out.append(name)
        self.crowd = max(self.crowd, len(self.out))
        script = self.scripts[name]
        seconds, outcome = script.pop(0) if len(script) > 1 else script[0]
        try:
            async with asyncio.timeout_at(until):
                await asyncio.sleep(seconds)
        except TimeoutError as error:
            raise CpsError("", reason="timeout") from error
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # a connection takes some turns of the loop to close
            await asyncio.sleep(0)
            raise
        finally:
            self.out.remove(name)
        if outcome == "refused":
            raise CpsRefusedError(403, None)
        if outcome not in {"useful", "empty"}:
            raise CpsError("", reason=outcome, status=503)
        return Reply(200 if outcome == "useful" else 404, name)


def scene(*scripts: Sequence[Step] | Step) -> Scene:
    """Return a scene of CPSs with these scripts."""
    steps = [[script] if isinstance(script, tuple) else list(script) for script in scripts]
    return Scene({f"cps{number}.example": script for number, script in enumerate(steps)})


async def retrieve(scene: Scene) -> tuple[str, float]:
    """Ask side by side; return who had something, or in a word why nobody, and how long it took."""
    return await _outcome(scene.asked(), lambda asked: asked.side_by_side(PATIENCE))


async def publish(scene: Scene) -> tuple[str, float]:
    """Ask one by one; return the same."""
    return await _outcome(scene.asked(), lambda asked: asked.one_by_one())


async def _outcome(
    asked: Asked[Reply], operate: Callable[[Asked[Reply]], Coroutine[Any, Any, Reply]]
) -> tuple[str, float]:
    start = asyncio.get_running_loop().time()
    try:
        reply = await operate(asked)
        what = reply.cps if reply.is_useful else "empty"
    except CpsError as error:
        what = error.reason
    return what, round(asyncio.get_running_loop().time() - start, 6)


GOOD, NOTHING, DOWN, HANGS = (0.01, "useful"), (0.01, "empty"), (0.01, "connect"), (FOREVER, "useful")


@pytest.mark.clause("cps-12-2-alternate", "oob-6-timeout", "oob-6-budget")
@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ([GOOD, GOOD], ("cps0.example", 0.01)),
        ([HANGS, GOOD], ("cps1.example", 0.16)),
        ([DOWN, GOOD], ("cps1.example", 0.02)),
        ([HANGS, HANGS, GOOD], ("cps2.example", 0.31)),
        ([HANGS, DOWN, GOOD], ("cps2.example", 0.17)),
        ([(0.3, "useful"), NOTHING], ("cps0.example", 0.3)),
        ([(0.3, "useful"), (0.1, "useful")], ("cps1.example", 0.25)),
        ([(0.3, "connect"), (0.2, "useful")], ("cps1.example", 0.35)),
        ([(0.3, "empty"), (0.2, "useful")], ("cps1.example", 0.35)),
        ([(0.3, "useful"), (0.15, "empty")], ("cps0.example", 0.3)),
        ([(0.3, "empty"), (0.15, "useful")], ("cps1.example", 0.3)),
        ([HANGS, NOTHING], ("empty", 0.5)),
        ([NOTHING, GOOD], ("empty", 0.01)),
        ([(0.1, "refused"), GOOD], ("refused", 0.1)),
        ([(0.2, "refused"), (0.1, "useful")], ("cps1.example", 0.25)),
        ([(0.2, "refused"), (0.1, "connect")], ("refused", 0.25)),
        ([(0.01, "busy"), GOOD], ("cps1.example", 0.02)),
        ([HANGS, HANGS, HANGS], ("timeout", 0.5)),
        ([HANGS], ("timeout", 0.5)),
        ([DOWN, DOWN], ("connect", 0.02)),
    ],
)
def test_side_by_side(scripts: list[Step], expected: tuple[str, float]) -> None:
    """The first useful answer wins, 404 waits for those still out, and nothing outlasts the deadline."""
    assert expected == run(retrieve(scene(*scripts)))


@pytest.mark.clause("cps-12-1", "cps-12-2-alternate", "cps-12-2-4xx", "oob-6-publish")
@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ([GOOD, GOOD], ("cps0.example", 0.01)),
        ([HANGS, GOOD], ("cps1.example", 0.26)),
        ([HANGS, HANGS, GOOD], ("cps2.example", 0.343333)),
        ([DOWN, (0.4, "useful")], ("cps1.example", 0.41)),
        ([(0.01, "refused"), GOOD], ("refused", 0.01)),
        ([(0.01, "busy"), GOOD], ("cps1.example", 0.02)),
        ([HANGS, HANGS], ("timeout", 0.5)),
    ],
)
def test_one_by_one(scripts: list[Step], expected: tuple[str, float]) -> None:
    """A publish is at one CPS at a time, each with its share of what is left."""
    stage = scene(*scripts)

    assert expected == run(publish(stage))
    assert 1 == stage.crowd


async def looks(stage: Scene, budget: float = BUDGET) -> Reply:
    """Ask side by side, then again."""
    asked = stage.asked(budget)
    return await asked.again(await asked.side_by_side(PATIENCE), (0.04, 0.1))


@pytest.mark.clause("cps-12-5")
@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ([[NOTHING, GOOD]], [(0.0, 0), (0.05, 0)]),
        ([NOTHING], [(0.0, 0), (0.05, 0), (0.16, 0)]),
        ([NOTHING, GOOD], [(0.0, 0), (0.05, 1)]),
        ([NOTHING, NOTHING], [(0.0, 0), (0.05, 1), (0.16, 0)]),
        ([NOTHING, DOWN], [(0.0, 0), (0.05, 1), (0.16, 0)]),
        ([[NOTHING, DOWN]], [(0.0, 0), (0.05, 0)]),
        ([NOTHING, HANGS], [(0.0, 0), (0.05, 1)]),
    ],
)
def test_404_is_asked_again(scripts: list[Sequence[Step] | Step], expected: list[tuple[float, int]]) -> None:
    """The publish may be on its way, or at the other CPS: each has its turn, as long as there is time."""
    stage = scene(*scripts)

    run(looks(stage))

    assert [(instant, f"cps{number}.example") for instant, number in expected] == stage.log


@pytest.mark.parametrize(("budget", "times"), [(0.06, 1), (0.1, 2)])
def test_404_is_asked_again_only_if_there_is_time(budget: float, times: int) -> None:
    """Where pause and round trip do not fit, the first answer stands."""
    stage = scene(NOTHING)

    assert not run(looks(stage, budget)).is_useful
    assert times == len(stage.log)


def test_the_slow_one_is_on_record() -> None:
    """The request that was given up says so, its CPS is held to be slow, and the second question is counted."""
    stage = scene(HANGS, GOOD)

    run(retrieve(stage))

    assert {("cps0.example", "outrun"): 1, ("cps1.example", "answered"): 1} == stage.counts.requests
    assert {"cps1.example": 1} == stage.counts.hedges
    assert {"cps0.example": 0, "cps1.example": 0} == stage.watch.in_flight()


def test_a_cps_that_hangs_costs_few_calls_their_time() -> None:
    """After some calls it is skipped; one call then finds out, and when it is back all go to it again."""

    async def story(stage: Scene) -> list[tuple[str, float]]:
        calls = [await retrieve(stage) for _ in range(BREAKER_FAILURES + 2)]
        assert State.OPEN == stage.watch.states(asyncio.get_running_loop().time())["cps0.example"]
        stage.scripts["cps0.example"] = [GOOD]
        await asyncio.sleep(BREAKER_REST)
        return [*calls, await retrieve(stage)]

    hedged, skipped, back = ("cps1.example", 0.16), ("cps1.example", 0.01), ("cps0.example", 0.01)

    assert [*[hedged] * BREAKER_FAILURES, skipped, skipped, back] == run(story(scene(HANGS, GOOD)))


def test_time_is_not_kept_for_a_cps_that_is_left_alone() -> None:
    """What is skipped has no share, so that a slow publish gets all the time there is."""

    async def story(stage: Scene) -> tuple[str, float]:
        for _ in range(BREAKER_FAILURES):
            await publish(stage)
        stage.scripts["cps1.example"] = [(0.4, "useful")]
        return await publish(stage)

    assert ("cps1.example", 0.4) == run(story(scene(DOWN, GOOD)))


def test_the_last_resort_is_asked_although_it_is_open() -> None:
    """Where the only other CPS fails, too, one that is left alone gets its chance in the time that remains."""

    async def story(stage: Scene) -> list[tuple[str, float]]:
        for _ in range(BREAKER_FAILURES):
            await publish(stage)
        stage.scripts = {"cps0.example": [GOOD], "cps1.example": [DOWN]}
        return [await publish(stage), await retrieve(stage)]

    assert [("cps0.example", 0.02), ("cps0.example", 0.01)] == run(story(scene(DOWN, GOOD)))


def test_with_all_open_one_call_finds_out_and_the_others_go_on_at_once() -> None:
    """A call that cannot be helped is not held up: one probe at a time, and no queue behind it."""

    async def story(stage: Scene) -> list[tuple[str, float]]:
        for _ in range(BREAKER_FAILURES):
            await publish(stage)
        stage.scripts = {"cps0.example": [(0.2, "useful")]}
        return list(await asyncio.gather(*(publish(stage) for _ in range(3))))

    assert [("cps0.example", 0.2), ("open", 0.0), ("open", 0.0)] == run(story(scene(DOWN)))


def test_silence_that_was_short_says_nothing() -> None:
    """A budget that leaves no time to answer opens no breaker."""

    async def story(stage: Scene) -> State:
        for _ in range(BREAKER_FAILURES * 2):
            with pytest.raises(CpsError):
                await stage.asked(0.05).one_by_one()
        return stage.watch.states(asyncio.get_running_loop().time())["cps0.example"]

    assert State.CLOSED == run(story(scene(HANGS)))


@pytest.mark.parametrize("outcome", ["refused", "busy"])
def test_who_refuses_is_well(outcome: str) -> None:
    """A refusal is an answer, so the breaker stays closed."""

    async def story(stage: Scene) -> State:
        for _ in range(BREAKER_FAILURES * 2):
            assert (outcome, 0.01) == await publish(stage)
        return stage.watch.states(asyncio.get_running_loop().time())["cps0.example"]

    assert State.CLOSED == run(story(scene((0.01, outcome))))


def test_a_full_cps_is_passed_over_at_once() -> None:
    """With so many requests under way, the next CPS is asked; where all are full the call goes on at once."""

    async def story(stage: Scene) -> list[tuple[str, float]]:
        stage.watch = Watch(most=2)
        return list(await asyncio.gather(*(publish(stage) for _ in range(5))))

    stage = scene((0.1, "useful"), (0.1, "useful"))
    stage.ask = _unwatched(stage)

    first, second = ("cps0.example", 0.1), ("cps1.example", 0.1)
    assert [first, first, second, second, ("full", 0.0)] == run(story(stage))


def test_half_of_the_places_are_kept_free_of_second_questions() -> None:
    """Hedges never take a CPS's places from calls that have nobody else to ask."""

    async def story(stage: Scene) -> list[tuple[str, float]]:
        stage.watch = Watch(most=4)
        return sorted(await asyncio.gather(*(retrieve(stage) for _ in range(4))))

    stage = scene(HANGS, (0.3, "useful"))
    stage.ask = _unwatched(stage)

    assert [("cps1.example", 0.45)] * 2 + [("timeout", 0.5)] * 2 == run(story(stage))


def _unwatched(stage: Scene) -> Callable[[Endpoint, float], Coroutine[Any, Any, Reply]]:
    """Return how the scene is asked by several calls at once."""

    async def ask(endpoint: Endpoint, until: float) -> Reply:
        seconds, _ = stage.scripts[endpoint.audience][0]
        try:
            async with asyncio.timeout_at(until):
                await asyncio.sleep(seconds)
        except TimeoutError as error:
            raise CpsError("", reason="timeout") from error
        return Reply(200, endpoint.audience)

    return ask


def test_no_time_at_all() -> None:
    """Nobody is asked when the budget is used up."""
    stage = scene(GOOD)

    async def story() -> list[str]:
        operations = (lambda asked: asked.one_by_one(), lambda asked: asked.side_by_side(PATIENCE))
        return [(await _outcome(stage.asked(budget), each))[0] for budget in (0.0, -1.0) for each in operations]

    assert ["timeout"] * 4 == run(story())
    assert [] == stage.log


def test_who_hangs_up_gives_all_requests_up() -> None:
    """A call that ends while several CPSs are being asked leaves nothing behind."""

    async def story(stage: Scene) -> dict[str, int]:
        task = asyncio.create_task(retrieve(stage))
        await asyncio.sleep(0.2)
        assert {"cps0.example": 1, "cps1.example": 1} == stage.watch.in_flight()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return dict(stage.watch.in_flight())

    assert {"cps0.example": 0, "cps1.example": 0} == run(story(scene(HANGS, HANGS)))


def test_a_programming_error_comes_out() -> None:
    """What is no failure of a CPS is not taken for one, and leaves nothing behind either."""
    stage = scene(HANGS, GOOD)

    async def ask(endpoint: Endpoint, until: float) -> Reply:
        if endpoint.audience == "cps1.example":
            raise ZeroDivisionError
        return await Scene.ask(stage, endpoint, until)

    stage.ask = ask
    with pytest.raises(ZeroDivisionError):
        run(retrieve(stage))
    assert {"cps0.example": 0, "cps1.example": 0} == stage.watch.in_flight()


STEPS = st.tuples(st.sampled_from([0.0, 0.01, 0.04, 0.1, 0.15, 0.2, 0.4, 0.5, FOREVER]), st.sampled_from(OUTCOMES))
SCRIPTS = st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.mark.clause("oob-6-budget", "cps-12-1")
@given(SCRIPTS, st.lists(st.sampled_from(["publish", "retrieve", "pause"]), max_size=25))
def test_whatever_happens_nothing_outlasts_its_deadline(scripts: list[list[Step]], operations: list[str]) -> None:
    """However CPSs behave, call after call: inside the budget, nothing left over, and who is well is found."""
    stage = scene(*scripts)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        for operation in operations:
            if operation == "pause":
                await asyncio.sleep(BREAKER_REST / 2)
                continue
            start, stage.crowd = loop.time(), 0
            if operation == "publish":
                await publish(stage)
                assert stage.crowd <= 1
            else:
                with suppress(CpsError):
                    await looks(stage)
            assert loop.time() <= start + BUDGET + 1e-9
            assert not stage.out
            assert not any(stage.watch.in_flight().values())

    run(story())


@pytest.mark.clause("cps-12-2-alternate")
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, FOREVER]), st.sampled_from(["status", "busy", "timeout"])), max_size=2
    ),
    st.integers(0, 2),
    st.lists(st.sampled_from(["publish", "retrieve"]), min_size=1, max_size=12),
)
def test_one_good_cps_is_enough(bad: list[Step], place: int, operations: list[str]) -> None:
    """Whoever fails before it, in whatever way, a CPS that answers fast is reached by every call."""
    scripts = list(bad)
    scripts.insert(min(place, len(bad)), GOOD)
    stage = scene(*scripts)

    async def story() -> None:
        for operation in operations:
            what, _ = await (publish if operation == "publish" else retrieve)(stage)
            assert what.startswith("cps")

    run(story())
