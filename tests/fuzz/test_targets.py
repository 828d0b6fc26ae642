"""Without atheris: the seeds of every fuzz target, and mutations of them, for a few seconds of every test run."""

import os
import time
from random import Random

import pytest

from stir.errors import JsonError
from tests.fuzz import mutate, report, targets, worst

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0.4"))
"""How long each target is mutated."""


@pytest.mark.parametrize("name", targets.TARGETS)
def test_the_seeds_do_no_harm(name: str) -> None:
    """Whatever the pretend world or anybody else has made is a value or one of the documented errors."""
    seeds = list(targets.TARGETS[name].seeds(targets.world()))

    assert len(seeds) > 2
    assert [] == [(seed, error) for seed in seeds if (error := targets.uncaught(name, seed)) is not None]


@pytest.mark.parametrize("name", targets.TARGETS)
def test_mutations_of_the_seeds_do_no_harm(name: str) -> None:
    """The same for bytes that are nearly right, other ones in every run; the seed of the run stands in the failure."""
    number = Random().randrange(2**32)
    random, target = Random(number), targets.TARGETS[name]
    seeds, mutator = list(target.seeds(targets.world())), mutate.mixed(target.mutator)
    end = time.thread_time() + SECONDS
    while time.thread_time() < end:
        for data in mutate.several(seeds, mutator, random, 20):
            error = targets.uncaught(name, data)
            assert error is None, f"{name}: {error!r} for {data.hex()} in run {number}"


@pytest.mark.parametrize("name", worst.SHAPES)
def test_the_worst_input_does_no_harm(name: str) -> None:
    """
    The worst inputs of 64 kB, or as large as the parser takes, come out as one of the documented errors, too.

    What they cost is for ``python -m tests.fuzz.worst`` to say, alone on a machine: no test judges by time.
    """
    inputs = dict(worst.inputs(name))

    assert {} == {what: error for what, data in inputs.items() if (error := targets.uncaught(name, data)) is not None}
    assert len(inputs) >= 7


def test_every_target_has_worst_inputs() -> None:
    """A target that is fuzzed is held to the bound on cost too."""
    assert targets.TARGETS.keys() == worst.SHAPES.keys()


@pytest.mark.parametrize("error", [ValueError("x"), RecursionError(), JsonError("of another parser")])
def test_a_leak_is_a_defect(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other exception is reported, an error of the tree that the function does not name included."""

    def leak(_: bytes) -> None:
        raise error

    monkeypatch.setitem(targets.TARGETS, "leak", targets.FuzzTarget(leak, lambda _: [], mutate.raw))

    assert error is targets.uncaught("leak", b"")


@pytest.mark.parametrize("name", targets.TARGETS)
def test_mutations_keep_the_form(name: str) -> None:
    """Most mutations differ from their seed, and one run can be had again by its number."""
    target = targets.TARGETS[name]
    seed = next(iter(target.seeds(targets.world())))

    made = [target.mutator(seed, Random(number)) for number in range(100)]

    assert made == [target.mutator(seed, Random(number)) for number in range(100)]
    assert sum(one != seed for one in made) > 60


def test_the_report_reads_a_log_of_libfuzzer() -> None:
    """The last state, the slowest input and the defects of a run make a row."""
    log = (
        "#2\tINITED cov: 10 ft: 12 corp: 3/75Kb exec/s: 0 rss: 82Mb\nslowest: 1.50 ms for 10 bytes\n"
        "#181926\tDONE   cov: 283 ft: 569 corp: 116/75Kb lim: 65536 exec/s: 8663 rss: 82Mb\n"
        "slowest: 2.25 ms for 99 bytes\nDone 181926 runs in 21 second(s)\n"
    )

    assert "| json | 181,926 | 283 | 116 | 21 | 2.25 ms, 99 bytes | 0 |" == report.row("json", log)
    assert report.row("json", log + "Test unit written to ./crash-1\n").endswith("| 1 |")
    assert "| json | 0 | 0 | 0 | cut off | none | 0 |" == report.row("json", "")
