"""What the commands have in common."""

import json
from collections.abc import Mapping
from typing import Annotated, Final, NoReturn

import typer

EX_CONFIG: Final = 78
"""Exit code of a file that cannot be used (sysexits)."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def show(found: Mapping[str, object]) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(found))


def refuse(detail: str, code: int = EX_CONFIG) -> NoReturn:
    """Say in one line why not, and end."""
    typer.echo(f"cps-server: {detail}", err=True)
    raise typer.Exit(code)
