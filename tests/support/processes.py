"""Real processes that do the same thing at the same moment."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, from which children import."""

_AT_THE_SIGNAL = "print('ready', flush=True); input()\n"


def child(prepare: str, act: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python that runs *prepare*, prints ``ready``, waits for a line, then runs *act*."""
    return subprocess.Popen(
        [sys.executable, "-c", prepare + "\n" + _AT_THE_SIGNAL + act, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def race(workers: int, prepare: str, act: str, *arguments: object) -> list[str]:
    """Return what each of *workers* children prints, which all pass the line at once; each must succeed."""
    children = [child(prepare, act, *arguments) for _ in range(workers)]
    for one in children:
        assert "ready\n" == one.stdout.readline()
    for one in children:
        one.stdin.write("go\n")
        one.stdin.flush()
    printed = [one.communicate(timeout=60)[0] for one in children]
    assert [0] * workers == [one.returncode for one in children]
    return printed
