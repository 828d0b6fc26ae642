"""The command ``cps-server``."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from cps_server.commands import audit, partner

EX_SOFTWARE: Final = 70
"""Exit code of a server whose workers do not stay alive (sysexits)."""
EX_CONFIG: Final = 78
"""Exit code of a configuration that cannot be used (sysexits)."""

app = typer.Typer(
    help="A Call Placement Service for out-of-band SHAKEN (ATIS-1000096, ATIS-1000105).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(partner.app, name="partner")
app.add_typer(audit.app, name="audit")
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file; CPS_… variables stand over it.")
]


@app.command()
def serve(config: Config = None) -> None:
    """
    Run the CPS until SIGTERM.

    Everything is set by CPS_… variables or in a TOML file; see check-config.
    """
    from cps_server import lifecycle, supervisor
    from cps_server.configuration import load
    from cps_server.slot import WorkersFailedError
    from stir.aio import logs
    from stir.aio.configuration import SettingsError
    from stir.aio.eventloop import run

    lines = logs.configure()
    try:
        settings = load(config)
        lines.set_level(settings.log_level)
        if settings.workers > 1:
            run(supervisor.supervise(settings, lines=lines))
        else:
            run(lifecycle.serve(settings, lines=lines))
    except SettingsError as error:
        _refuse(error.detail)
    except WorkersFailedError as error:
        typer.echo(f"cps-server: {error}", err=True)
        raise typer.Exit(EX_SOFTWARE) from error


@app.command("check-config")
def check_config(
    config: Config = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the settings in effect, secrets masked, and what is wrong with them."""
    from cps_server import lifecycle
    from cps_server.configuration import effective, load
    from stir.aio.configuration import SettingsError

    try:
        settings = load(config)
        shown = effective(settings)
        if as_json:
            typer.echo(json.dumps({name: {"value": one.value, "from": one.origin} for name, one in shown.items()}))
        else:
            for name, one in shown.items():
                typer.echo(f"{name}={one.value}  # {one.origin}")
        lifecycle.check(settings)
    except SettingsError as error:
        _refuse(error.detail)


@app.command()
def health(
    url: Annotated[
        str | None, typer.Argument(help="Base URL of the CPS; by default the one that CPS_LISTEN names.")
    ] = None,
    config: Config = None,
) -> None:
    """Ask a CPS whether it works: exit code 0 if it does, else 1."""
    from cps_server.configuration import load
    from stir.aio.configuration import SettingsError

    try:
        base = url or load(config).listen.url
    except SettingsError as error:
        _refuse(error.detail)
    if not base.startswith(("http://", "https://")):
        raise typer.BadParameter("must be an http:// or https:// URL", param_hint="URL")
    try:
        # Straight to the CPS: a proxy of the environment is for other traffic.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{base.rstrip('/')}/health", timeout=5) as answer:
            typer.echo(f"{answer.status} {answer.reason}")
    except (OSError, ValueError) as error:
        typer.echo(f"cps-server: {base} is not healthy: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def openapi() -> None:
    """Print the description of the API (OpenAPI 3.1)."""
    from cps_server.api.openapi import document

    typer.echo(json.dumps(document(), indent=2, ensure_ascii=False))


@app.command(hidden=True)
def worker(channel: Annotated[int, typer.Argument(help="Number of the socket to its supervisor.")]) -> None:
    """Run a worker process; serve starts as many as CPS_WORKERS says."""
    from cps_server import workers
    from stir.aio import logs
    from stir.aio.eventloop import run

    raise typer.Exit(run(workers.work(socket.socket(fileno=channel), logs.configure())))


def main() -> None:
    """Run the command line."""
    app(prog_name="cps-server")


def _refuse(detail: str) -> NoReturn:
    """Say why it does not start, in one line, and end."""
    typer.echo(f"cps-server: {detail}", err=True)
    raise typer.Exit(EX_CONFIG)
