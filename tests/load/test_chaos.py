"""The three measurements in short runs, and what counts as a failure in them; the long ones are scripts/chaos."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.load import chaos, chaos_cluster
from tests.load.chaos_calls import FIRST_DEST, Answer, Node, steadily
from tests.load.chaos_cluster import Calls, Kill, Outcome, cluster_under_fire
from tests.load.chaos_workers import workers_under_fire
from tests.load.mesh import Hang, Spread, Stub, Watch, hang_of, spread_of

NODES = [Node(f"http://127.0.0.1:{number}", "localhost") for number in range(3)]


class Pretended:
    """A caller whose nodes say what the test wants."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def passport(self, dest: str) -> str:
        """Return a text that names the call."""
        return f"PASSporT of {dest}"

    async def publish(self, node: Node, dest: str, passports: object) -> Answer:
        """Answer as to anything else."""
        return await self.retrieve(node, dest)

    async def retrieve(self, node: Node, dest: str) -> Answer:
        """Give the next answer."""
        self.asked.append(node.url)
        return self.answers.pop(0)


FOUND = Answer(200, (f"PASSporT of {FIRST_DEST + 1}",))
DOWN = Answer(None, failure="refused")


async def outcome_of(*answers: Answer, secret: Path = Path(), killed_at: float = float("inf")) -> Outcome:
    """Return what comes of one call when its nodes say *answers*."""
    calls = Calls(NODES, Pretended(*answers), secret)
    calls.master_killed_at = killed_at
    await calls.call(1)
    return calls.outcome


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less than people do."""
    monkeypatch.setattr(chaos_cluster, "LATE", 0.05)
    monkeypatch.setattr(chaos_cluster, "LATE_PAUSE", 0.01)


@pytest.mark.timeout(300)
async def test_killed_nodes_and_a_killed_master_give_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the cluster acknowledged is found, byte for byte, unless it died with the one master that was killed."""
    monkeypatch.setattr(chaos_cluster, "LATE", 20)
    monkeypatch.setattr(chaos_cluster, "DOWN", 0.2)
    outcome = await cluster_under_fire(seconds=1, rate=15)

    assert ([], 0, 0) == (outcome.wrong, outcome.lost, outcome.never_answered)
    assert ["node 0", "node 1", "Valkey master", "node 2"] == [kill.victim for kill in outcome.kills]
    assert all(kill.whole > 0 for kill in outcome.kills)
    assert outcome.acknowledged == outcome.found + outcome.lost_with_master
    assert outcome.found > 0
    assert outcome.failures, "the deaths were felt"


