"""Who may sign what at which level: the decision table of a gateway, row by row."""

from itertools import product

import pytest

from cps_client.attestation import TABLE, Callers, Policy, Situation, decide
from cps_client.numberlist import NumberList
from stir.tn import Party

CALLER, CALLED, URI = Party.tn("12155550100"), Party.tn("12155551212"), Party.uri("sip:a@example.com")
NUMBERS = NumberList([("12155550100", "12155550109")])
SUBSCRIBERS = Policy(callers=Callers.SUBSCRIBERS, numbers=NUMBERS, attest="A")
CARRIER = Policy(callers=Callers.CARRIER, numbers=NUMBERS, attest="A")


@pytest.mark.clause("use-1.2-table", "use-1.2-record", "use-1.2-carry")
@pytest.mark.parametrize(
    ("situation", "rule", "attest"),
    [
        (Situation(SUBSCRIBERS, CALLER, CALLED, carried=True), "carried", None),
        (Situation(SUBSCRIBERS, CALLER, CALLED, carried=True, asked="A"), "carried", None),
        (Situation(SUBSCRIBERS, None, None, carried=True), "carried", None),
        (Situation(SUBSCRIBERS, None, CALLED), "no-caller", None),
        (Situation(SUBSCRIBERS, URI, CALLED), "no-caller", None),
        (Situation(SUBSCRIBERS, None, CALLED, asked="A"), "no-caller", None),
        (Situation(SUBSCRIBERS, CALLER, None), "no-called", None),
        (Situation(Policy(signs=False), CALLER, CALLED, asked="A"), "not-signing", None),
        (Situation(SUBSCRIBERS, CALLER, CALLED, asked="C"), "requested", "C"),
        (Situation(SUBSCRIBERS, CALLER, CALLED), "number-on-list", "A"),
        (Situation(SUBSCRIBERS, CALLER, URI), "number-on-list", "A"),
        (Situation(SUBSCRIBERS, Party.tn("12155550110"), CALLED), "other-number", "B"),
        (Situation(CARRIER, CALLER, CALLED), "carrier", "C"),
        (Situation(Policy(attest="B"), CALLER, CALLED), "configured", "B"),
        (Situation(Policy(), CALLER, CALLED), "configured", "C"),
        (Situation(SUBSCRIBERS, CALLER, CALLED, carried=True, ppt="div"), "div", None),
        (Situation(SUBSCRIBERS, CALLER, CALLED, carried=True, ppt="rph", asked="A"), "rph", None),
        (Situation(SUBSCRIBERS, URI, CALLED, ppt="rph"), "rph", None),
        (Situation(SUBSCRIBERS, None, CALLED, ppt="div"), "no-caller", None),
        (Situation(Policy(signs=False), CALLER, CALLED, ppt="div"), "not-signing", None),
    ],
)
def test_the_first_row_that_applies_decides(situation: Situation, rule: str, attest: str | None) -> None:
    """What came goes on; without numbers or duty nothing is signed; then request, list, carrier, setting."""
    decision = decide(situation)

    assert (rule, attest) == (decision.rule, decision.attest)
    assert decision.text


def test_every_situation_is_decided_by_one_rule_with_a_name() -> None:
    """There is no gap in the table, no row that never applies, and full attestation only for a number on the list."""
    situations = [
        Situation(policy, orig, dest, carried, ppt)
        for policy, orig, dest, carried, ppt in product(
            (SUBSCRIBERS, CARRIER, Policy(), Policy(signs=False)),
            (None, CALLER, CALLED, URI),
            (None, CALLED),
            (False, True),
            ("shaken", "div", "rph"),
        )
    ]
    asked = [Situation(SUBSCRIBERS, CALLER, CALLED, asked="B")]
    decided = [(situation, decide(situation)) for situation in situations + asked]

    assert {row.rule for row in TABLE} == {decision.rule for _, decision in decided}
    assert {CALLER} == {situation.orig for situation, decision in decided if decision.attest == "A"}
    assert len(TABLE) == len({row.rule for row in TABLE})
