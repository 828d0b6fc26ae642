"""
How the PASSporTs of a call are judged together (RFC 8224, section 6.2; RFC 8946, section 4.2).

Each is read by itself; then their claims tell which are about the call at all, so that nothing is fetched for
the others; and once certificates and signatures of the rest are known, it is told again by those that hold.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from stir import extensions, limits
from stir.decode import decode
from stir.diversion import Link, Reach, reach
from stir.errors import ClaimError, MismatchError, StirError
from stir.extensions import Div, DivO, Extension, Rph
from stir.extensions.rph import is_emergency
from stir.passport import Claims
from stir.trust import Signatory
from stir.verdict import PASSED, PassportResult, case_of
from stir.verify import Call, Candidate, Verifier


@dataclass(frozen=True, slots=True)
class Refusal:
    """A PASSporT that is refused, and why."""

    value: str
    error: StirError
    candidate: Candidate | None = None
    """As what it was read, if it was readable."""


Reading = Candidate | Refusal


def read_call(verifier: Verifier, values: Iterable[str], call: Call, *, at: datetime) -> list[Reading]:
    """
    Read the PASSporTs of *call*, and those inside them, as far as that goes without certificates.

    Args:
        verifier: Judges each by itself.
        values: Identity header field values, or PASSporTs alone.
        call: The call in progress.
        at: Aware UTC instant at which they must be fresh.

    Returns:
        One reading for each, in order; that of a div-o is followed by that of the one inside it.
    """
    readings = [reading for value in values for reading in _unfold(verifier, value, call, at)]
    errors = iter(bind([reading for reading in readings if isinstance(reading, Candidate)], call))
    return [_bound(reading, next(errors)) if isinstance(reading, Candidate) else reading for reading in readings]


def bind(candidates: Sequence[Candidate], call: Call) -> list[MismatchError | None]:
    """Return for each of *candidates*, all of which hold, None or why it is not about *call* (E16)."""
    links = [
        Link(candidate.claims.dest, candidate.extension.div)
        for candidate in candidates
        if isinstance(candidate.extension, Div) and candidate.claims.orig == call.orig
    ]
    reached = reach(call.dest, links)
    details = [_mismatch(candidate, call, reached) for candidate in candidates]
    return [None if detail is None else MismatchError(detail) for detail in details]


def conclude(
    readings: Sequence[Reading], found: Sequence[Signatory | StirError | None], call: Call
) -> list[PassportResult]:
    """
    Return how each PASSporT of *call* comes out.

    Args:
        readings: As :func:`read_call` returned them.
        found: For each candidate its signer, or why there is none; None for the others.
        call: The call in progress.
    """
    pairs = list(zip(readings, found, strict=True))
    holding = [one for one, signer in pairs if isinstance(one, Candidate) and isinstance(signer, Signatory)]
    # A diversion whose signature is bad leads nowhere, and what is behind it is not about this call.
    is_broken = any(
        isinstance(one, Candidate) and isinstance(one.extension, Div) and not isinstance(signer, Signatory)
        for one, signer in pairs
    )
    errors = iter(bind(holding, call) if is_broken else [None] * len(holding))
    return [
        _result(reading, signer, next(errors) if isinstance(signer, Signatory) else None) for reading, signer in pairs
    ]


def _unfold(verifier: Verifier, value: str, call: Call, at: datetime, depth: int = 0) -> Iterator[Reading]:
    """Yield the reading of *value*, and if it is a div-o, of the one inside it (RFC 8946, section 5)."""
    try:
        candidate = verifier.read_identity(value, call, at=at)
    except StirError as error:
        yield Refusal(value, error)
        return
    if not isinstance(candidate.extension, DivO):
        yield candidate
    elif depth == limits.DIV_O_DEPTH:
        yield Refusal(value, ClaimError(f"there are more than {depth} div-o PASSporTs inside each other"), candidate)
    else:
        inner = list(_unfold(verifier, candidate.extension.opt, call, at, depth + 1))
        yield _bound(candidate, _misfit(candidate.claims, candidate.extension, inner[0]))
        yield from inner


def _misfit(claims: Claims, extension: DivO, inner: Reading) -> MismatchError | None:
    """Return why a div-o does not continue the call of the PASSporT inside it, if that could be read."""
    candidate = inner if isinstance(inner, Candidate) else inner.candidate
    if candidate is None or (candidate.claims.orig == claims.orig and extension.div in candidate.claims.dest):
        return None
    return MismatchError("the PASSporT in opt is about another call than this div-o")


def _mismatch(candidate: Candidate, call: Call, reached: Reach) -> str | None:
    """Return in what the claims of *candidate* differ from *call*."""
    claims, extension = candidate.claims, candidate.extension
    if claims.orig != call.orig:
        return "orig is not the calling number"
    if isinstance(extension, Div):
        uses = reached.uses(Link(claims.dest, extension.div))
        return None if uses else "no diversion leads from this one to the called number"
    asked = extension.exceeded(call.resource_priority, call.priority) if isinstance(extension, Rph) else None
    if asked is not None or reached.has(claims.dest):
        return asked
    if isinstance(extension, Rph) and is_emergency(call.dest) and any(map(is_emergency, claims.dest)):
        return None
    return "dest does not have the called number, and no diversion leads from there to it"


def _bound(candidate: Candidate, error: MismatchError | None) -> Reading:
    return candidate if error is None else Refusal(candidate.passport.token, error, candidate)


def _result(reading: Reading, signer: Signatory | StirError | None, mismatch: MismatchError | None) -> PassportResult:
    if isinstance(reading, Refusal):
        candidate = reading.candidate
        return _seen(reading.value, reading.error) if candidate is None else _of(candidate, reading.error)
    if isinstance(signer, Signatory):
        return _of(reading, mismatch, signer)
    return _of(reading, signer)


def _of(candidate: Candidate, error: StirError | None, signatory: Signatory | None = None) -> PassportResult:
    return PassportResult(
        ppt=candidate.passport.ppt,
        case=PASSED if error is None else case_of(error),
        detail=error.detail if error is not None else None,
        claims=candidate.claims,
        extension=candidate.extension,
        rcd=candidate.rcd,
        signatory=signatory,
        x5u=candidate.passport.x5u,
        token=candidate.passport.token,
        error=type(error) if error is not None else None,
    )


def _seen(value: str, error: StirError) -> PassportResult:
    """Return the outcome *error*, with what could be read of the PASSporT, for whoever asks why."""
    seen = decode(value)
    ppt = seen.passport.ppt if seen.passport else None
    extension: Extension | None = None
    if seen.passport is not None:
        try:
            extension = extensions.read(seen.passport)
        except ClaimError:
            extension = None
    return PassportResult(
        ppt=ppt or (seen.identity.ppt if seen.identity else None),
        case=case_of(error),
        detail=error.detail,
        claims=seen.claims,
        extension=extension,
        x5u=seen.passport.x5u if seen.passport else None,
        token=value.partition(";")[0].strip(),
        error=type(error),
    )
