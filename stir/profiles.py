"""
The table of cases under other names: which code, text and verstat a case has for whom.

A verdict is made by the rows of :data:`stir.verdict.CASES`. A profile replaces some of them; the id of a case, by
which logs and people refer to it, is the same in all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from stir.verdict import CASES, NO_PASSPORT, PASSED, Case, PassportResult, Verdict, Verstat, combine

NO_CALLER: Final = Case("anonymous", None, None, Verstat.NONE)
"""The call has no calling number with which a PASSporT could be compared."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One way of telling how a verification came out."""

    name: str
    summary: str
    """A sentence for the reference page."""
    rows: Mapping[str, Case] = field(default_factory=dict)
    """By id, the rows that stand in place of the usual ones."""

    def case(self, case: Case) -> Case:
        """Return what *case* is in this profile."""
        return self.rows.get(case.id, case)

    def table(self) -> Iterator[Case]:
        """Yield every case that a verdict can have, in the order of the standard's table, then those beside it."""
        cases = {case.id: case for case in CASES.values()}
        numbered = sorted(case.id for case in cases.values() if case.id[1:].isdigit())
        for name in sorted(numbered, key=lambda name: int(name[1:])):
            yield self.case(cases.pop(name))
        for case in (PASSED, NO_PASSPORT, NO_CALLER, *cases.values()):
            yield self.case(case)


def under(profile: Profile, verdict: Verdict) -> Verdict:
    """Return *verdict* with the codes, texts and verstats of *profile*, which may make another PASSporT decide."""
    passports = tuple(_under(profile, result) for result in verdict.passports)
    decisive = combine(passports, verdict.source).decisive if passports else verdict.decisive
    return replace(verdict, decisive=_under(profile, decisive), passports=passports)


def _under(profile: Profile, result: PassportResult) -> PassportResult:
    case = profile.case(result.case)
    return result if case is result.case else replace(result, case=case)


def _rows(rows: Mapping[str, tuple[int, str]]) -> dict[str, Case]:
    """Return *rows*, by ids with spaces between them, as cases with the verstats that they have anyway."""
    usual = {case.id: case for case in (*CASES.values(), NO_PASSPORT, NO_CALLER)}
    return {
        name: Case(name, code, text, usual[name].verstat)
        for names, (code, text) in rows.items()
        for name in names.split()
    }


ATIS: Final = Profile("atis", "The table of ATIS-1000074 and ATIS-1000082; the default.")

ATIS_MISMATCH_FAILED: Final = Profile(
    "atis-mismatch-failed",
    "The same, but a PASSporT about another call is TN-Validation-Failed, as several products have it.",
    {"E16": Case("E16", 438, "Invalid Identity Header", Verstat.FAILED)},
)

ASTERISK: Final = Profile(
    "asterisk",
    "The codes that Asterisk answers with; the verstats are those of `atis`.",
    _rows(
        {
            "none": (428, "Use Identity Header"),
            "anonymous": (433, "Anonymity Disallowed"),
            "E15": (403, "Stale Date"),
            "E8": (436, "Bad Identity Info"),
            "E17": (437, "Unsupported Credential"),
            "E4 E5 E6 E7 E9 E10 E11 E12 E13 E14 E16 E18 E19": (438, "Invalid Identity Header"),
        }
    ),
)

PROFILES: Final[Mapping[str, Profile]] = {profile.name: profile for profile in (ATIS, ATIS_MISMATCH_FAILED, ASTERISK)}
"""All profiles, by name."""
