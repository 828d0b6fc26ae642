"""``cps-client check``: whether calls would work."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from cps_client.commands.frame import (
    Config,
    Exit,
    Json,
    print_json,
    run,
    told,
)

if TYPE_CHECKING:
    from cps_client.settings import ClientSettings


@told
def check(config: Config = None, *, as_json: Json = False) -> Exit:
    """
    Find out whether calls would work: settings, key against certificate, trust, and the CPSs' health.

    Prints the settings in effect and where each came from, and how old the CRL is. Exit code 0 all well, 1 the
    certificate is not good, 69 something cannot be reached, 78 the configuration is wrong.

    [bold]Example:[/bold] cps-client check --config /etc/cps/client.toml
    """
    from cps_client.settings import effective, load

    settings = load(config)
    shown = effective(settings)
    if not as_json:
        for name, one in shown.items():
            typer.echo(f"{name}={one.value}  # {one.origin}")
    revocation = run(_check(settings))
    if not as_json:
        typer.echo("All is well: key, certificate and SPC fit, the certificate is trusted, and every CPS is healthy.")
        typer.echo(revocation.told)
    else:
        of_settings = {name: {"value": one.value, "from": one.origin} for name, one in shown.items()}
        print_json({"ok": True, "revocation": revocation.as_dict(), "settings": of_settings})
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class _Revocation:
    """What is known of the own certificate's revocation, and from how old a CRL."""

    state: str
    age: timedelta | None

    @property
    def told(self) -> str:
        """The same in words."""
        if self.state == "off":
            return "Revocation: off, for CPS_CLIENT_TRUST__CRL_URL is not set."
        if self.age is None:
            return f"Revocation: {self.state}; no CRL could be read yet."
        return f"Revocation: {self.state}; the CRL was issued {self.age // timedelta(hours=1)} hours ago."

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {"state": self.state, "crl_age": None if self.age is None else round(self.age.total_seconds())}


async def _check(settings: "ClientSettings") -> _Revocation:
    from cps_client.client import CpsClient

    async with CpsClient(settings) as client:
        found = await client.check()
        return _Revocation(found.revocation.value, client.trust.revocation_age if client.trust else None)
