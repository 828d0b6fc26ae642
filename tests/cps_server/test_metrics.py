"""Metrics: what is counted, under which labels, and how several workers' numbers become one page."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cps_server import keys, limits
from cps_server.metrics import Metrics, Reading, render
from cps_server.tally import OTHERS, Tally
from tests.cps_server.conftest import Cps, run_cps


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every number of an exposition, by name and labels, without the worker."""
    return {
        (one.name, frozenset(one.labels.items()) - {("worker", "0")}): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def seen(cps: Cps) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what *cps* counted."""
    return samples(render(cps.app[keys.metrics].families("0")))


def at(found: dict, name: str, **labels: str) -> float | None:
    """Return one number."""
    return found.get((name, frozenset(labels.items())))


async def test_a_call_is_counted(cps: Cps) -> None:
    """Publishes, hits, misses and PASSporTs are counted by generation and provider, requests by route and status."""
    await cps.retrieve()
    await cps.publish()
    await cps.retrieve()

    found, generation = seen(cps), str(cps.generation)
    assert 1 == at(found, "cps_publishes_total", generation=generation, spc="709J")
    assert 1 == at(found, "cps_retrieves_total", generation=generation, result="miss", spc="456B")
    assert 1 == at(found, "cps_retrieves_total", generation=generation, result="hit", spc="456B")
    assert 1 == at(found, "cps_passports_accepted_total", check="full")
    request = {"route": "/passports/{target}", "method": "GET"}
    assert 1 == at(found, "cps_request_seconds_count", status="2xx", **request)
    assert 1 == at(found, "cps_request_seconds_count", status="4xx", **request)
    assert not [labels for name, labels in found if name == "cps_refusals_total"]


async def test_refusals_are_counted_by_code(cps: Cps) -> None:
    """What is refused is counted by the code that the client is told, a PASSporT by its case."""
    await cps.client.get("/nowhere")
    await cps.client.put("/health")
    await cps.retrieve(token="nonsense")
    await cps.publish([cps.passport(iat=1)])

    found = seen(cps)
    codes = ("not-found", "method-not-allowed", "unauthenticated", "passport-refused")
    assert [1, 1, 1, 1] == [at(found, "cps_refusals_total", code=code) for code in codes]
    assert 1 == at(found, "cps_passports_refused_total", case="E15")


async def test_every_fail_open_has_its_counter(cps: Cps) -> None:
    """A PASSporT that was let in because its certificate could not be had is counted as such, not as checked."""
    passports = [cps.passport(header={"x5u": "https://certificates.example.org/gone.pem"})]
    answer = await cps.publish(passports)

    found = seen(cps)
    assert 201 == answer.status
    assert 1 == at(found, "cps_passports_unchecked_total", code="fetch-failed")
    assert 0 == (at(found, "cps_passports_accepted_total", check="full") or 0)


async def test_a_client_cannot_make_up_labels(cps: Cps) -> None:
    """Methods and paths of a client's own making share one label."""
    for method in ("PROPFIND", "MKCOL"):
        await cps.client.request(method, f"/{method}")

    assert 2 == at(seen(cps), "cps_request_seconds_count", route="none", method="other", status="4xx")


async def test_checks_that_are_off_are_counted_as_off() -> None:
    """With screening off PASSporTs are let in under that name."""
    async for cps in run_cps(verify_passports="off"):
        await cps.publish()
        assert 1 == at(seen(cps), "cps_passports_accepted_total", check="off")


def test_the_number_of_providers_is_bounded() -> None:
    """Beyond the cap providers share one name; those known before keep theirs, and case does not matter."""
    tally = Tally(most=2)
    for spc in ("1AAA", "2BBB", "3CCC", "4DDD", "1aaa"):
        tally.add("hit", spc=spc)

    assert {("hit", "1AAA"): 2, ("hit", "2BBB"): 1, ("hit", OTHERS): 2} == dict(tally.counts)


def test_workers_share_one_page() -> None:
    """Families of several workers stand under one head, each number with its worker."""
    pages = []
    for worker in ("0", "1"):
        metrics = Metrics()
        metrics.answered("/health", "GET", 200, 0.003, None)
        metrics.add(Reading("cps_things_total", "Things.", lambda: {("a",): 2.0}, ("kind",)))
        metrics.add(Reading("cps_absent", "Nothing at present.", lambda: None))
        pages += metrics.families(worker)
    text = render(pages)

    assert 1 == text.count(b"# TYPE cps_things_total counter")
    assert 1 == text.count(b"# TYPE cps_request_seconds histogram")
    found = samples(text)
    assert 2 == at(found, "cps_things_total", kind="a", worker="1")
    assert not [name for name, _ in found if name.endswith("_created") or name == "cps_absent"]


@pytest.mark.parametrize("failed", [False, True])
def test_stores_are_timed(failed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Every operation of a store is timed, and failures are counted beside."""
    metrics = Metrics()
    metrics.stopwatch("sqlite")("publish", 0.5, failed=failed)

    found = samples(render(metrics.families("0")))
    assert 1 == at(found, "cps_store_seconds_count", store="sqlite", operation="publish")
    assert failed == bool(at(found, "cps_store_errors_total", store="sqlite", operation="publish"))


def test_the_cap_is_the_one_of_limits() -> None:
    """Without another word the cap is that of limits.py."""
    tally = Tally()
    for number in range(limits.COUNTED_PROVIDERS + 5):
        tally.add(spc=f"S{number}")
    assert limits.COUNTED_PROVIDERS + 1 == len(tally.counts)
    assert 5 == tally.counts[(OTHERS,)]
