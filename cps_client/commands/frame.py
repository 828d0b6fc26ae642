"""What all commands have in common: their options, how they print, and how they end."""

import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from enum import IntEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from stir.errors import StirError

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Exit(IntEnum):
    """What the exit code of a command says."""

    DONE = 0
    """Done, or verified."""
    NOT_VERIFIED = 1
    """Not verified, nothing found, or refused."""
    USAGE = 2
    UNREACHABLE = 69
    """The CPS or a repository cannot be reached (EX_UNAVAILABLE)."""
    CONFIGURATION = 78
    """A setting is missing or wrong (EX_CONFIG)."""


Orig = Annotated[str, typer.Option("--orig", metavar="TN", help="Calling number, with country code.")]
Dest = Annotated[str, typer.Option("--dest", metavar="TN", help="Called number, after any retargeting.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file of settings; CPS_CLIENT_… variables stand over it."),
]
Attest = Annotated[
    str | None,
    typer.Option("--attest", metavar="A|B|C", help="Level of attestation; else CPS_CLIENT_ATTEST, else C."),
]
Origid = Annotated[
    str | None, typer.Option("--origid", metavar="UUID", help="By which the source is found again; else a new one.")
]

_CODES: Mapping[str, Exit] = {
    "usage": Exit.USAGE,
    "malformed-number": Exit.USAGE,
    "bad-attest": Exit.USAGE,
    "refused-url": Exit.USAGE,
    "bad-configuration": Exit.CONFIGURATION,
    "bad-credential": Exit.CONFIGURATION,
    "no-trust": Exit.CONFIGURATION,
    "fetch-failed": Exit.UNREACHABLE,
    "cps-unavailable": Exit.UNREACHABLE,
    "unavailable": Exit.UNREACHABLE,
}
"""By error code; anything else is an answer, and the answer was no."""


def exit_for(error: StirError) -> Exit:
    """Return the exit code that tells of *error*."""
    return _CODES.get(error.code, Exit.NOT_VERIFIED)


def told(command: F) -> F:
    """Wrap a command: an error of ours becomes one line on stderr, an object with --json, and an exit code."""

    @wraps(command)
    def telling(*args: Any, **options: Any) -> None:
        try:
            code = command(*args, **options)
        except StirError as error:
            if options.get("as_json"):
                print_json({"error": {"code": error.code, "detail": error.detail}})
            complain(f"{error.detail}{_advice(error)}")
            raise typer.Exit(exit_for(error)) from error
        raise typer.Exit(code)

    return telling  # type: ignore[return-value]  # wraps() keeps the signature, which is all that typer looks at


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* returns, on an event loop of its own."""
    import asyncio

    return asyncio.run(work)


def complain(text: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"cps-client: {one_line(text)}", err=True)


def one_line(text: str) -> str:
    """Return *text* without what could move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def print_json(value: object) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=True))


def print_table(rows: Mapping[str, object], *, title: str | None = None) -> None:
    """Print names and values for people, below a title; what has no value is left out, and nothing is wrapped."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    shown = {name: one_line(str(value)) for name, value in rows.items() if value not in (None, "", [], ())}
    width = max(map(len, shown), default=0)
    if title:
        console.print(Text(one_line(title), style="bold"), soft_wrap=True)
    for name, value in shown.items():
        console.print(Text.assemble((f"  {name:{width}}", "dim"), f"  {value}"), soft_wrap=True)


def read_file(path: Path, most: int) -> bytes:
    """
    Return the content of a file that the user named.

    Raises:
        UsageError: It cannot be read, or is longer than *most* bytes.
    """
    from cps_client.errors import UsageError

    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise UsageError(f"{path} is longer than {most} bytes")
    return content


def _advice(error: StirError) -> str:
    """Return what to do next, where the detail does not say it."""
    return {
        "cps-unavailable": "; see that CPS_CLIENT_CPS_URLS is right and the CPS is up",
        "no-trust": "; set CPS_CLIENT_TRUST__ANCHORS or CPS_CLIENT_TRUST__CA_LIST_URL, or give --anchors",
        "cps-refused": "; `cps-client check` tells whether key, certificate and SPC fit",
    }.get(error.code, "")
