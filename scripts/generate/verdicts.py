"""Write the reference page of verdicts from the table of cases and its profiles; --check only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stir.errors import StirError
from stir.profiles import ATIS, PROFILES, Profile
from stir.verdict import CASES, Case

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "verdicts.md"

HEAD: Final = """\
<!-- Made by scripts/generate/verdicts.py from stir/verdict.py and stir/profiles.py. Do not edit. -->

# Verdicts

A verdict says how the calling number of one call came out. `case` is the row of the table of ATIS-1000074 and
ATIS-1000082 by which the deciding PASSporT was judged, or a word for what that table does not have. `code` and
`reason` are for a SIP response or a Reason header field; `null` means that there is nothing to answer. E1 to E3 are
answers of a signing or verification API, not verdicts.

Each entry of `passports` has its own `case`, and in `error` a code that is more exact than the case.
[From a verdict to its cause](../how-to/why-unverified.md).

The order of the rows is the order of the checks, except that E8 comes after E16: nothing is fetched for a PASSporT that
is refused anyway.

## Profiles

`cps-client verify --profile NAME` chooses by which table a verdict is told. The case stays the same in all.
"""

MEANINGS: Final[dict[str, str]] = {
    "E4": "not in full form, or no Identity header field at all",
    "E5": "the header field's ppt names no type that is judged",
    "E6": "the header field has no info",
    "E7": "info or x5u is a URL that is never fetched",
    "E8": "the certificate cannot be fetched",
    "E9": "the token's header lacks alg, ppt, typ or x5u",
    "E10": "x5u is not info",
    "E11": "typ is not passport",
    "E12": "alg is not ES256",
    "E13": "the token's ppt names no type that is judged, or not the one of the header field",
    "E14": "a claim is missing or of the wrong type",
    "E15": "iat is not fresh",
    "E16": "the claims are about another call",
    "E17": "the certificate does not make its holder a signer",
    "E18": "the signature is not by the certificate's key",
    "E19": "attest is no level that is accepted",
    "ok": "verified",
    "none": "no PASSporT vouches for the number",
    "anonymous": "the call has no calling number",
    "unavailable": "we could not find out: our own trust material, or the CPS",
}
"""What each case says."""


def page() -> str:
    """Return the text of the page."""
    return HEAD + "".join(section(profile) for profile in PROFILES.values()) + errors()


def section(profile: Profile) -> str:
    """Return the table of one profile; of those that change few rows, only these."""
    rows = list(profile.table())
    if profile is not ATIS and len(profile.rows) < len(rows) // 2:
        rows = [row for row in rows if row.id in profile.rows]
    head = f"\n### `{profile.name}`\n\n{profile.summary}\n\n"
    head += "| case | when | code | reason | verstat |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(map(line, rows))


def line(case: Case) -> str:
    """Return a row."""
    code, reason = case.code or "", case.reason or ""
    return f"| {case.id} | {MEANINGS[case.id]} | {code} | {reason} | {case.verstat} |\n"


def errors() -> str:
    """Return the table of error codes."""
    head = "\n## Error codes\n\n| error | case | what went wrong |\n| --- | --- | --- |\n"
    return head + "".join(f"| `{kind.code}` | {case} | {_summary(kind)} |\n" for kind, case in kinds())


def kinds() -> Iterator[tuple[type[StirError], str]]:
    """Yield every error that can end a verification, with its case, in the order of the table."""
    order = [case.id for case in ATIS.table()]
    found = {kind: case.id for kind in _tree(StirError) if (case := _case(kind)) is not None}
    yield from sorted(found.items(), key=lambda item: (order.index(item[1]), item[0].code))


def _case(kind: type[StirError]) -> Case | None:
    """Return the case of *kind*; None for what only a CPS or a list of certificates comes out as."""
    if kind is StirError or kind.code in _ELSEWHERE:
        return None
    return next(CASES[one] for one in kind.__mro__ if one in CASES)


_ELSEWHERE: Final = frozenset(
    {
        *(
            "malformed",
            "malformed-json",
            "malformed-number",
            "malformed-passport",
            "malformed-crl",
            "malformed-ca-list",
        ),
        *("not-verified", "list-refused", "store-unavailable", "bad-certificate"),
        *("token", "unauthenticated", "replayed-token", "forbidden"),
    }
)
"""Errors that end no verification: their subclasses do, or somebody else's work."""


def _tree(kind: type[StirError]) -> Iterator[type[StirError]]:
    """Yield *kind* and the classes of the core below it."""
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == StirError.__module__:
            yield from _tree(below)


def _summary(kind: type[StirError]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0].rstrip(".").replace("``", "`")


def main() -> int:
    """Write the page, or with ``--check`` only compare."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page())
        return 0
    if PAGE.is_file() and PAGE.read_text() == page():
        return 0
    print(f"{PAGE.name} is out of date: run .venv/bin/python scripts/generate/verdicts.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
