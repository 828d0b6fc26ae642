"""How a verdict is printed, and the exit code it gives."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cps_client.commands.frame import Exit, one_line, print_json, print_table

if TYPE_CHECKING:
    from stir.verdict import Verdict

_UNREACHABLE: Final = frozenset({"E8", "unavailable"})
"""Cases that say that something could not be found out."""


def code_of(verdict: "Verdict") -> Exit:
    """Return the exit code: 0 passed, 69 when the certificate could not be had, else 1."""
    if verdict.passed:
        return Exit.DONE
    return Exit.UNREACHABLE if verdict.decisive.case.id in _UNREACHABLE else Exit.NOT_VERIFIED


def show(verdict: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a verdict."""
    if as_json:
        print_json(verdict)
        return
    iat, code, case = verdict["iat"], verdict["code"], verdict["case"]
    print_table(
        {
            "case": case,
            "SIP": f"{code} {verdict['reason']}" if code else None,
            "why": verdict.get("detail"),
            "attestation": verdict["attest"],
            "origid": verdict["origid"],
            "from": verdict["orig"],
            "to": ", ".join(verdict["dest"]),
            "signed at": None if iat is None else f"{datetime.fromtimestamp(iat, UTC):%FT%TZ}",
            "signed by": verdict["spc"],
            "certificate": verdict["x5u"],
            "revocation": verdict["revocation"],
            "priority": _priority(verdict["priority"]),
            "diverted": ", ".join(map(_diverted, verdict["diversions"])),
            "to show": ", ".join(f"{name}: {value}" for name, value in _shown(verdict["rcd"])),
            "source": verdict["source"],
            **{f"PASSporT {n}": _one(each) for n, each in enumerate(verdict["passports"], 1)},
        },
        title=str(verdict["verstat"]),
    )


def _priority(priority: Mapping[str, Any] | None) -> str | None:
    return f"{priority['verstat']} {' '.join(priority['auth'])}".strip() if priority else None


def _diverted(diversion: Mapping[str, Any]) -> str:
    div = diversion["div"]
    return f"from {div.get('tn') or div.get('uri')} ({diversion['verstat']})"


def _shown(rcd: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return what may be shown of the caller: members that are there and need nothing fetched first."""
    lists = {"withheld", "unverified"}
    return [(name, value) for name, value in (rcd or {}).items() if value is not None and name not in lists]


def _one(result: Mapping[str, Any]) -> str:
    detail = f": {result['detail']}" if result["detail"] else ""
    return one_line(f"{result['ppt'] or 'unreadable'}, {result['case']}{detail}")
