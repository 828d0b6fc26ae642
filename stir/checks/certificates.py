"""What the checks look at that are about certificate and signature."""

from collections.abc import Sequence
from contextlib import suppress

from stir.certificate import Certificate
from stir.checks.subject import Look, Subject, instant, text
from stir.delegation import require_delegation
from stir.errors import CertificateError, CertificateFormatError, ProfileError, StirError
from stir.jws import SIGNATURE_BYTES
from stir.path import Path, validate
from stir.trust import Scope


def roots(subject: Subject) -> Look:
    """Trusted roots are known here."""
    trust = subject.context.trust
    return Look("none at hand" if trust is None else f"trusted roots: {len(trust.anchors)}")


def fetch(subject: Subject) -> Look:
    """The chain is at hand, and can be read."""
    chain = subject.chain
    if chain is None:
        return Look(f"from {subject.result.x5u}", holds=False)
    skipped = f", {chain.unreadable} unreadable" if chain.unreadable else ""
    return Look(f"from {subject.result.x5u}: {1 + len(chain.others)} certificates{skipped}", holds=True)


def leaf(subject: Subject) -> Look:
    """The first certificate is a signer's and no CA's."""
    if subject.chain is None:
        return _NO_CHAIN
    one = subject.chain.leaf
    critical = ", ".join(sorted(one.critical)) or "none"
    compared = f"version {one.version}; {'a CA' if one.is_ca else 'no CA'}; critical extensions: {critical}"
    return Look(compared, not isinstance(_refusal(subject), ProfileError))


def path(subject: Subject) -> Look:
    """A path leads to a trusted root, and all of it is valid now."""
    if subject.chain is None:
        return _NO_CHAIN
    certificates = subject.paths[0].certificates if subject.paths else (subject.chain.leaf, *subject.chain.others)
    lead = "leads to a trusted root" if subject.paths else "what was served"
    at = f"{subject.context.at:%FT%TZ}"
    return Look(f"{lead}, judged at {at}", _refusal(subject) is None, _certificates(certificates))


def revocation(subject: Subject) -> Look:
    """Nobody on the path is revoked."""
    if subject.chain is None:
        return _NO_CHAIN
    held = subject.context.trust.revocation if subject.context.trust else None
    if held is None:
        return Look("no revocation list is held")
    on_path = subject.paths[0].certificates[:-1] if subject.paths else (subject.chain.leaf,)
    notes = tuple(
        f"{'REVOKED ' if held.is_revoked(one) else 'not on the list '}{one.fingerprint[:16]}  serial {one.serial:x}"
        for one in on_path
    )
    until = f", next due {held.next_update:%FT%TZ}" if held.next_update else ""
    return Look(f"list of {held.this_update:%FT%TZ}{until}", notes=notes)


def delegation(subject: Subject) -> Look:
    """Nobody on the path hands on what they do not have."""
    if subject.chain is None:
        return _NO_CHAIN
    handed = sum(one.is_delegated for each in subject.paths[:1] for one in each.certificates[1:])
    wanted = "none allowed" if subject.scope is Scope.SPC else "each within the one above"
    return Look(f"CAs with a TNAuthList on the path: {handed}; {wanted}", _is_delegated_well(subject))


def profile(subject: Subject) -> Look:
    """The certificate is what a signer's must be."""
    if subject.chain is None:
        return _NO_CHAIN
    one = subject.chain.leaf
    usage = "not given" if one.key_usage is None else ", ".join(sorted(one.key_usage))
    wanted = "one service provider code" if subject.scope is Scope.SPC else "codes or numbers"
    return Look(
        f"key: {_key(one)}; KeyUsage: {usage}; TNAuthList: {_authorized(one)}; wanted P-256, digitalSignature, {wanted}"
    )


def valid_then(subject: Subject) -> Look:
    """The certificate was valid when the PASSporT was made."""
    found = subject.result.claims
    if subject.chain is None or found is None:
        return _NO_CHAIN
    one = subject.chain.leaf
    return Look(f"iat: {instant(found.iat)}; valid {_validity(one)}")


def scope(subject: Subject) -> Look:
    """The certificate speaks for the caller."""
    if subject.chain is None or subject.result.claims is None:
        return _NO_CHAIN
    return Look(f"TNAuthList: {_authorized(subject.chain.leaf)}; orig: {subject.result.claims.orig.value}")


def constraints(subject: Subject) -> Look:
    """The certificate permits these claims."""
    if subject.chain is None:
        return _NO_CHAIN
    found: tuple[object, ...] = ()
    with suppress(CertificateFormatError):
        found = tuple(one.as_dict() for one in subject.chain.leaf.claim_constraints)
    return Look("; ".join(map(text, found)) or "the certificate has no claim constraints")


def signature(subject: Subject) -> Look:
    """The signature is by the certificate's key over these bytes."""
    passport = subject.seen.passport
    if passport is None or subject.chain is None:
        return _NO_CHAIN
    size = len(passport.compact.signature)
    return Look(
        f"{size} bytes by the key of {subject.chain.leaf.fingerprint[:16]}; wanted {SIGNATURE_BYTES} bytes, r and s"
    )


_NO_CHAIN = Look("no certificate is at hand")


def _refusal(subject: Subject) -> StirError | None:
    """Return what the path itself is refused for."""
    if subject.chain is None or subject.context.trust is None or subject.result.signatory is not None:
        return None
    try:
        validate(subject.chain, subject.context.trust.anchors, at=subject.context.at)
    except CertificateError as error:
        return error
    return None


def _is_delegated_well(subject: Subject) -> bool:
    """Tell whether some path on which nobody is revoked hands on no more than there is; without any, nobody knows."""
    held = subject.context.trust.revocation if subject.context.trust else None
    paths = [one for one in subject.paths if held is None or not any(map(held.is_revoked, one.certificates[:-1]))]
    return not paths or any(_hands_on_well(subject, one) for one in paths)


def _hands_on_well(subject: Subject, one: Path) -> bool:
    if not any(certificate.is_delegated for certificate in one.certificates[1:]):
        return True
    if subject.scope is Scope.SPC or subject.chain is None:
        return False
    try:
        require_delegation(one.certificates, subject.chain)
    except StirError:
        return False
    return True


def _certificates(certificates: Sequence[Certificate]) -> tuple[str, ...]:
    return tuple(f"{one.subject}  {_validity(one)}  sha256 {one.fingerprint[:16]}" for one in certificates)


def _validity(one: Certificate) -> str:
    return f"{one.not_before:%FT%TZ} to {one.not_after:%FT%TZ}"


def _key(one: Certificate) -> str:
    try:
        key = one.public_key
    except CertificateFormatError:
        return "unreadable"
    curve = getattr(key, "curve", None)
    return str(getattr(curve, "name", None) or type(key).__name__)


def _authorized(one: Certificate) -> str:
    try:
        found = one.tn_auth_list
    except CertificateFormatError:
        return "unreadable"
    if found is None:
        return "none"
    shown = [*found.spcs, *found.numbers, *(f"{each.start}+{each.count}" for each in found.ranges)]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "") or "empty"  # noqa: PLR2004 - a line's worth
