"""``cps-client sign``, ``publish`` and ``retrieve``: what is done for a call."""

from typing import TYPE_CHECKING, Annotated

import typer

from cps_client.commands.frame import (
    Attest,
    Config,
    Dest,
    Exit,
    Json,
    Orig,
    Origid,
    complain,
    exit_for,
    one_line,
    print_json,
    print_table,
    run,
    told,
)

if TYPE_CHECKING:
    from cps_client.outcome import Receipt, Retrieval, Termination
    from cps_client.settings import ClientSettings


@told
def sign(
    orig: Orig,
    dest: Dest,
    attest: Attest = None,
    origid: Origid = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> Exit:
    """
    Print an Identity header value with a new shaken PASSporT.

    Needs CPS_CLIENT_X5U and CPS_CLIENT_PRIVATE_KEY; asks nobody.

    [bold]Example:[/bold] cps-client sign --orig 12155550100 --dest 12155551212 --attest A
    """
    from cps_client.origin import signed
    from cps_client.settings import PREFIX, load
    from stir.aio.clock import SystemClock
    from stir.aio.credential import load_signer

    settings = load(config)
    signer = load_signer(PREFIX, x5u=settings.x5u, private_key=settings.private_key)
    identity = signed(
        signer, orig=orig, dest=dest, attest=attest or settings.attest, origid=origid, at=SystemClock().now()
    )
    if as_json:
        print_json({"identity": str(identity), "passport": identity.token, "x5u": identity.info})
    else:
        typer.echo(str(identity))
    return Exit.DONE


@told
def publish(
    orig: Orig,
    dest: Dest,
    identity: Annotated[
        list[str] | None,
        typer.Option("--identity", metavar="VALUE", help="Identity header value or PASSporT; may be repeated."),
    ] = None,
    attest: Attest = None,
    origid: Origid = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> Exit:
    """
    Publish the PASSporTs of a call to the CPS; without --identity, sign one first.

    Needs CPS_CLIENT_CPS_URLS, CPS_CLIENT_SPC, CPS_CLIENT_X5U and CPS_CLIENT_PRIVATE_KEY.
    Exit code 0 published, 1 refused, 69 no CPS answered.

    [bold]Example:[/bold] cps-client publish --orig 12155550100 --dest 12155551212 --attest A
    """
    from cps_client.settings import load

    receipt = run(_publish(load(config), orig, dest, identity, attest, origid))
    if as_json:
        print_json(receipt.as_dict())
    elif receipt.published:
        print_table({"published": len(receipt.identities), **_tried(receipt), **_dropped(receipt.dropped)})
    if receipt.error is None:
        return Exit.DONE
    complain(f"not published: {receipt.reason}")
    return exit_for(receipt.error)


@told
def retrieve(
    orig: Orig,
    dest: Dest,
    spc: Annotated[
        str | None, typer.Option("--spc", metavar="SPC", help="Second generation: the publisher's SPC; else the own.")
    ] = None,
    config: Config = None,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify them and print the verdict; exit code 0 only if it passed.")
    ] = False,
    as_json: Json = False,
) -> Exit:
    """
    Print the PASSporTs that a CPS has for a call, or with --verify the verdict on the call.

    Exit code 0 found, with --verify passed; 1 nothing found or not passed; 69 no CPS answered.

    [bold]Example:[/bold] cps-client retrieve --orig 12155550100 --dest 12155551212 --verify
    """
    from cps_client.settings import load

    settings = load(config)
    if verify:
        return show_termination(run(_terminate(settings, orig, dest, spc)), as_json=as_json)
    return _show_retrieval(run(_retrieve(settings, orig, dest, spc)), as_json=as_json)


def show_termination(termination: "Termination", *, as_json: bool) -> Exit:
    """Print what a call came out as, and return the exit code."""
    from cps_client.commands.verdict import code_of, show

    show(termination.as_dict(), as_json=as_json)
    if termination.retrieval.error is not None:
        complain(f"nothing was retrieved: {termination.reason}")
        return exit_for(termination.retrieval.error)
    return code_of(termination.verdict)


def _show_retrieval(found: "Retrieval", *, as_json: bool) -> Exit:
    if as_json:
        print_json(found.as_dict())
    else:
        for passport in found.passports:
            typer.echo(one_line(passport))
    if found.error is not None:
        complain(f"nothing was retrieved: {found.reason}")
        return exit_for(found.error)
    if not found.found:
        complain(found.reason or "")
        return Exit.NOT_VERIFIED
    return Exit.DONE


async def _publish(
    settings: "ClientSettings",
    orig: str,
    dest: str,
    identities: list[str] | None,
    attest: str | None,
    origid: str | None,
) -> "Receipt":
    from cps_client.client import CpsClient

    async with CpsClient(settings, verifies=False) as client:
        return await client.publish(orig=orig, dest=dest, identities=identities, attest=attest, origid=origid)


async def _retrieve(settings: "ClientSettings", orig: str, dest: str, spc: str | None) -> "Retrieval":
    from cps_client.client import CpsClient

    async with CpsClient(settings, verifies=False) as client:
        return await client.retrieve(orig=orig, dest=dest, spc=spc)


async def _terminate(settings: "ClientSettings", orig: str, dest: str, spc: str | None) -> "Termination":
    from cps_client.client import CpsClient

    async with CpsClient(settings) as client:
        return await client.retrieve_and_verify(orig=orig, dest=dest, spc=spc)


def _tried(receipt: "Receipt") -> dict[str, object]:
    last = receipt.attempts[-1]
    return {"CPS": last.cps, "status": last.status, "milliseconds": round(last.seconds * 1000)}


def _dropped(count: int) -> dict[str, object]:
    return {"left out": f"{count} of the given values, which are no PASSporTs or too many"} if count else {}
