"""``cps-server audit``: whether the audit log is whole, and what it says about a call."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cps_server.audit import AuditError, FileReport, Wanted, find, open_secret, verify
from cps_server.audit.chain import Secret
from cps_server.commands.frame import Json, refuse, show
from stir.errors import NumberError
from stir.tn import Party

app = typer.Typer(help="Read the audit log: is it whole, and what was done about a call.", no_args_is_help=True)
Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Audit files, in any order.")]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", envvar="CPS_AUDIT__KEY_FILE", help="The key file; by default the one beside the first."
    ),
]


@app.command("verify")
def verify_files(files: Files, key: Key = None, *, as_json: Json = False) -> None:
    """Tell whether every line is as it was written, and none is missing: exit code 0 if so, else 1."""
    try:
        reports = verify(files, _secret(files, key))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}")
    intact = all(report.is_intact for report in reports)
    if as_json:
        show({"intact": intact, "files": [report.as_dict() for report in reports]})
    else:
        for report in reports:
            _print(report)
    raise typer.Exit(0 if intact else 1)


@app.command("find")
def find_call(
    files: Files,
    key: Key = None,
    orig: Annotated[str | None, typer.Option(metavar="TN", help="The calling number or URI.")] = None,
    dest: Annotated[str | None, typer.Option(metavar="TN", help="The called number or URI.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601; UTC unless it says otherwise.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601; UTC unless it says otherwise.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """
    Print who published, retrieved or was denied a call between these numbers.

    The log holds no numbers: only who knows them, and has the key, finds the call. Lines after a break of the log are
    not believed. Exit code 1 if there was one.
    """
    if orig is None and dest is None:
        raise typer.BadParameter("a number is needed", param_hint="--orig or --dest")
    secret = _secret(files, key)
    wanted = Wanted.of(
        secret,
        orig=_party("--orig", orig),
        dest=_party("--dest", dest),
        since=_time("--since", since),
        until=_time("--until", until),
    )
    try:
        found, reports = find(files, secret, wanted)
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}")
    intact = all(report.is_intact for report in reports)
    if as_json:
        show({"intact": intact, "records": [dict(line.fields) for line in found]})
    else:
        for line in found:
            typer.echo("  ".join(f"{name}={value}" for name, value in _shown(line.fields)))
        for report in reports:
            if not report.is_intact:
                _print(report, err=True)
    raise typer.Exit(0 if intact else 1)


def _shown(fields: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return what of a record is for people: not the hashes."""
    hidden = {"kind", "chain", "orig", "dest", "pair", "prev"}
    return [(name, value) for name, value in fields.items() if name not in hidden and value is not None]


def _print(report: FileReport, *, err: bool = False) -> None:
    span = f", {report.first.fields['time']} to {report.last.fields['time']}" if report.first and report.last else ""
    typer.echo(f"{report.path}: {'intact' if report.is_intact else 'NOT INTACT'}, {report.lines} lines{span}", err=err)
    for finding in report.findings:
        typer.echo(f"  line {finding.line}: {finding.kind}: {finding.detail}", err=err)


def _secret(files: list[Path], key: Path | None) -> Secret:
    path = key or _beside(files[0])
    if path is None or not path.exists():
        refuse(f"there is no key file {path or 'beside ' + str(files[0])}; name it with --key")
    try:
        return open_secret(path)
    except AuditError as error:
        refuse(error.detail)


def _beside(file: Path) -> Path | None:
    """Return the key file beside *file*: ``audit.key`` for ``audit.jsonl``, and for its successors' longer names."""
    name = file.name
    while "." in name:
        name = name.rpartition(".")[0]
        if (found := file.with_name(f"{name}.key")).exists():
            return found
    return None


def _party(option: str, text: str | None) -> str | None:
    try:
        return None if text is None else Party.parse(text).value
    except NumberError as error:
        raise typer.BadParameter(error.detail, param_hint=option) from error


def _time(option: str, text: str | None) -> datetime | None:
    try:
        time = None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("not a time in ISO 8601", param_hint=option) from error
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
