"""
Why a verdict is what it is: the verifier's checks in their order, with what each compared, and where it stopped.

All of this is derived from the verdict and from what it was made with, so that verifying costs nothing for it.
It shows numbers, and is for the eyes of whoever may see the call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stir import errors
from stir.checks import certificates, claims
from stir.checks.subject import Check, Context, Look, Subject
from stir.decode import decode
from stir.diversion import Link
from stir.errors import StirError
from stir.extensions import Div
from stir.identity import Parameters
from stir.verdict import PassportResult, Verdict

__all__ = ["Context", "Explanation", "Outcome", "Step", "explain"]


class Outcome(StrEnum):
    """How a step came out."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Step:
    """One check of one PASSporT."""

    number: int
    name: str
    clause: str
    outcome: Outcome
    compared: str | None = None
    """Values, and with what they were compared; None where nothing was."""
    notes: tuple[str, ...] = ()
    why: str | None = None
    """Why the verifier stopped here."""

    def as_dict(self) -> dict[str, object]:
        """Return the step as JSON has it."""
        return {
            "number": self.number,
            "step": self.name,
            "clause": self.clause,
            "outcome": self.outcome.value,
            "compared": self.compared,
            "notes": list(self.notes),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """All steps of one PASSporT."""

    result: PassportResult
    steps: tuple[Step, ...]

    @property
    def stopped(self) -> Step | None:
        """The step at which the verifier stopped; None if it went through."""
        return next((step for step in self.steps if step.outcome is Outcome.FAILED), None)

    def as_dict(self) -> dict[str, object]:
        """Return the explanation as JSON has it."""
        return {
            "ppt": self.result.ppt,
            "case": self.result.case.id,
            "steps": [step.as_dict() for step in self.steps],
        }


_ROWS: Final[tuple[tuple[str, Check, str], ...]] = (
    ("form", claims.form, "RFC 8224, section 4; RFC 8225, section 7; ATIS-1000074, E4"),
    ("ppt parameter", claims.ppt_parameter, "RFC 8224, section 6.2; ATIS-1000074, E5"),
    ("info", claims.info, "RFC 8224, section 4; ATIS-1000074, E6"),
    ("info URL", claims.info_url, "ATIS-1000074, E7"),
    ("header", claims.header, "RFC 8225, section 4; ATIS-1000074, E9"),
    ("payload", claims.payload, "RFC 8225, section 5; ATIS-1000074, E14"),
    ("info = x5u", claims.same_url, "RFC 8224, section 4; ATIS-1000074, E10"),
    ("x5u URL", claims.x5u_url, "ATIS-1000074, E7"),
    ("typ", claims.typ, "RFC 8225, section 4.1; ATIS-1000074, E11"),
    ("alg", claims.alg, "RFC 8225, section 4.2; ATIS-1000074, E12"),
    ("ppt", claims.ppt, "RFC 8225, section 8.1; ATIS-1000074, E13"),
    ("claims", claims.claims, "RFC 8225, section 5; RFC 8588, section 4; ATIS-1000074, E14"),
    ("freshness", claims.freshness, "RFC 8224, section 6.2; ATIS-1000074, E15"),
    ("call", claims.call, "RFC 8224, section 6.2; RFC 8946, section 4.2; ATIS-1000074, E16"),
    ("trusted roots", certificates.roots, "ATIS-1000084"),
    ("fetch", certificates.fetch, "RFC 8224, section 6.2; ATIS-1000074, E8"),
    ("certificate", certificates.leaf, "RFC 5280, sections 4.1.2.1, 4.2 and 4.2.1.9; ATIS-1000074, E17"),
    ("path", certificates.path, "RFC 5280, section 6.1; ATIS-1000074, E17"),
    ("revocation", certificates.revocation, "RFC 5280, section 6.3; ATIS-1000080; ATIS-1000074, E17"),
    ("delegation", certificates.delegation, "RFC 9060, section 5; ATIS-1000092; ATIS-1000074, E17"),
    (
        "profile",
        certificates.profile,
        "ATIS-1000080, section 6.4.1; ATIS-1000074, E17",
    ),
    ("valid at iat", certificates.valid_then, "RFC 5280, section 6.1.3; ATIS-1000074, E17"),
    ("scope", certificates.scope, "RFC 8224, section 6.2; RFC 8226, section 9; ATIS-1000074, E17"),
    ("claim constraints", certificates.constraints, "RFC 8226, section 8; RFC 9118; ATIS-1000074, E17"),
    ("signature", certificates.signature, "RFC 8225, section 6; RFC 7518, section 3.4; ATIS-1000074, E18"),
    ("attestation", claims.attestation, "RFC 8588, section 4; ATIS-1000074, E19"),
    ("diversions", claims.bound, "RFC 8946, section 4.2; ATIS-1000074, E16"),
)
_PLACES: Final = {name: place for place, (name, _, _) in enumerate(_ROWS)}

_STOPS: Final[dict[type[StirError], tuple[str, ...]]] = {
    errors.StirError: ("fetch",),
    errors.MalformedError: ("form",),
    errors.InfoMissingError: ("info",),
    errors.UrlError: ("info URL", "x5u URL", "fetch"),
    errors.HeaderError: ("header",),
    errors.ClaimError: ("payload", "claims"),
    errors.CertificateFormatError: ("fetch", "profile"),
    errors.TNAuthListError: ("fetch", "delegation", "profile"),
    errors.InfoMismatchError: ("info = x5u",),
    errors.TypError: ("typ",),
    errors.AlgorithmError: ("alg",),
    errors.UnsupportedTypeError: ("ppt",),
    errors.UnsupportedParameterError: ("ppt parameter",),
    errors.StaleError: ("freshness",),
    errors.MismatchError: ("call",),
    errors.CertificateError: ("profile",),
    errors.UntrustedError: ("path",),
    errors.ExpiredError: ("path", "valid at iat"),
    errors.RevokedError: ("revocation",),
    errors.ProfileError: ("certificate", "delegation", "profile"),
    errors.ScopeError: ("delegation", "scope"),
    errors.ConstraintError: ("claim constraints",),
    errors.SignatureError: ("signature",),
    errors.AttestationError: ("attestation",),
    errors.NoTrustError: ("trusted roots",),
}
"""By error class, the steps that can end with it, in their order; a class without a row has its parent's."""


def explain(verdict: Verdict, values: Sequence[str], context: Context) -> tuple[Explanation, ...]:
    """
    Return the steps of each PASSporT of *verdict*, in its order.

    Args:
        verdict: As it was made, under whatever profile.
        values: The Identity header field values or PASSporTs that it was made of.
        context: What else it was made with.
    """
    came = _values_of(verdict.passports, list(values))
    return tuple(
        _explanation(result, value, verdict, context) for result, value in zip(verdict.passports, came, strict=True)
    )


def _explanation(result: PassportResult, value: str, verdict: Verdict, context: Context) -> Explanation:
    links = tuple(_links(verdict, context, held=result.signatory is not None))
    subject = Subject(value, _parameters(value), decode(result.token or value), result, links, context)
    looks = [check(subject) for _, check, _ in _ROWS]
    return Explanation(result, tuple(_steps(result, looks, _stop(result, looks))))


def _steps(result: PassportResult, looks: Sequence[Look], stop: int) -> Iterator[Step]:
    for place, ((name, _, clause), look) in enumerate(zip(_ROWS, looks, strict=True)):
        if place > stop:
            yield Step(place + 1, name, clause, Outcome.NOT_REACHED)
        elif place == stop:
            yield Step(place + 1, name, clause, Outcome.FAILED, look.compared, look.notes, result.detail)
        else:
            outcome = Outcome.PASSED if look.needed else Outcome.NOT_NEEDED
            yield Step(place + 1, name, clause, outcome, look.compared, look.notes)


def _stop(result: PassportResult, looks: Sequence[Look]) -> int:
    """Return the place of the step that failed, or one past the last: of several, the first that does not hold."""
    if result.error is None:
        return len(_ROWS)
    if issubclass(result.error, errors.MismatchError) and result.signatory is not None:
        return _PLACES["diversions"]
    kind = next(kind for kind in result.error.__mro__ if kind in _STOPS)
    *others, last = (_PLACES[name] for name in _STOPS[kind])
    return next((place for place in others if looks[place].needed and looks[place].holds is False), last)


def _values_of(results: Sequence[PassportResult], values: list[str]) -> Iterator[str]:
    """Yield for each result, in order, the value in which it came; what was inside a div-o came alone."""
    for result in results:
        token = result.token or ""
        place = next((place for place, value in enumerate(values) if _carries(value, token)), None)
        yield token if place is None else values[place]
        del values[: 0 if place is None else place + 1]


def _carries(value: str, token: str) -> bool:
    """Tell whether *value* holds *token*, or the compact form of which it was restored."""
    own = value.partition(";")[0].strip()
    return own == token or (own.startswith("..") and token.endswith(own[1:]))


def _parameters(value: str) -> Parameters | None:
    if ";" not in value:
        return None
    try:
        return Parameters.parse(value)
    except StirError:
        return None


def _links(verdict: Verdict, context: Context, *, held: bool) -> Iterator[Link]:
    """Yield the diversions of the call: those that could be read, or those with good signatures."""
    for one in verdict.passports:
        counts = one.signatory is not None if held else _was_read(one)
        if counts and isinstance(one.extension, Div) and one.claims and one.claims.orig == context.call.orig:
            yield Link(one.claims.dest, one.extension.div)


def _was_read(result: PassportResult) -> bool:
    if result.error is None:
        return True
    kind = next(kind for kind in result.error.__mro__ if kind in _STOPS)
    return _PLACES[_STOPS[kind][0]] >= _PLACES["call"]
