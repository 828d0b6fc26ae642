"""``cps-client decode``: what is in a PASSporT, and what is odd about it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cps_client.commands.frame import Exit, Json, complain, one_line, print_json, print_table, told
from cps_client.commands.instant import At, instant

if TYPE_CHECKING:
    from stir.decode import Decoded

_LATEST: Final = 253_402_300_799
"""The last second of the year 9999."""
_UNITS: Final = ((86_400 * 365, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
_DEPTH: Final = 5
"""Deepest PASSporT inside others that is shown; the verifier goes no deeper."""


@told
def decode(
    value: Annotated[str, typer.Argument(help="Identity header value or PASSporT; - reads stdin.")],
    at: At = None,
    *,
    as_json: Json = False,
) -> Exit:
    """
    Show what is in an Identity header or a PASSporT, and what is odd about it.

    Nothing is verified and nothing fetched; --at also remarks on freshness. Exit code 1 if nothing can be read.

    [bold]Example:[/bold] cps-client decode "$IDENTITY"
    """
    from stir import limits
    from stir.decode import decode as read

    if value == "-":
        value = typer.get_text_stream("stdin", errors="replace").read(4 * limits.IDENTITY_BYTES)
    when = instant(at)
    found = read(value, at=when if at else None)
    if as_json:
        print_json(_as_dict(found))
    else:
        _show(found, when)
    if found.header is None and found.payload is None:
        complain("that is no PASSporT: expected three parts of base64url with dots between them")
        return Exit.NOT_VERIFIED
    return Exit.DONE


def _as_dict(found: "Decoded") -> dict[str, object]:
    identity = found.identity
    return {
        "well_formed": found.well_formed,
        "identity": {"info": identity.info, "alg": identity.alg, "ppt": identity.ppt} if identity else None,
        "header": found.header,
        "payload": found.payload,
        "findings": [finding.as_dict() for finding in found.findings],
    }


def _show(found: "Decoded", when: datetime, depth: int = 0) -> None:
    from stir.decode import decode as read
    from stir.extensions import DivO

    if found.identity is not None:
        print_table(
            {"info": found.identity.info, "alg": found.identity.alg, "ppt": found.identity.ppt}, title="Identity"
        )
    if found.header is not None:
        print_table(dict(_flat("", found.header, when)), title="Header")
    if found.payload is not None:
        inside = {"opt": "the PASSporT below"} if isinstance(found.extension, DivO) else {}
        print_table(dict(_flat("", found.payload | inside, when)) | _withheld(found), title="Claims")
    _show_findings(found)
    if isinstance(found.extension, DivO) and depth < _DEPTH:
        typer.echo(f"\nPASSporT inside, {depth + 1} deep")
        _show(read(found.extension.opt), when, depth + 1)


def _show_findings(found: "Decoded") -> None:
    """Print findings as a lint does: how bad, which, what it is, by which clause, and what to do."""
    counts = dict.fromkeys(("error", "warning"), 0)
    for finding in found.findings:
        counts[finding.severity] += 1
    summary = ", ".join(f"{severity}s: {count}" for severity, count in counts.items() if count)
    print_table({}, title=f"Findings: {summary or 'none, nothing is odd'}")
    for finding in found.findings:
        typer.echo(one_line(f"  {finding.severity:7}  {finding.code}: {finding.detail}"))
        typer.echo(one_line(f"           {finding.clause}: {finding.advice}"))


def _withheld(found: "Decoded") -> dict[str, str]:
    """Tell what must not be shown to the called party, whoever signed it (RFC 9795)."""
    rcd = found.rcd
    if rcd is None:
        return {}
    unverified = [reference.pointer for reference in rcd.references]
    return {
        name: ", ".join(members)
        for name, members in (("not to be shown", rcd.withheld), ("to be fetched and compared", unverified))
        if members
    }


def _flat(above: str, members: Mapping[str, Any], when: datetime) -> Iterator[tuple[str, str]]:
    """Yield members as text, those of an object each by itself; a time also as people read it."""
    import json

    for name, value in members.items():
        match value:
            case dict() if value and not above.count("."):
                yield from _flat(f"{above}{name}.", value, when)
            case list() if value and all(isinstance(one, str) for one in value):
                yield f"{above}{name}", ", ".join(value)
            case int() if name in {"iat", "exp", "nbf"} and value is not True and 0 <= value <= _LATEST:
                yield name, f"{value}  ({datetime.fromtimestamp(value, UTC):%FT%TZ}, {_age(value, when)})"
            case str():
                yield f"{above}{name}", value
            case _:
                yield f"{above}{name}", json.dumps(value)


def _age(seconds: int, when: datetime) -> str:
    """Return how long ago, or how far ahead, that is at *when*, in the largest unit of which there are two."""
    away = int(when.timestamp()) - seconds
    count, unit = next(
        ((abs(away) // length, unit) for length, unit in _UNITS if abs(away) >= 2 * length), (abs(away), "seconds")
    )
    return f"{count} {unit} ago" if away >= 0 else f"{count} {unit} ahead"
