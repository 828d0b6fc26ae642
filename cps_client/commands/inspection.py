"""What ``cps-client cert inspect`` finds out about a chain, and how it is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import typer

from cps_client.commands.frame import one_line, print_table
from stir.certificate import Certificate, Chain
from stir.constraints import ClaimConstraints
from stir.errors import (
    CertificateError,
    CertificateFormatError,
    ConstraintFormatError,
    ExpiredError,
    RevokedError,
    StirError,
    TNAuthListError,
)
from stir.lint import CertificateFinding, lint
from stir.repository import lint_chain
from stir.tnauthlist import NumberRange, ServiceProviderCode
from stir.trust import Scope, Signatory, Trust
from stir.verdict import case_of


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of a chain, and of the repository that served it."""

    chain: Chain | None = None
    order: tuple[Certificate, ...] = ()
    """The certificates as they stood in the file."""
    trusted: bool | None = None
    """Whether a PASSporT of type shaken may be signed with it; None: not judged, for want of anchors."""
    error: StirError | None = None
    signatory: Signatory | None = None
    """Who signs, be it as a delegate."""
    repository: tuple[CertificateFinding, ...] = ()

    @property
    def case(self) -> str | None:
        """The case of the table E1 to E19, ok, or None where nothing was judged."""
        if self.error is not None:
            return case_of(self.error).id
        return "ok" if self.trusted else None

    @property
    def served(self) -> tuple[CertificateFinding, ...]:
        """What is unusual about the file as a chain's; one certificate alone is none."""
        unreadable = self.chain.unreadable if self.chain else 0
        return lint_chain(self.order, unreadable) if len(self.order) + unreadable > 1 else ()

    def as_dict(self) -> dict[str, object]:
        """Return the judgement as JSON has it; the findings are the first certificate's and the repository's."""
        certificates = [_described(one) for one in self.order]
        leaf, signatory = (self.chain.leaf if self.chain else None), self.signatory
        first = lint(leaf) if leaf else ()
        return {
            "trusted": self.trusted,
            "case": self.case,
            "spc": _spc(leaf) if leaf else None,
            "not_before": _rfc3339(leaf.not_before) if leaf else None,
            "not_after": _rfc3339(leaf.not_after) if leaf else None,
            "findings": [found.code for found in (*first, *self.repository)],
            "remarks": [found.as_dict() for found in (*first, *self.repository)],
            "code": self.error.code if self.error else None,
            "detail": self.error.detail if self.error else None,
            "delegate": None if self.trusted is None else signatory is not None and not self.trusted,
            "proven": signatory.proven if signatory else None,
            "revocation": signatory.revocation.value if signatory else None,
            "path": [str(one.subject) for one in signatory.path.certificates] if signatory else [],
            "chain": [found.as_dict() for found in self.served],
            "certificates": certificates,
        }


def judge(chain: Chain, order: tuple[Certificate, ...], trust: Trust | None, at: datetime) -> Judgement:
    """Judge a signer's chain as a signer's, else as a delegate's; and a CA's certificate by its path alone."""
    if trust is None:
        return Judgement(chain, order)
    try:
        if chain.leaf.is_ca:
            _require_ca(chain, trust, at)
            return Judgement(chain, order, trusted=True)
        return Judgement(chain, order, trusted=True, signatory=trust.signer(chain, at=at))
    except (CertificateFormatError, CertificateError) as error:
        return Judgement(chain, order, trusted=False, error=error, signatory=_delegate(chain, trust, at))


def _delegate(chain: Chain, trust: Trust, at: datetime) -> Signatory | None:
    try:
        return None if chain.leaf.is_ca else trust.signer(chain, at=at, scope=Scope.DELEGATE)
    except (CertificateFormatError, CertificateError):
        return None


def _require_ca(chain: Chain, trust: Trust, at: datetime) -> None:
    if chain.leaf in trust.anchors:
        if not chain.leaf.not_before <= at <= chain.leaf.not_after:
            raise ExpiredError(f"the root {chain.leaf.fingerprint[:16]} is outside its validity")
        return
    path = trust.anchors.path(chain, at=at)
    if trust.revocation is not None and any(map(trust.revocation.is_revoked, path.certificates[:-1])):
        raise RevokedError("a certificate of the path is revoked")


