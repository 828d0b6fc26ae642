"""
Lines for curl with fresh tokens, for whoever the settings say we are.

A token is good once and for a minute, so a line cannot be used twice: ``python -m cps_client.lab.curl`` prints new
ones.
"""

import shlex
from datetime import datetime
from os import EX_CONFIG
from typing import Final
from uuid import uuid4

import typer

from cps_client.exchange import Endpoint, publish_body
from cps_client.settings import PREFIX, ClientSettings, SettingsError, load
from stir.aio.clock import SystemClock
from stir.aio.credential import Credential
from stir.errors import StirError
from stir.tn import Party
from stir.token import Action, Target, mint

ORIG: Final = "12155550199"
DEST: Final = "12015550199"


def lines(settings: ClientSettings, *, orig: str = ORIG, dest: str = DEST, at: datetime) -> list[str]:
    """
    Return a line that publishes a new PASSporT for a call in the first generation, and one that retrieves it.

    Raises:
        CredentialError: The settings name no usable credential.
        SettingsError: They name no CPS.
    """
    if not settings.cps_urls:
        raise SettingsError("CPS_CLIENT_CPS_URLS is not set: the CPSs to ask")
    credential = Credential.load(PREFIX, spc=settings.spc, x5u=settings.x5u, private_key=settings.private_key)
    endpoint = Endpoint.of(settings.cps_urls[0], settings.audience)
    target = Target(Party.parse(dest), Party.parse(orig))
    identity = credential.signer.shaken(target.orig, [target.dest], attest="A", origid=str(uuid4()), at=at)
    url = str(endpoint.url(target))
    made = []
    for action, passports in ((Action.PUBLISH, [identity.token]), (Action.RETRIEVE, None)):
        token = mint(
            credential.signer.key,
            x5u=credential.x5u,
            iss=credential.spc,
            action=action,
            target=target,
            audience=endpoint.audience,
            at=at,
            passports=passports,
        )
        made.append(_line(url, token, settings, None if passports is None else publish_body(passports).decode()))
    return made


def _line(url: str, token: str, settings: ClientSettings, body: str | None) -> str:
    words = ["curl", "-sS", "-i", "-w", r"\n", "-H", f"Authorization: Bearer {token}"]
    if settings.cps_tls_ca_file is not None:
        words += ["--cacert", str(settings.cps_tls_ca_file)]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "--data", body]
    return shlex.join([*words, url])


def main() -> None:
    """Print fresh lines for the CPS and the credential of the environment."""
    try:
        for line in lines(load(), at=SystemClock().now()):
            typer.echo(f"{line}\n")
    except StirError as error:
        typer.echo(error.detail, err=True)
        raise SystemExit(EX_CONFIG) from None


if __name__ == "__main__":
    main()
