"""What the checks look at that need no certificate."""

from collections.abc import Sequence
from datetime import UTC, datetime

from stir.checks.subject import Look, Subject, instant, text
from stir.diversion import reach
from stir.errors import StirError, UrlError
from stir.extensions import ATTESTATIONS, Div, Rph
from stir.jws import ALGORITHM
from stir.passport import TYP
from stir.tn import Party

_PORTS = 8
"""More allowed ports than these are not listed."""


def form(subject: Subject) -> Look:
    """In full form, alone or in a header field that can be read."""
    parts = subject.value.partition(";")[0].strip().split(".")
    where = "header field" if ";" in subject.value else "PASSporT alone"
    lengths = " + ".join(str(len(part)) for part in parts[:4])
    wanted = "3 parts of base64url, none empty" if len(parts) != 3 or not all(parts) else "3 parts of base64url"  # noqa: PLR2004 - header, payload, signature
    return Look(f"{where}: {len(parts)} parts of {lengths} characters; wanted {wanted}")


def ppt_parameter(subject: Subject) -> Look:
    """The header field's own ppt names a type that is judged."""
    if subject.parameters is None:
        return _ALONE
    ppt = subject.parameters.ppt
    judged = ", ".join(sorted(subject.context.verifier.policy.types))
    return Look(f"ppt={ppt or 'not given'}; judged are {judged}")


def info(subject: Subject) -> Look:
    """There is an info parameter."""
    if subject.parameters is None:
        return _ALONE
    return Look("info is given" if _info(subject) else "no info=<URL> that can be read in the header field")


def info_url(subject: Subject) -> Look:
    """The info may be fetched."""
    if subject.parameters is None:
        return _ALONE
    return _url(subject, _info(subject))


def header(subject: Subject) -> Look:
    """The token's header has alg, ppt, typ and x5u."""
    return Look("; ".join(f"{name}: {subject.member(name)}" for name in ("alg", "ppt", "typ", "x5u")))


def payload(subject: Subject) -> Look:
    """The payload is a JSON object."""
    members = subject.seen.payload
    return Look("not a JSON object" if members is None else f"members: {', '.join(members)}", members is not None)


def same_url(subject: Subject) -> Look:
    """Header field and token name one certificate."""
    if subject.parameters is None:
        return _ALONE
    own, named = subject.member("x5u"), _info(subject)
    return Look(f"both are {own}" if own == named else f"info: {named}; x5u: {own}")


def x5u_url(subject: Subject) -> Look:
    """Without a header field, x5u may be fetched."""
    if subject.parameters is not None:
        return Look("x5u is info, which was looked at before", needed=False)
    return _url(subject, subject.member("x5u"))


def typ(subject: Subject) -> Look:
    """The token is a PASSporT."""
    return Look(f"typ: {subject.member('typ')}; wanted {TYP}")


def alg(subject: Subject) -> Look:
    """Signed with ES256, in the header field too."""
    given = f"; in the header field: {subject.parameters.alg}" if subject.parameters else ""
    return Look(f"alg: {subject.member('alg')}{given}; wanted {ALGORITHM}")


def ppt(subject: Subject) -> Look:
    """The token's type is judged, and is the one that the header field names."""
    named = subject.parameters.ppt if subject.parameters else None
    given = f"; in the header field: {named}" if named else ""
    judged = ", ".join(sorted(subject.context.verifier.policy.types))
    return Look(f"ppt: {subject.member('ppt')}{given}; judged are {judged}")


def claims(subject: Subject) -> Look:
    """All claims of the type are there, in the right form."""
    members = subject.seen.payload or {}
    return Look("; ".join(f"{name}: {text(value)}" for name, value in members.items()) or "there are none")


def freshness(subject: Subject) -> Look:
    """The PASSporT is fresh."""
    found, at = subject.result.claims, subject.context.at
    if found is None:
        return Look("iat cannot be read")
    window = subject.context.verifier.policy.freshness.window.total_seconds()
    age = (at - datetime.fromtimestamp(found.iat, UTC)).total_seconds()
    when = f"{age:.0f} s before" if age >= 0 else f"{-age:.0f} s after"
    return Look(f"iat: {found.iat} = {instant(found.iat)}, {when} {at:%FT%TZ}; limit {window:.0f} s either way")


def call(subject: Subject) -> Look:
    """The claims are about this call."""
    found, wanted = subject.result.claims, subject.context.call
    if found is None:
        return Look("the claims cannot be read")
    compared = (
        f"orig: {found.orig.value}, calling number: {wanted.orig.value}; "
        f"dest: {_parties(found.dest)}, called number: {wanted.dest.value}"
    )
    notes = _diversions(subject)
    extension = subject.result.extension
    if isinstance(extension, Rph) and wanted.resource_priority:
        asked = ", ".join(wanted.resource_priority)
        notes = (*notes, f"rph.auth: {', '.join(extension.auth)}; Resource-Priority: {asked}")
    return Look(compared, notes=notes)


def attestation(subject: Subject) -> Look:
    """The level of attestation is one that counts."""
    shaken = subject.result.shaken
    if shaken is None:
        return Look("this type has no attestation", needed=False)
    accepted = subject.context.verifier.policy.attestations
    return Look(f"attest: {shaken.attest}; accepted: {', '.join(one for one in ATTESTATIONS if one in accepted)}")


def bound(subject: Subject) -> Look:
    """With the diversions whose signatures are good, it still is about this call."""
    notes = _diversions(subject)
    return Look("the diversions with good signatures lead back from the called number", notes=notes, needed=bool(notes))


_ALONE = Look("there is no header field", needed=False)


def _info(subject: Subject) -> str | None:
    try:
        return subject.parameters.require_info() if subject.parameters else None
    except StirError:
        return None


def _url(subject: Subject, url: str | None) -> Look:
    policy = subject.context.verifier.x5u
    ports = ", ".join(map(str, sorted(policy.ports))) if len(policy.ports) <= _PORTS else "any"
    wanted = f"wanted https, port {ports}, a path, no query, no user part"
    try:
        policy.check(url or "")
    except UrlError:
        return Look(f"{url or 'not in angle brackets'}; {wanted}", holds=False)
    return Look(f"{url}; {wanted}", holds=True)


def _diversions(subject: Subject) -> tuple[str, ...]:
    """Tell from which numbers the call came to the called one."""
    called = subject.context.call.dest
    if not subject.links:
        return ()
    reached = reach(called, subject.links)
    told = [f"sent on from {link.div.value} to {_parties(link.dest)}" for link in subject.links]
    back = ", ".join(f"{party.value} ({count} back)" for party, count in reached.diversions.items() if count)
    own = subject.result.extension
    if isinstance(own, Div):
        told.append(f"this one: from {own.div.value}")
    return (*told, f"the called number is reached from: {back or 'itself alone'}")


def _parties(parties: Sequence[Party]) -> str:
    return ", ".join(party.value for party in parties)