@pytest.mark.timeout(300)
async def test_killed_workers_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever two workers on one SQLite file acknowledged is found, although one of them is killed now and then."""
    monkeypatch.setattr(chaos_cluster, "LATE", 20)
    outcome = await workers_under_fire(kills=2, rate=20, pause=0.3)

    assert ([], 0, 0) == (outcome.wrong, outcome.lost, outcome.never_answered)
    assert 2 == len(outcome.kills)
    assert outcome.acknowledged == outcome.found > 0


@pytest.mark.timeout(300)
async def test_what_one_node_of_a_mesh_accepts_is_found_at_all() -> None:
    """Every publish is soon at every other node of the mesh, byte for byte."""
    spread = await spread_of(seconds=1, rate=10, nodes=3)

    assert (10, [], [], 0) == (spread.publishes, spread.refused, spread.wrong, spread.missing)
    assert 2 * len(spread.all_ms) == len(spread.one_ms) > 0


@pytest.mark.timeout(300)
async def test_a_peer_that_hangs_leaves_local_publishes_alone() -> None:
    """While a peer accepts connections and hangs, publishes are accepted as before."""
    hang = await hang_of(phases=2, seconds=1, rate=15, nodes=2)

    assert [] == hang.refused
    assert [True, False] == [len(phase) > 2 for phase in hang.calm_ms]
    assert [False, True] == [len(phase) > 2 for phase in hang.hung_ms]


async def test_a_call_looks_for_a_node_that_serves() -> None:
    """A dead node is followed by the next, at publish and at retrieve; the errors are counted by kind."""
    outcome = await outcome_of(DOWN, Answer(503, failure="503"), Answer(201), DOWN, FOUND)

    assert (1, 1, 0, 0) == (outcome.acknowledged, outcome.found, outcome.lost, outcome.unpublished)
    assert ["refused", "503", "refused"] == [failure.kind for failure in outcome.failures]
    assert not outcome.failed


async def test_a_publish_that_no_node_takes_is_no_loss() -> None:
    """What was never acknowledged is counted by itself."""
    outcome = await outcome_of(DOWN, DOWN, DOWN)

    assert (0, 1, 0) == (outcome.acknowledged, outcome.unpublished, outcome.lost)


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(400)],
        [Answer(201), Answer(200, ("PASSporT of another call",))],
        [Answer(201), Answer(200, (*FOUND.passports, "PASSporT of another call"))],
        [Answer(201), Answer(401)],
    ],
)
async def test_a_wrong_answer_is_a_failure(answers: list[Answer]) -> None:
    """A refusal without reason, or what was not published for this call, breaks the promise."""
    outcome = await outcome_of(*answers)

    assert 1 == len(outcome.wrong)
    assert outcome.failed


async def test_a_call_without_publish_must_find_nothing() -> None:
    """A node that has something for a call that nobody published answers wrongly."""
    calls = Calls(NODES, Pretended(DOWN, DOWN, DOWN, Answer(200, ("stray",))), Path())

    await calls.call(chaos_cluster.EMPTY_EVERY)

    assert ["retrieve of nothing: 200"] == calls.outcome.wrong


async def test_a_late_answer_is_found_and_none_at_all_is_a_failure() -> None:
    """An acknowledged publish is asked for until a node serves it; one that is never served counts as lost."""
    late = await outcome_of(Answer(201), *[DOWN] * 6, FOUND)
    never = await outcome_of(Answer(201), *[DOWN] * 300)

    assert (1, 1, False) == (late.late, late.found, late.failed)
    assert (1, 0, True) == (never.never_answered, never.found, never.failed)


async def test_only_what_lay_on_the_killed_master_may_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 404 is excused by a master that was killed since the publish and had the call's slot, and by nothing else."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(32))
    slot = await chaos_cluster.slot_of(bytes(32), str(FIRST_DEST + 1))
    monkeypatch.setattr(chaos_cluster, "MASTER", slot * 3 // 16_384)
    gone = [Answer(201), Answer(404)]

    excused = await outcome_of(*gone, secret=secret, killed_at=time.monotonic() + 0.05)
    before = await outcome_of(*gone, secret=secret, killed_at=time.monotonic() - 1)
    never = await outcome_of(*gone, secret=secret)
    monkeypatch.setattr(chaos_cluster, "MASTER", (slot * 3 // 16_384 + 1) % 3)
    elsewhere = await outcome_of(*gone, secret=secret, killed_at=time.monotonic() + 0.05)

    assert [(1, 0), (0, 1), (0, 1), (0, 1)] == [
        (each.lost_with_master, each.lost) for each in (excused, before, never, elsewhere)
    ]


def test_errors_belong_to_the_death_before_them() -> None:
    """The table of deaths counts what was felt from each death to the next."""
    outcome = Outcome(kills=[Kill("one", 10, 2), Kill("two", 20, 3)], unserved=[21.0])
    outcome.failures = [chaos_cluster.Failure(at, "refused") for at in (9, 11, 12.5, 23)]

    assert ("one", "2.00", "2.50", "2", "refused 2", "0") == outcome.kill_rows()[1]
    assert ("two", "3.00", "3.00", "1", "refused 1", "1") == outcome.kill_rows()[2]


async def test_what_a_mesh_lost_or_mixed_up_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish that never arrives at a peer, and one that arrives as another, are both seen."""
    monkeypatch.setattr("tests.load.mesh.MISSING_AFTER", 0.02)
    missing = Watch(NODES, Pretended(Answer(201), *[Answer(404)] * 100))
    mixed = Watch(NODES, Pretended(Answer(201), *[Answer(200, ("stray",))] * 2))

    await missing.call(0)
    await mixed.call(0)

    assert (2, True) == (missing.spread.missing, missing.spread.failed)
    assert (2, True) == (len(mixed.spread.wrong), mixed.spread.failed)
    assert not Spread(all_ms=[1]).failed


async def test_the_stub_answers_or_hangs() -> None:
    """The pretended peer takes a publish with 201, or accepts the connection and says nothing."""
    ask = b"POST /passports/1/2 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    async with Stub() as stub:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(stub.url.rpartition(":")[2]))
        writer.write(ask)
        assert b"HTTP/1.1 201 Created\r\n" == await reader.readline()
        stub.answer(yes=False)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ask)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        stub.answer(yes=True)
        assert b"" == await reader.read()
        writer.close()


async def test_calls_begin_at_their_rate_whatever_becomes_of_them() -> None:
    """A call that takes long does not delay the next: the load does not sink when servers are slow."""
    begun: list[int] = []

    async def slow(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0.1)

    kept = await steadily(100, lambda number: number == 5, slow)

    assert list(range(5)) == begun
    assert 5 < kept <= 101


def test_exit_code_and_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken promise is exit 1; figures that miss their aim are only said."""
    slow = Spread(publishes=2, one_ms=[900, 900], all_ms=[900, 900])
    hang = Hang(calm_ms=[[1.0, 1.0]], hung_ms=[[2.0, 2.0]])
    assert not chaos.show_spread(slow)
    assert not chaos.show_hang(hang)
    said = capsys.readouterr().out
    assert 2 == said.count("not met on this run")
    assert "+100.0%" in said
    for found, code in ((1, 0), (0, 1)):

        async def ran(*, found: int = found, **_: float) -> Outcome:
            return Outcome(found=found)

        for what in ("cluster", "workers"):
            monkeypatch.setattr(chaos, f"{what}_under_fire", ran)
            assert code == chaos.main(["--quick", what])
