"""Write tables and pictures of the page on capacity from what was simulated; --check only compares."""

import sys

from tests.load.simulation import page


def main() -> int:
    """Write the files, or with ``--check`` only compare."""
    if "--check" not in sys.argv[1:]:
        page.write()
    stale = page.stale()
    if stale:
        names = ", ".join(path.name for path in stale)
        print(f"{names}: out of date; run ./scripts/simulate")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
