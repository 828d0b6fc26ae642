"""
Runs a command that cannot outlive the process that started this one.

Whatever kills the lab, even SIGKILL, its servers end with it: on Linux the kernel sends them SIGTERM when their
parent dies. Elsewhere the command simply runs.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent: int, command: list[str]) -> None:
    """Become *command*, tied to the process *parent*, which must be the one that started this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