def _described(certificate: Certificate) -> dict[str, object]:
    found, constraints = lint(certificate), _constraints(certificate)
    return {
        "sha256": certificate.fingerprint,
        "subject": str(certificate.subject),
        "issuer": str(certificate.issuer),
        "serial": f"{certificate.serial:x}",
        "not_before": _rfc3339(certificate.not_before),
        "not_after": _rfc3339(certificate.not_after),
        "is_ca": certificate.is_ca,
        "spc": _spc(certificate),
        "tn_auth_list": _entries(certificate),
        "tn_auth_list_urls": list(certificate.tn_auth_list_urls),
        "claim_constraints": None if constraints is None else [one.as_dict() for one in constraints],
        "findings": [one.code for one in found],
        "remarks": [one.as_dict() for one in found],
    }


def _spc(certificate: Certificate) -> str | None:
    try:
        authorized = certificate.tn_auth_list
    except TNAuthListError:  # the findings tell
        return None
    return authorized.spc if authorized else None


def _entries(certificate: Certificate) -> list[str] | None:
    """Return what the certificate speaks for, in words; None without a list, or with an unreadable one."""
    try:
        authorized = certificate.tn_auth_list
    except TNAuthListError:
        return None
    if authorized is None:
        return None
    return [
        f"code {entry.value}"
        if isinstance(entry, ServiceProviderCode)
        else f"{entry.count} numbers from {entry.start}"
        if isinstance(entry, NumberRange)
        else f"number {entry.value}"
        for entry in authorized.entries
    ]


def _constraints(certificate: Certificate) -> tuple[ClaimConstraints, ...] | None:
    """Return the claim constraints; None if there are some and they are unreadable."""
    try:
        return certificate.claim_constraints
    except ConstraintFormatError:
        return None


def _words(constraints: ClaimConstraints) -> Iterator[str]:
    yield from (f"must have {name}" for name in constraints.must_include)
    yield from (f"{name} only as {' or '.join(values)}" for name, values in constraints.permitted.items())
    yield from (f"must not have {name}" for name in constraints.must_exclude)


def _rfc3339(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def show(judgement: Judgement) -> None:
    """Print a judgement for people: the verdict, then each certificate with its findings, gravest first."""
    unjudged = "not judged" if judgement.error else "not judged: give --anchors"
    verdict = {True: "trusted", False: "not trusted", None: unjudged}[judgement.trusted]
    shown, signatory = judgement.as_dict(), judgement.signatory
    notes = {"why": shown["detail"], "case": shown["case"], "revocation": shown["revocation"]}
    if shown["delegate"]:
        notes["but"] = "as a delegate certificate it may sign PASSporTs without ppt and of type rcd"
    if signatory is not None and not signatory.proven:
        notes["numbers"] = "not provable: a CA has a code where the certificate has numbers"
    print_table(notes, title=verdict)
    for one in judgement.order:
        typer.echo("")
        print_table(_facts(one), title=str(one.subject))
        _list(lint(one))
    rest = dict.fromkeys((*judgement.repository, *judgement.served))
    if rest:
        typer.echo("")
        print_table({}, title="Repository and chain")
        _list(tuple(rest))


def _facts(certificate: Certificate) -> dict[str, object]:
    described = _described(certificate)
    plain = {name: described[name] for name in ("issuer", "serial", "not_before", "not_after", "spc", "sha256")}
    entries = described["tn_auth_list"] if described["spc"] is None else None
    constraints = [words for one in _constraints(certificate) or () for words in _words(one)]
    return plain | {
        "speaks for": ", ".join(entries) if isinstance(entries, list) else None,
        "list at": ", ".join(certificate.tn_auth_list_urls),
        "claims": "; ".join(constraints),
    }


def _list(findings: Sequence[CertificateFinding]) -> None:
    for one in sorted(findings, key=lambda each: (not each.refused, each.severity)):
        mark = "refused" if one.refused else one.severity
        typer.echo(one_line(f"  {mark:7}  {one.code}: {one.detail}"))
        typer.echo(one_line(f"           {one.clause}: {one.advice}"))
