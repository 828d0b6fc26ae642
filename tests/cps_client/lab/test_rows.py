"""A demo's rows, and what counts as coming out as they must."""

from dataclasses import replace

import pytest

from cps_client.lab.rows import Check, Outcome, Report, Row

PASSED = Outcome((201, 200), "TN-Validation-Passed", None, "A", 1)
ROW = Row("plain call", "published, retrieved", PASSED, PASSED, 12.34)
CHECK = Check("database", holds=True, detail="nothing readable")


@pytest.mark.parametrize(
    "came",
    [
        replace(PASSED, statuses=(201,)),
        replace(PASSED, statuses=(201, 404)),
        replace(PASSED, verstat="TN-Validation-Failed"),
        replace(PASSED, code=438),
        replace(PASSED, attest="B"),
        replace(PASSED, passports=2),
        Outcome(),
    ],
)
def test_every_difference_is_wrong(came: Outcome) -> None:
    """A row is right only when statuses, verstat, code, attestation and count are all as expected."""
    assert ROW.as_it_must
    assert not replace(ROW, came=came).as_it_must


def test_a_problem_is_wrong_whatever_came() -> None:
    """A row during which something broke is wrong."""
    assert not replace(ROW, problem="LabError: the CPS died").as_it_must


def test_one_wrong_row_spoils_the_report() -> None:
    """A report is right only with rows and checks, all of them right."""
    wrong = replace(ROW, came=Outcome())

    assert Report((ROW, ROW), (CHECK,), 1).as_it_must
    assert not Report((ROW, wrong), (CHECK,), 1).as_it_must
    assert not Report((ROW,), (replace(CHECK, holds=False),), 1).as_it_must
    assert not Report((), (CHECK,), 1).as_it_must
    assert not Report((ROW,), (), 1).as_it_must


def test_a_report_is_one_json_object() -> None:
    """The JSON has every row with what came and what had to come, the checks, and the sum of it."""
    came = {"http": [201, 200], "verstat": "TN-Validation-Passed", "code": None, "attest": "A", "passports": 1}

    assert {
        "rows": [
            {
                "call": "plain call",
                "done": "published, retrieved",
                **came,
                "milliseconds": 12.3,
                "expected": came,
                "problem": None,
                "ok": True,
            }
        ],
        "checks": [{"check": "database", "detail": "nothing readable", "ok": True}],
        "seconds": 1.23,
        "ok": True,
    } == Report((ROW,), (CHECK,), 1.234).as_dict()


def test_cells_without_a_value_show_a_dash() -> None:
    """What a call does not have shows as a dash."""
    assert ("", "-", "-") == (Outcome().http, Outcome().result, Outcome().sip)
    assert "201 201 404×3 -" == Outcome((201, 201, 404, 404, 404, None)).http
    assert ("201 200", "TN-Validation-Passed A", "-") == (PASSED.http, PASSED.result, PASSED.sip)
    assert "438" == replace(PASSED, code=438).sip
