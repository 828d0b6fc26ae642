"""Write the reference pages of the settings from their own descriptions; --check only says if one is out of date."""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cps_client import settings as client
from cps_server import configuration as server
from stir.aio.configuration import Setting

REFERENCE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"

SERVER: Final = """\
<!-- Made by scripts/generate/settings.py from cps_server/settings.py. Do not edit. -->

# Settings of cps-server

Each setting can be given in the environment, by the name in the first column, or in the TOML file that `CPS_CONFIG`
or `--config` names, by the key in the second. The environment stands over the file, and the file over the default.
Lists are JSON in the environment. An unknown name is refused, with the nearest valid one.

`cps-server check-config` prints the settings in force and where each came from.

| environment | file | default | meaning |
| --- | --- | --- | --- |
"""


CLIENT: Final = """\
<!-- Made by scripts/generate/settings.py from cps_client/settings.py. Do not edit. -->

# Settings of cps-client

Each setting can be given in the environment, by the name in the first column, or in the TOML file that
`CPS_CLIENT_CONFIG` or `--config` names, by the key in the second. The environment stands over the file, and the file
over the default. Lists are JSON in the environment. An unknown name is refused, with the nearest valid one.

`cps-client check` tells whether key, certificate, SPC and CPS fit together.

| environment | file | default | meaning |
| --- | --- | --- | --- |
"""

PAGES: Final[Mapping[str, tuple[str, Callable[[], Iterable[Setting]]]]] = {
    "server-settings.md": (SERVER, server.known),
    "client-settings.md": (CLIENT, client.known),
}


def page(name: str) -> str:
    """Return the text of a reference page."""
    head, known = PAGES[name]
    settings = list(known())
    return head + "".join(map(row, settings)) + "".join(map(tables, settings))


def tables(setting: Setting) -> str:
    """Return the keys of the tables that a setting is a list of; nothing if it is none."""
    (model, *_) = get_args(setting.info.annotation) or (None,)
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return ""
    keys = "".join(
        f"| `{key}` | {'required' if info.is_required() else default(info.default)} | {meaning(info)} |\n"
        for key, info in model.model_fields.items()
    )
    head = f"\n## One of `[[{setting.key}]]`\n\n{model.__doc__}\n\n"
    return f"{head}| key | default | meaning |\n| --- | --- | --- |\n{keys}"


def row(setting: Setting) -> str:
    """Return the table row of one setting."""
    extra = setting.info.json_schema_extra
    unit = f" {extra['unit']}" if isinstance(extra, dict) and "unit" in extra else ""
    key = "" if setting.key == "config" else f"`{setting.key}`"
    return f"| `{setting.name}` | {key} | {default(setting.info.default)}{unit} | {meaning(setting.info)} |\n"


def meaning(info: FieldInfo) -> str:
    """Return what a setting means, as a cell."""
    return (info.description or "").replace("|", "\\|")


def default(value: object) -> str:
    """Return a default as it would be written."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return f"`{[one if isinstance(one, int) else str(one) for one in value]}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def main() -> int:
    """Write the pages, or with ``--check`` only compare."""
    old = [name for name in PAGES if not (path := REFERENCE / name).is_file() or path.read_text() != page(name)]
    if "--check" not in sys.argv[1:]:
        for name in old:
            (REFERENCE / name).write_text(page(name))
        return 0
    for name in old:
        print(f"{name} is out of date: run .venv/bin/python scripts/generate/settings.py")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
