"""What a verification comes out as: the one table of cases, and how several results make one verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stir import errors
from stir.extensions import ATTESTATIONS, Div, Extension, Rcd, Rph, Shaken
from stir.passport import Claims
from stir.policy import TYPES
from stir.trust import Revocation, Signatory


class Verstat(StrEnum):
    """The verification status of a telephone number (3GPP TS 24.229)."""

    PASSED = "TN-Validation-Passed"
    FAILED = "TN-Validation-Failed"
    NONE = "No-TN-Validation"


class PriorityVerstat(StrEnum):
    """
    The verification status of a call's priority.

    The first is in use; for the others no document has a name, and these follow those of numbers.
    """

    PASSED = "RPH-Validation-Passed"
    FAILED = "RPH-Validation-Failed"
    NONE = "No-RPH-Validation"


class Source(StrEnum):
    """Which way the PASSporTs came."""

    IN_BAND = "in-band"
    OOB_V1 = "oob-v1"
    OOB_V2 = "oob-v2"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table of outcomes."""

    id: str
    code: int | None
    """SIP response code, for the Reason header or a refusal."""
    reason: str | None
    verstat: Verstat


PASSED: Final = Case("ok", None, None, Verstat.PASSED)
NO_PASSPORT: Final = Case("none", None, None, Verstat.NONE)
"""There was nothing to verify the calling number by."""

_STALE: Final = (403, "Stale Date", Verstat.NONE)
_BAD_INFO: Final = (436, "Bad identity Info", Verstat.NONE)
_CREDENTIAL: Final = (437, "Unsupported credential", Verstat.NONE)
_INVALID: Final = (438, "Invalid Identity Header", Verstat.NONE)

CASES: Final[dict[type[errors.StirError], Case]] = {
    errors.MalformedError: Case("E4", *_INVALID),
    errors.IdentityError: Case("E4", *_INVALID),
    errors.NotFullFormError: Case("E4", *_INVALID),
    errors.InfoMissingError: Case("E6", *_BAD_INFO),
    errors.UrlError: Case("E7", *_BAD_INFO),
    errors.FetchError: Case("E8", *_BAD_INFO),
    errors.HeaderError: Case("E9", *_BAD_INFO),
    errors.InfoMismatchError: Case("E10", *_BAD_INFO),
    errors.TypError: Case("E11", *_CREDENTIAL),
    errors.AlgorithmError: Case("E12", *_CREDENTIAL),
    errors.UnsupportedParameterError: Case("E5", *_INVALID),
    errors.UnsupportedTypeError: Case("E13", *_INVALID),
    errors.ClaimError: Case("E14", *_INVALID),
    errors.StaleError: Case("E15", *_STALE),
    errors.MismatchError: Case("E16", *_INVALID),
    errors.CertificateFormatError: Case("E17", 437, "Unsupported credential", Verstat.FAILED),
    errors.CertificateError: Case("E17", 437, "Unsupported credential", Verstat.FAILED),
    errors.SignatureError: Case("E18", 438, "Invalid Identity Header", Verstat.FAILED),
    errors.AttestationError: Case("E19", *_INVALID),
    errors.UnavailableError: Case("unavailable", None, None, Verstat.NONE),
    errors.StirError: Case("unavailable", None, None, Verstat.NONE),
}
"""The cases E4 to E19 of ATIS-1000074 and ATIS-1000082, by error class; a class without a row has its parent's."""


