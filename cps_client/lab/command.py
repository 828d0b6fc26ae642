"""``cps-client lab``: the pretend STI world, up until Ctrl-C."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from cps_client.lab.errors import LabError
from cps_client.lab.invitation import RETENTION, stay
from cps_client.lab.lab import Lab
from cps_client.lab.lifetime import run


def lab(directory: Path | None = None, *, as_json: bool = False) -> int:
    """
    Run the lab until Ctrl-C and return the command's exit code.

    Args:
        directory: Where its files are kept; by default in a place that is removed at the end.
        as_json: Print one JSON object in place of lines for people.
    """
    try:
        with _files(directory) as folder:
            return run(_lab(folder, as_json=as_json))
    except OSError as error:
        typer.echo(f"The lab failed: its directory cannot be used: {error.strerror}", err=True)
        return 1


async def _lab(directory: Path, *, as_json: bool) -> int:
    try:
        async with Lab.open(directory) as made:
            cps = await made.start_cps(CPS_STORE__RETENTION=str(RETENTION))
            await stay(made, cps, made.world.service_provider("123A"), sys.stdout, as_json=as_json)
    except LabError as error:
        typer.echo(f"The lab failed: {error.detail}", err=True)
        return 1
    return 0


@contextmanager
def _files(directory: Path | None) -> Iterator[Path]:
    if directory is None:
        with TemporaryDirectory(prefix="cps-lab-") as temporary:
            yield Path(temporary)
    else:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield directory
