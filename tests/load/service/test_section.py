"""The service's section asks real servers, and says what came of it."""

import asyncio
from collections import Counter
from http import HTTPStatus

import pytest
import uvloop

from tests.load.service import growth, section, terminating
from tests.load.service.client import connected
from tests.load.service.costs import Case, Cost, Costs, Run, Shot, Spread, Yardstick
from tests.load.service.latency import Latency, instants
from tests.load.service.prepared import Kind
from tests.load.service.rig import Rig, WarmUpError, rigged
from tests.load.service.section import Extent, Service

SMALL = Extent(
    rounds=2, requests=6, seconds=30.0, loads=(0.5,), load_seconds=0.02, stocked=500, sizes=None, all_cases=False
)


@pytest.fixture(scope="module")
def service() -> Service:
    """Return the figures of a very small run."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(section.measured(SMALL))


@pytest.fixture
async def rig():
    """Return a rig without servers."""
    async with rigged() as made:
        yield made


def test_every_row_is_asked_and_answered(service: Service) -> None:
    """Each row has all its runs, of real servers, and every answer is the one that it must be."""
    assert 0 == service.wrong
    assert {2} == {row.runs for row in (*service.costs, *service.latency)}
    assert {12} == {row.requests for row in service.costs}
    assert all(row.cpu_us.least > 0 and row.per_second.least > 0 for row in service.costs)
    assert {"publish, memory", "retrieve, SQLite", "publish, Valkey", terminating.WHAT} <= service.ratios.keys()


def test_the_floor_is_below_the_product(service: Service) -> None:
    """A server that checks nothing costs less than one that does, and the yardstick less than a publish."""
    ratios = service.ratios
    assert ratios["publish, bare aiohttp, the floor"] < ratios["publish, memory"]
    assert ratios["publish, memory"] > 2


def test_only_valkey_has_a_process_of_its_own(service: Service) -> None:
    """What the database spends stands beside the CPS's own cost, not in it."""
    spent = {row.what: row.store_us.median > 0 for row in service.costs}
    assert {"publish, Valkey", "retrieve, Valkey"} == {what for what, has in spent.items() if has}


def test_the_tables_have_as_many_cells_as_their_heads(service: Service) -> None:
    """Every table can be printed."""
    tables = list(service.tables())
    assert 4 == len(tables)
    assert all(1 == len({len(row) for row in table}) for table in tables)
    assert 100 < service.memory[0].server_mb < 1_000


async def test_a_wrong_status_is_counted(rig: Rig) -> None:
    """A CPS that refuses quickly is not a fast CPS: each of its refusals is wrong."""
    await rig.cps("strict")
    server = rig.servers["strict"]
    published = server.maker.publishes(Kind(), 4)
    async with connected(server.port, 2) as load:
        await load.closed([each.data for each in published], HTTPStatus.CREATED)
        again = await load.closed([each.data for each in published], HTTPStatus.CREATED)

    assert {401: 4} == again.statuses
    assert 4 == again.wrong


async def test_a_server_that_cannot_do_it_is_not_measured(rig: Rig) -> None:
    """A CPS that refuses the first requests is an error, before any figure is taken; the error has the statuses."""
    with pytest.raises(WarmUpError, match=r"stranger: publishes \{401: 16\}"):
        await rig.cps("stranger", HOSTNAME="somebody.example")


@pytest.mark.parametrize("generation", [1, 2])
async def test_requests_are_unique(rig: Rig, generation: int) -> None:
    """Every publish is for a number of its own and every token has its own jti, so that no request is a repetition."""
    server = await rig.cps("memory")
    kind = Kind(generation, 2)
    published = server.maker.publishes(kind, 20)

    assert 20 == len({each.dest for each in published})
    assert 20 == len(set(server.maker.retrieves(kind, published[:1] * 20)))


async def test_growth_is_followed(rig: Rig) -> None:
    """Servers with PASSporTs in their stores, with many signers and with peers are asked as all others are."""
    cases = await growth.stored(rig, (600,))
    cases += await growth.signers(rig, (3,))
    cases += await growth.peers(rig, (2,))
    await rig.forgetful("forgetful", "sqlite")
    cases.append(Case("forgetful", "forgetful", retrieves=False))
    costs = Costs(Yardstick(rig.provider.private_key), rig.servers)
    await costs.measure(cases, rounds=1, requests=4, seconds=60)

    rows = list(costs.rows())
    assert 2 * 4 + 2 == len(rows)
    assert 0 == sum(row.wrong for row in rows)


def test_wrong_statuses_are_named() -> None:
    """Whoever reads that answers were wrong also reads what they were; below the capacity a refusal is wrong, too."""
    shot = Shot(1.0, Counter({201: 7, 503: 2, 0: 1}), [0.001] * 7, expected=201)
    row = Cost.of("publish", [Run(shot, 1e-4, 0.0, 0.0, 1e-4)] * 2)

    assert (6, {503: 4, 0: 2}) == (row.wrong, row.others)


def test_random_instants_have_the_wanted_rate() -> None:
    """They ascend, repeat with the same seed, and their mean distance is that of the rate."""
    found = instants(10_000, 500, seed=1)

    assert found == sorted(found) == instants(10_000, 500, seed=1)
    assert found != instants(10_000, 500, seed=2)
    assert 20 == pytest.approx(found[-1], rel=0.05)


def test_a_spread_is_a_median_and_its_extremes() -> None:
    """One run that went wrong does not move the median, but is seen."""
    assert Spread(2.0, 1.0, 90.0) == Spread.of([1, 90, 2])


def test_refusals_are_told_apart_from_accepted() -> None:
    """At overload the table says which share was refused; only the accepted have times."""
    shot = Shot(1.0, Counter({201: 2, 503: 1, 500: 1}), [0.001, 0.004], expected=201)
    row = Latency.of("publish, memory", 1.3, [(10.0, shot)])

    assert (0.5, 0.25, 1) == (row.accepted.median, row.refused.median, row.wrong)
    assert (1, 4) == (row.p50_ms.median, row.p99_ms.median)


def run(seconds: float, cpu: float) -> Run:
    """Return a run of ten requests."""
    shot = Shot(seconds, Counter({201: 10}), [0.001] * 10, expected=201)
    return Run(shot, cpu, 0.0, 0.0, 1e-4)


def test_rows_are_compared_round_by_round() -> None:
    """The second PASSporT costs the difference, and two workers give the quotient, of the same round."""
    runs = {
        "publish, memory": [run(1, 4e-4), run(1, 8e-4)],
        "publish, memory, 2 PASSporTs": [run(1, 5e-4), run(1, 9e-4)],
        "publish, SQLite": [run(2, 4e-4), run(4, 4e-4)],
        "publish, SQLite, 2 workers": [run(1, 4e-4), run(2, 4e-4)],
    }
    values = {row.what.partition(",")[0]: row.value for row in section.derived(runs)}

    assert Spread(1.0, 1.0, 1.0) == values["one PASSporT more in a publish"]
    assert Spread(2.0, 2.0, 2.0) == values["publishes a second"]


def test_a_slow_machine_makes_shots_smaller() -> None:
    """The rounds stay as many as they were told, so that there is a spread."""
    costs, asked = Costs(None, {}), []

    async def turn(case: Case, requests: int) -> None:
        asked.append(requests)
        await asyncio.sleep(0.01)

    costs._turn = turn
    asyncio.run(costs.measure([Case("a", "a")], rounds=3, requests=1_000, seconds=0.001))

    assert [1_000, 50, 50] == asked
