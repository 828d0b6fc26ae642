"""``cps-client verify``: a verdict on Identity headers, online or from files."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cps_client.commands.frame import (
    Config,
    Dest,
    Exit,
    Json,
    Orig,
    run,
    told,
)
from cps_client.commands.instant import AtOrIat, iat_of, instant

if TYPE_CHECKING:
    from cps_client.commands.sources import FixedClock
    from stir.aio.verification import ChainSource, TrustSource
    from stir.certificate import Chain
    from stir.explain import Context
    from stir.trust import Trust
    from stir.verdict import Verdict
    from stir.verify import Call, Verifier


@told
def verify(
    orig: Orig,
    dest: Dest,
    identity: Annotated[
        list[str],
        typer.Option(
            "--identity", metavar="VALUE", help="Identity header value or PASSporT; may be repeated; - stdin."
        ),
    ],
    at: AtOrIat = None,
    chain: Annotated[
        Path | None, typer.Option("--chain", metavar="FILE", help="PEM chain to use instead of fetching x5u.")
    ] = None,
    anchors: Annotated[
        Path | None, typer.Option("--anchors", metavar="FILE", help="PEM file of STI-CA roots, instead of settings.")
    ] = None,
    crl: Annotated[
        Path | None, typer.Option("--crl", metavar="FILE", help="CRL to use with --anchors; its signer is not checked.")
    ] = None,
    config: Config = None,
    *,
    resource_priority: Annotated[
        list[str] | None,
        typer.Option("--resource-priority", metavar="VALUE", help="Resource-Priority of the call; may be repeated."),
    ] = None,
    priority: Annotated[str | None, typer.Option("--priority", metavar="VALUE", help="Priority of the call.")] = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="Codes as in: atis, atis-mismatch-failed or asterisk.")
    ] = "atis",
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every check too: what was compared with what, and where it ended.")
    ] = False,
    as_json: Json = False,
) -> Exit:
    """
    Print the verdict on a call that came with these Identity headers.

    With --chain and --anchors nothing is fetched. Exit code 0 passed, 1 not passed, 69 no certificate to be had.

    [bold]Example:[/bold] cps-client verify --orig 12155550100 --dest 12155551212 --identity "$IDENTITY"
    --at iat --chain chain.pem --anchors roots.pem
    """
    from cps_client.commands.verdict import code_of, show
    from cps_client.errors import UsageError
    from stir.profiles import PROFILES, under
    from stir.tn import Party
    from stir.verify import Call

    if profile not in PROFILES:
        raise UsageError(f"--profile is one of {', '.join(PROFILES)}")
    values = _values(identity)
    call = Call(
        orig=Party.parse(orig),
        dest=Party.parse(dest),
        resource_priority=tuple(resource_priority or ()),
        priority=priority,
    )
    when = iat_of(values) if at == "iat" else instant(at)
    found, context = run(_verdict(values, call, when, chain=chain, anchors=anchors, crl=crl, config=config))
    verdict = under(PROFILES[profile], found)
    shown = verdict.as_dict() | {"detail": verdict.decisive.detail}
    if not explain:
        show(shown, as_json=as_json)
        return code_of(verdict)
    from cps_client.commands.steps import show_steps
    from stir.explain import explain as explained

    explanations = explained(verdict, values, context)
    if as_json:
        show(shown | {"steps": [explanation.as_dict() for explanation in explanations]}, as_json=True)
    else:
        show(shown, as_json=False)
        show_steps(explanations)
    return code_of(verdict)


async def _verdict(
    values: Sequence[str],
    call: "Call",
    when: datetime,
    *,
    chain: Path | None,
    anchors: Path | None,
    crl: Path | None,
    config: Path | None,
) -> "tuple[Verdict, Context]":
    """Verify with what the files give; what they do not give comes from the settings. Return what it took, too."""
    from cps_client.commands.sources import FixedChain, FixedClock, read_chain, read_trust
    from cps_client.errors import UsageError
    from cps_client.settings import load
    from stir.aio.service import open_service
    from stir.aio.trust import FixedTrust
    from stir.verify import Verifier
    from stir.x5u import X5uPolicy

    if crl is not None and anchors is None:
        raise UsageError("--crl goes with --anchors; else set CPS_CLIENT_TRUST__CRL_URL")
    clock = FixedClock(when)
    trust: Trust | None = read_trust(anchors, crl) if anchors else None
    held: Chain | None = read_chain(chain) if chain else None
    if trust is not None and held is not None:
        verifier = Verifier(x5u=X5uPolicy.at_hand())
        return await _judged(values, call, verifier, FixedChain(held), FixedTrust(trust), clock)
    settings = load(config)
    given = settings.trust.model_copy(update={"ca_list_url": None, "crl_url": None}) if trust else settings.trust
    async with open_service(given, settings.certificates, clock=clock) as online:
        verifier = online.verification.verifier
        chains = FixedChain(held) if held else online.certificates
        return await _judged(values, call, verifier, chains, FixedTrust(trust) if trust else online.trust, clock)


async def _judged(
    values: Sequence[str],
    call: "Call",
    verifier: "Verifier",
    chains: "ChainSource",
    trust: "TrustSource",
    clock: "FixedClock",
) -> "tuple[Verdict, Context]":
    from cps_client.commands.sources import RememberedChains
    from stir.aio.verification import VerificationService
    from stir.errors import NoTrustError
    from stir.explain import Context
    from stir.verdict import Source

    remembered = RememberedChains(chains)
    service = VerificationService(verifier, remembered, trust, clock)
    verdict = await service.verify(values, call, source=Source.IN_BAND)
    try:
        known = trust.current()
    except NoTrustError:
        known = None
    return verdict, Context(call, clock.at, verifier, known, remembered.given)


def _values(given: Sequence[str]) -> list[str]:
    """Return the values, with each ``-`` replaced by the lines of stdin."""
    from stir import limits

    values: list[str] = []
    for value in given:
        if value == "-":
            text = typer.get_text_stream("stdin", errors="replace").read(limits.IDENTITIES * limits.IDENTITY_BYTES)
            values += [line.strip() for line in text.splitlines() if line.strip()]
        else:
            values.append(value)
    return values


__all__ = ["verify"]
