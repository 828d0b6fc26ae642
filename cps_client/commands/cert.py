"""``cps-client cert``: certificates."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cps_client.commands.frame import (
    Config,
    Exit,
    Json,
    complain,
    exit_for,
    print_json,
    read_file,
    run,
    told,
)
from cps_client.commands.instant import At, instant

if TYPE_CHECKING:
    from cps_client.commands.inspection import Judgement
    from stir.aio.configuration import CertificateSettings
    from stir.aio.fetch import Response
    from stir.certificate import Certificate, Chain
    from stir.trust import Trust
    from stir.x5u import X5uPolicy

app: Final = typer.Typer(help="Certificates: look at one, and judge it.", no_args_is_help=True)


@app.command()
@told
def inspect(
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="PEM chain or DER, or the https URL of a chain.")],
    anchors: Annotated[
        Path | None, typer.Option("--anchors", metavar="FILE", help="PEM file of STI-CA roots to judge it by.")
    ] = None,
    crl: Annotated[
        Path | None, typer.Option("--crl", metavar="FILE", help="CRL to judge it by; its signer is not checked.")
    ] = None,
    at: At = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> Exit:
    """
    Look at a certificate or chain, and its repository: whether it is trusted, and what is unusual about it.

    Each finding has a severity, the clause that wants it otherwise, and what to do; "refused" are those for which
    verifiers refuse. Without --anchors (or CPS_CLIENT_TRUST__ANCHORS) trust is not judged. Exit code 0 trusted or
    not judged, 1 not trusted or unreadable, 2 a URL that no verifier fetches, 69 the URL cannot be read.

    [bold]Example:[/bold] cps-client cert inspect chain.pem --anchors roots.pem --at 2026-03-02T12:00:00Z
    """
    from cps_client.commands.inspection import show
    from cps_client.settings import load

    settings = load(config)
    when, roots = instant(at), anchors or settings.trust.anchors
    trust = _trust(roots, crl)
    if "://" in source:
        judgement = run(_repository(source, settings.certificates, trust, when))
    else:
        from stir import limits

        judgement = _judge(read_file(Path(source), limits.ANCHORS_BYTES), trust, when)
    if as_json:
        print_json(judgement.as_dict())
    else:
        show(judgement)
    if judgement.error is not None:
        complain(judgement.error.detail)
        return exit_for(judgement.error)
    return Exit.DONE


def _trust(anchors: Path | None, crl: Path | None) -> "Trust | None":
    from cps_client.commands.sources import read_trust
    from cps_client.errors import UsageError

    if anchors is None:
        if crl is not None:
            raise UsageError("--crl goes with --anchors")
        return None
    return read_trust(anchors, crl)


async def _repository(
    url: str, certificates: "CertificateSettings", trust: "Trust | None", at: datetime
) -> "Judgement":
    """Read the URL within the bounds that hold for every x5u, and judge what it serves and how."""
    from cps_client.commands.inspection import Judgement
    from stir.errors import FetchError, UrlError
    from stir.repository import lint_answer, lint_chain, lint_failure, lint_url
    from stir.x5u import X5uPolicy

    policy = X5uPolicy(frozenset(certificates.allow_ports), certificates.allow_networks)
    try:
        answer = await _fetched(url, policy, certificates.tls_ca_file)
    except UrlError as error:
        return Judgement(error=error, repository=lint_url(url, policy))
    except FetchError as error:
        return Judgement(error=error, repository=lint_failure(error))
    found = _judge(answer.body, trust, at)
    unreadable = found.chain.unreadable if found.chain else 0
    served = lint_chain(found.order, unreadable)
    return replace(found, repository=(*lint_answer(answer.headers, answer.body), *served))


async def _fetched(url: str, policy: "X5uPolicy", tls_ca_file: Path | None) -> "Response":
    from cps_client.settings import SettingsError
    from stir import limits
    from stir.aio.fetch import HttpsFetcher

    try:
        fetcher = HttpsFetcher(policy, tls_ca_file=tls_ca_file)
    except OSError as error:
        raise SettingsError(
            f"CPS_CLIENT_CERTIFICATES__TLS_CA_FILE cannot be used: {error.strerror or error}"
        ) from error
    async with fetcher:
        return await fetcher.fetch(url, max_bytes=limits.CHAIN_BYTES)


def _judge(content: bytes, trust: "Trust | None", at: datetime) -> "Judgement":
    from cps_client.commands.inspection import Judgement, judge
    from stir.errors import CertificateFormatError

    try:
        chain, order = _read(content)
    except CertificateFormatError as error:
        return Judgement(trusted=None if trust is None else False, error=error)
    return judge(chain, order, trust, at)


def _read(content: bytes) -> "tuple[Chain, tuple[Certificate, ...]]":
    """Read a chain in PEM or one certificate in DER, and its certificates as they stand in the file."""
    from stir.certificate import Certificate, Chain, load_certificates, load_chain

    if b"-----BEGIN" not in content:
        leaf = Certificate.from_der(content)
        return Chain(leaf), (leaf,)
    return load_chain(content), tuple(load_certificates(content)[0])
