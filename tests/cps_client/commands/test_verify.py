"""``cps-client verify`` with several PASSporTs, and with what else signalling says."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cps_client.cli import app
from stir.testing import World
from stir.testing.world import DEST, ORIG

DIALLED = "12155550199"
WORLD = World()
SP = WORLD.service_provider("709J")


@pytest.fixture
def offline(tmp_path: Path) -> list[str]:
    """Return the options for a verification from files, at the world's time."""
    files = {"chain": SP.chain_pem, "anchors": WORLD.anchors_pem}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    given = [part for name in files for part in (f"--{name}", str(tmp_path / name))]
    return ["--at", f"{WORLD.clock.now():%Y-%m-%dT%H:%M:%SZ}", "--orig", ORIG, "--dest", DEST, "--json", *given]


def verdict(options: list[str], *values: str) -> tuple[int, dict[str, Any]]:
    """Return exit code and verdict for these PASSporTs."""
    result = CliRunner().invoke(app, ["verify", *options, *(part for v in values for part in ("--identity", v))])
    return result.exit_code, json.loads(result.stdout)


def test_several_passports_make_one_verdict(offline: list[str]) -> None:
    """A chain of diversions is given by repeating --identity, in any order."""
    shaken, div = SP.sign(orig=ORIG, dest=DIALLED), SP.div(orig=ORIG, dest=DEST, div=DIALLED)
    code, shown = verdict(offline, div, shaken)

    assert (0, "TN-Validation-Passed") == (code, shown["verstat"])
    assert [{"div": {"tn": DIALLED}, "verstat": "TN-Validation-Passed"}] == shown["diversions"]
    code, shown = verdict(offline, shaken)
    assert (1, "E16") == (code, shown["case"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "RPH-Validation-Passed"),
        (["--resource-priority", "ets.0"], "RPH-Validation-Passed"),
        (["--resource-priority", "ets.0", "--resource-priority", "wps.0"], "No-RPH-Validation"),
        (["--priority", "psap-callback"], "RPH-Validation-Passed"),
        (["--priority", "emergency"], "No-RPH-Validation"),
    ],
)
def test_priority_is_compared_with_signalling(offline: list[str], options: list[str], expected: str) -> None:
    """Resource-Priority and Priority are given as the call has them, and are validated apart from the number."""
    rph = SP.rph(orig=ORIG, dest=DEST, auth=["ets.0"], sph="psap-callback")
    code, shown = verdict([*offline, *options], SP.sign(orig=ORIG, dest=DEST), rph)

    assert (0, expected) == (code, shown["priority"]["verstat"])
