"""``cps-server partner``: the partners of a private CPS, in ``partners.toml``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from cps_server.commands.frame import Json, refuse, show
from cps_server.partners.edit import NoSuchPartnerError, put, remove, switch
from cps_server.partners.file import PartnerFileError, read
from cps_server.partners.rules import ANY, Mode, Partner, Rules

app = typer.Typer(
    help="List and change the partners of a private CPS. A running CPS takes a change up within a second.",
    no_args_is_help=True,
)
File = Annotated[
    Path, typer.Option("--file", metavar="FILE", envvar="CPS_PARTNERS__FILE", help="The partners' file, partners.toml.")
]
Spc = Annotated[str, typer.Option("--spc", metavar="SPC", help="Service provider code of the partner.")]

_COLUMNS: Final = ("spc", "name", "enabled", "publish", "retrieve", "retrieve_from", "rate", "burst")


@app.command("list")
def list_partners(file: File, *, as_json: Json = False) -> None:
    """Print the partners, and which mode the CPS is in."""
    with _complaints():
        rules, _ = read(file)
    rows = [_as_dict(partner, rules.mode) for partner in rules.partners.values()]
    if as_json:
        show({"mode": rules.mode.value, "partners": rows, "deny": _deny(rules)})
        return
    typer.echo(f"mode: {rules.mode}")
    table = [_COLUMNS, *(tuple(_cell(row[column]) for column in _COLUMNS) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table if rows else []:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for kind, names in _deny(rules).items():
        for name in names:
            typer.echo(f"denied {kind}: {name}")


@app.command()
def add(
    file: File,
    spc: Spc,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    publish: Annotated[bool | None, typer.Option("--publish/--no-publish", help="May it publish.")] = None,
    retrieve: Annotated[bool | None, typer.Option("--retrieve/--no-retrieve", help="May it retrieve.")] = None,
    retrieve_from: Annotated[
        list[str] | None,
        typer.Option(metavar="SPC", help="Whose PASSporTs it may ask for in generation 2; * for all. Repeatable."),
    ] = None,
    numbers: Annotated[
        list[str] | None,
        typer.Option(metavar="DIGITS", help="How calling numbers start that it may publish. Repeatable."),
    ] = None,
    certificates: Annotated[
        list[str] | None,
        typer.Option("--certificate", metavar="SHA256", help="The only certificates that it may use. Repeatable."),
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Requests a second.")] = None,
    burst: Annotated[int | None, typer.Option(help="Requests at once.")] = None,
    mode: Annotated[Mode | None, typer.Option(help="Mode of a file that is made; closed unless given.")] = None,
    as_json: Json = False,
) -> None:
    """Add a partner, or change what is given of one that is there. A file that is missing is made."""
    wanted: dict[str, object] = {
        "name": name,
        "publish": publish,
        "retrieve": retrieve,
        "retrieve_from": retrieve_from,
        "numbers": numbers,
        "certificates": certificates,
        "rate": rate,
        "burst": burst,
    }
    given = {key: value for key, value in wanted.items() if value not in (None, [])}
    with _complaints():
        _say(put(file, spc, given, mode=mode), spc, "written", as_json=as_json)


@app.command()
def enable(file: File, spc: Spc, *, as_json: Json = False) -> None:
    """Let a partner in again."""
    with _complaints():
        _say(switch(file, spc, enabled=True), spc, "enabled", as_json=as_json)


@app.command()
def disable(file: File, spc: Spc, *, as_json: Json = False) -> None:
    """Turn a partner away, and keep its entry."""
    with _complaints():
        _say(switch(file, spc, enabled=False), spc, "disabled", as_json=as_json)


@app.command("remove")
def remove_partner(file: File, spc: Spc, *, as_json: Json = False) -> None:
    """Take a partner's entry out."""
    with _complaints():
        _say(remove(file, spc), spc, "removed", as_json=as_json)


def _say(changed: bool, spc: str, what: str, *, as_json: bool) -> None:  # noqa: FBT001 - the outcome is what is said
    if as_json:
        show({"spc": spc.upper(), "changed": changed})
    else:
        typer.echo(f"{spc.upper()}: {what if changed else 'nothing to change'}")


@contextmanager
def _complaints() -> Iterator[None]:
    """End with one line when the file cannot be used: 1 for a partner that is not there, else 78."""
    try:
        yield
    except NoSuchPartnerError as error:
        refuse(error.detail, 1)
    except PartnerFileError as error:
        refuse(error.detail)


def _as_dict(partner: Partner, mode: Mode) -> dict[str, object]:
    """Return *partner* with what is in force for it, as data."""
    own = [ANY] if mode is Mode.OPEN else [partner.spc]
    return {
        "spc": partner.spc,
        "name": partner.name,
        "enabled": partner.enabled,
        "publish": partner.publish,
        "retrieve": partner.retrieve,
        "retrieve_from": own if partner.retrieve_from is None else sorted(partner.retrieve_from),
        "numbers": None if partner.numbers is None else list(partner.numbers),
        "certificates": None if partner.certificates is None else sorted(partner.certificates),
        "rate": partner.rate,
        "burst": partner.burst,
    }


def _deny(rules: Rules) -> dict[str, list[str]]:
    return {"spc": sorted(rules.denied_spcs), "certificates": sorted(rules.denied_certificates)}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(value) or "nobody"
    return "-" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)
