"""Write the description of the API from the code; --check only says if it is out of date."""

import json
import sys
from pathlib import Path
from typing import Final

from cps_server.api.openapi import document

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"


def text() -> str:
    """Return what the file has to hold."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file, or with ``--check`` only compare."""
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text())
        return 0
    if FILE.is_file() and FILE.read_text() == text():
        return 0
    print(f"{FILE.name} is out of date: run .venv/bin/python scripts/generate/openapi.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
