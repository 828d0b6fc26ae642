"""
``scripts/demo``: a whole STI world on loopback, and the main job on it.

Originate, sign, publish, lose the PASSporT on the TDM leg, retrieve, verify; and calls that must not pass.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from cps_client.lab.errors import LabError
from cps_client.lab.invitation import RETENTION, stay
from cps_client.lab.lab import Lab
from cps_client.lab.lifetime import run
from cps_client.lab.performance import perform
from cps_client.lab.rows import Report
from cps_client.lab.stage import Stage
from cps_client.lab.table import show

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up until Ctrl-C, and print lines to try.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the table.")] = False,
) -> None:
    """Make calls through a whole STI world on loopback; exit 0 only if every one came out as it must."""
    with TemporaryDirectory(prefix="cps-lab-") as directory:
        code = run(_demo(Path(directory), keep=keep, as_json=as_json))
    raise typer.Exit(code)


async def _demo(directory: Path, *, keep: bool, as_json: bool) -> int:
    try:
        async with Lab.open(directory) as lab, Stage.open(lab) as stage:
            report = await perform(stage)
            _print(report, as_json=as_json)
            if keep:
                await stage.cps.process.restart(CPS_STORE__RETENTION=str(RETENTION))
                await stay(lab, stage.cps, stage.providers.home, sys.stderr if as_json else sys.stdout)
    except LabError as error:
        typer.echo(f"The lab failed: {error.detail}", err=True)
        return 1
    return 0 if report.as_it_must else 1


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.as_dict()))
    else:
        show(report, sys.stdout)


if __name__ == "__main__":
    app(prog_name="scripts/demo")
