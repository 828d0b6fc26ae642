"""The command ``cps-client``."""

from pathlib import Path
from typing import Annotated

import typer

from cps_client.commands import cert, route
from cps_client.commands.calls import publish, retrieve, sign
from cps_client.commands.check import check
from cps_client.commands.decode import decode
from cps_client.commands.frame import Json
from cps_client.commands.gateway import gateway
from cps_client.commands.verify import verify

app = typer.Typer(
    help=(
        "Out-of-band SHAKEN for providers that bridge TDM: publish a call's PASSporTs, retrieve and verify them.\n\n"
        "Settings are CPS_CLIENT_… variables or a TOML file; `cps-client check` shows them. "
        "Exit codes: 0 done or verified, 1 not verified, 2 usage, 69 unreachable, 78 bad configuration.\n\n"
        "Without a policy administrator at hand, start with `cps-client lab`."
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (sign, publish, retrieve, verify, decode, check, gateway):
    app.command()(_command)
app.add_typer(cert.app, name="cert")
app.add_typer(route.app, name="route")


@app.command()
def lab(
    directory: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where its files are kept; else a temporary place.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """
    Run a pretend STI world on loopback until Ctrl-C, for trying things without a policy administrator.

    Prints the settings with which the other commands work in it.

    [bold]Example:[/bold] cps-client lab --dir /tmp/lab
    """
    from cps_client.lab.command import lab as run

    raise typer.Exit(run(directory, as_json=as_json))


def main() -> None:
    """Run the command line."""
    app(prog_name="cps-client")
