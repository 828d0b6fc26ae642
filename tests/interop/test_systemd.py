"""The unit that is shipped, judged by systemd itself."""

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "cps-server.service"

pytestmark = pytest.mark.system("systemd")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit, with a program that is here in place of the installed one."""
    text = UNIT.read_text()
    assert "/opt/cps/bin/cps-server" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/opt/cps/bin/cps-server", "/bin/true"))
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
