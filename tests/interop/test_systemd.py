"""The units that are shipped, judged by systemd itself."""

import re
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "deploy" / "systemd").glob("*.service"))

pytestmark = pytest.mark.system("systemd")


@pytest.fixture(params=UNITS, ids=lambda path: path.stem)
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a unit, with a program that is here in place of the installed one."""
    text, installed = request.param.read_text(), re.compile("/opt/cps/bin/cps-(server|client)")
    assert 1 == len(installed.findall(text))
    copy = tmp_path / request.param.name
    copy.write_text(installed.sub("/bin/true", text))
    return copy


def test_unit_is_right(unit: Path) -> None:
    """Nothing is left for systemd to complain about."""
    judged = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (0, "") == (judged.returncode, judged.stderr)


def test_unit_is_hardened(unit: Path) -> None:
    """By systemd's own measure, from 0 (best) to 10, the exposure is below 1.5."""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=True
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert found is not None
    assert float(found[1]) < 1.5
