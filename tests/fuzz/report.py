"""What the runs of ``tests/fuzz/run`` came to, as a table, from their logs."""

import re
import sys
from pathlib import Path
from typing import Final

HEAD: Final = "| target | executions | coverage edges | corpus | seconds | slowest input | defects |"
_STATE: Final = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: \d+ corp: (\d+)/", re.MULTILINE)
_DONE: Final = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)
_SLOWEST: Final = re.compile(r"^slowest: ([\d.]+) ms for (\d+) bytes", re.MULTILINE)
_DEFECT: Final = re.compile(r"Test unit written to", re.MULTILINE)


def row(name: str, log: str) -> str:
    """Return one run's row."""
    states, done, slowest = _STATE.findall(log), _DONE.search(log), _SLOWEST.findall(log)
    count, edges, corpus = states[-1] if states else ("0", "0", "0")
    seconds = done[2] if done else "cut off"
    most = "{} ms, {} bytes".format(*slowest[-1]) if slowest else "none"
    return f"| {name} | {int(count):,} | {edges} | {corpus} | {seconds} | {most} | {len(_DEFECT.findall(log))} |"


def main() -> int:
    """Print the table of all logs; exit 1 if one tells of a defect or of a run that did not end by itself."""
    logs = {path.stem: path.read_text(errors="replace") for path in sorted(Path(sys.argv[1]).glob("*.log"))}
    rows = [row(name, log) for name, log in logs.items()]
    sys.stdout.write("\n".join([HEAD, "| --- |" + " --: |" * 6, *rows]) + "\n")
    return 1 if any(_DEFECT.search(log) or not _DONE.search(log) for log in logs.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