@dataclass(frozen=True, slots=True)
class PassportResult:
    """How one PASSporT was judged."""

    ppt: str | None
    case: Case
    detail: str | None = None
    """A sentence for people, or None when all is well."""
    claims: Claims | None = None
    extension: Extension | None = None
    """What its type adds, verified or not: a :class:`Verdict` gives out no more of it than it may."""
    rcd: Rcd | None = None
    """What it says to show of the caller, by its type or in addition to it; verified or not."""
    signatory: Signatory | None = None
    """Who signed it; None unless certificate and signature are good."""
    x5u: str | None = None
    token: str | None = None
    """The PASSporT itself, for whoever has to name it (RFC 9410); never part of the JSON."""
    error: type[errors.StirError] | None = None
    """What went wrong, more exactly than the case tells it."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.case.verstat is Verstat.PASSED

    @property
    def shaken(self) -> Shaken | None:
        """Its claims of type shaken, verified or not."""
        return self.extension if isinstance(self.extension, Shaken) else None

    @property
    def spc(self) -> str | None:
        """The service provider code of its signer."""
        return self.signatory.spc if self.signatory is not None else None

    def as_dict(self) -> dict[str, object]:
        """Return the result as JSON has it."""
        return {
            "ppt": self.ppt,
            "case": self.case.id,
            "code": self.case.code,
            "reason": self.case.reason,
            "error": self.error.code if self.error else None,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    How a call came out, and the result of every PASSporT it had.

    attest, origid and spc are None unless the call passed, so that nobody
    acts on what a PASSporT that was not verified says of its signer.
    """

    decisive: PassportResult
    """The one that decided."""
    source: Source
    passports: tuple[PassportResult, ...]

    @property
    def verstat(self) -> Verstat:
        """The verification status of the calling number."""
        return self.decisive.case.verstat

    @property
    def passed(self) -> bool:
        """Whether the calling number is verified."""
        return self.verstat is Verstat.PASSED

    @property
    def attest(self) -> str | None:
        """The verified attestation of the PASSporT that decided."""
        return self.decisive.shaken.attest if self.passed and self.decisive.shaken else None

    @property
    def origid(self) -> str | None:
        """By which the verified signer finds the call's source again."""
        return self.decisive.shaken.origid if self.passed and self.decisive.shaken else None

    @property
    def spc(self) -> str | None:
        """The service provider code of the verified signer."""
        return self.decisive.spc if self.passed else None

    @property
    def revocation(self) -> Revocation | None:
        """What is known of the revocation of the certificate that decided; None if none was good."""
        return self.decisive.signatory.revocation if self.decisive.signatory is not None else None

    @property
    def priority(self) -> PassportResult | None:
        """The PASSporT that decides on the call's priority; None if there is none. It is apart from the number."""
        judged = [one for one in self.passports if one.ppt == Rph.ppt and one.case.id not in _NOT_JUDGED]
        return min(judged, key=_level, default=None)

    @property
    def diversions(self) -> tuple[PassportResult, ...]:
        """The PASSporTs of diversions, each by itself and in the order given."""
        return tuple(one for one in self.passports if isinstance(one.extension, Div))

    @property
    def rcd(self) -> Rcd | None:
        """
        What may be shown of the caller, from a PASSporT of that type, else from the one that decided.

        Nothing is shown beside a number that failed, whoever vouches for the name.
        """
        if self.verstat is Verstat.FAILED:
            return None
        own = [one for one in self.passports if one.ppt == Rcd.ppt]
        return next((one.rcd for one in (*own, self.decisive) if one.passed and one.rcd is not None), None)

    def as_dict(self) -> dict[str, object]:
        """
        Return the verdict as JSON has it, wherever it appears.

        orig, dest, iat and x5u are what the PASSporT says, verified only when
        the call passed; attest, origid and spc are null unless it did.
        """
        result, claims = self.decisive, self.decisive.claims
        return {
            "verstat": self.verstat.value,
            "code": result.case.code,
            "reason": result.case.reason,
            "case": result.case.id,
            "attest": self.attest,
            "origid": self.origid,
            "orig": claims.orig.value if claims else None,
            "dest": [party.value for party in claims.dest] if claims else [],
            "iat": claims.iat if claims else None,
            "spc": self.spc,
            "x5u": result.x5u,
            "source": self.source.value,
            "revocation": self.revocation.value if self.revocation is not None else None,
            "priority": _priority(self.priority),
            "diversions": [
                {"div": one.extension.as_claim(), "verstat": one.case.verstat.value}
                for one in self.diversions
                if isinstance(one.extension, Div)
            ],
            "rcd": self.rcd.as_dict() if self.rcd is not None else None,
            "passports": [passport.as_dict() for passport in self.passports],
        }


def case_of(error: errors.StirError) -> Case:
    """Return the case that *error* is; every error of the core has one."""
    return next(CASES[kind] for kind in type(error).__mro__ if kind in CASES)


def combine(results: Sequence[PassportResult], source: Source) -> Verdict:
    """
    Return the verdict over all PASSporTs of a call.

    Each is judged on its own, and a broken one never spoils a good one (RFC 8224, section 6.2). One that vouches
    for the number and passes is enough: the shaken one with the highest attestation decides, the first of equals;
    then a base one. If none passes, one that was caught lying (E17, E18) decides, else the first. Types that vouch
    for something else leave the number unverified, and those that are not judged here decide only alone.
    """
    vouching = [one for one in results if one.ppt == Shaken.ppt or one.ppt is None]
    if vouching:
        return Verdict(min(vouching, key=_rank), source, tuple(results))
    if results and not any(one.ppt in TYPES and one.case.id not in _NOT_JUDGED for one in results):
        return Verdict(results[0], source, tuple(results))
    detail = "no PASSporT of this call vouches for its number" if results else "no PASSporT was found for this call"
    return Verdict(PassportResult(None, NO_PASSPORT, detail), source, tuple(results))


_NOT_JUDGED: Final = frozenset({"E5", "E13"})
_LEVELS: Final = {Verstat.PASSED: 0, Verstat.FAILED: 1, Verstat.NONE: 2}
_PRIORITY: Final = {
    Verstat.PASSED: PriorityVerstat.PASSED,
    Verstat.FAILED: PriorityVerstat.FAILED,
    Verstat.NONE: PriorityVerstat.NONE,
}


def _level(result: PassportResult) -> int:
    return _LEVELS[result.case.verstat]


def _rank(result: PassportResult) -> tuple[int, int]:
    if not result.passed:
        return _level(result), 0  # what a PASSporT says that did not pass does not count
    return 0, ATTESTATIONS.index(result.shaken.attest) if result.shaken else len(ATTESTATIONS)


def _priority(result: PassportResult | None) -> dict[str, object] | None:
    """Return the priority as JSON has it; what is not verified is not handed out."""
    if result is None:
        return None
    rph = result.extension if result.passed and isinstance(result.extension, Rph) else None
    return {
        "verstat": _PRIORITY[result.case.verstat].value,
        "auth": list(rph.auth) if rph is not None else [],
        "sph": rph.sph if rph is not None else None,
    }
