"""The list of the demo's calls."""

import io
from dataclasses import replace

from cps_client.lab.calls import CALLS, another_caller
from cps_client.lab.rows import Check, Report, Row
from cps_client.lab.table import WIDTH, show
from cps_client.lab.tdm import Invite

PASSING = [call for call in CALLS if call.expected.verstat == "TN-Validation-Passed"]


def test_the_list_has_what_must_be_shown() -> None:
    """At least ten calls, at least four of which pass, at all three levels, one with two PASSporTs in a publish."""
    assert 10 <= len(CALLS) == len({call.name for call in CALLS})
    assert 4 <= len(PASSING)
    assert {"A", "B", "C"} == {call.expected.attest for call in PASSING}
    assert 2 == next(call for call in CALLS if call.name == "two PASSporTs").expected.passports


def test_every_way_of_failing_is_there() -> None:
    """Every verstat, every SIP code of the table that the demo can reach, and every kind of refusal."""
    expected = [call.expected for call in CALLS]

    assert {403, 437, 438, None} == {one.code for one in expected}
    assert {"TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation", None} == {
        one.verstat for one in expected
    }
    assert {200, 201, 400, 401, 403, 404, None} == {status for one in expected for status in one.statuses}


def test_no_call_that_fails_claims_an_attestation() -> None:
    """An attestation is only expected of calls that pass, and a SIP code only of those that do not."""
    for call in CALLS:
        assert (call in PASSING) == (call.expected.attest is not None)
        assert call not in PASSING or call.expected.code is None


def test_the_table_fits_a_terminal() -> None:
    """With every call as it must be, or wrong, and slow, no line of the table is longer than 120 columns."""
    rows = tuple(Row(call.name, call.done, call.expected, call.expected, 9999) for call in CALLS)
    wrong = (replace(rows[0], expected=replace(rows[0].expected, attest="B")), *rows[1:])
    for each in (rows, wrong):
        file = io.StringIO()
        show(Report(each, (Check("c", holds=True, detail="d"),), 1), file)
        assert WIDTH >= max(len(line) for line in file.getvalue().splitlines() if not line.startswith("Row "))


def test_another_caller_is_another_one() -> None:
    """The number used for a spoofed call is none of those that the calls have."""
    originals = {f"{12155550100 + place}" for place in range(len(CALLS) + 1)}

    assert originals.isdisjoint(another_caller(Invite(orig, "1")) for orig in originals)
