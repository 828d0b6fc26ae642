"""Who may do what to whom: every combination, against an independent table."""

from itertools import product

import pytest

from cps_server.partners import Asked, Denial, Mode, Partner, Rules
from stir.tn import Party
from stir.token import Action, Target

GOOD, BAD, OTHER = "a" * 64, "b" * 64, "c" * 64
ASKER, PUBLISHER, THIRD = "456B", "709J", "111X"
CALLER = "12155550100"

ENTRIES = [
    None,
    *(
        Partner(ASKER, enabled=enabled, publish=publish, retrieve=retrieve, retrieve_from=sources, numbers=numbers)
        for enabled, publish, retrieve in product([True, False], repeat=3)
        for sources in [None, frozenset(), frozenset([ASKER]), frozenset([PUBLISHER]), frozenset("*")]
        for numbers in [None, ("1215",), ("44", "1215555"), ("999",)]
    ),
]


def model(mode: str, entry: Partner | None, action: str, spc: str | None) -> bool:
    """
    Say whether it is allowed, from the contract's words and not from the code.

    *spc* is None in generation 1. A generation-2 publish is always under one's own.
    """
    if entry is None:
        return mode == "open"
    if not entry.enabled:
        return False
    if action == "publish":
        prefixes = entry.numbers if entry.numbers is not None else [""]
        return entry.publish and any(CALLER[: len(prefix)] == prefix for prefix in prefixes)
    if spc is None:
        return entry.retrieve
    default = {ASKER} if mode == "closed" else {ASKER, PUBLISHER, THIRD}
    sources = default if entry.retrieve_from is None else entry.retrieve_from
    return entry.retrieve and ("*" in sources or spc in sources)


@pytest.mark.clause("cps-6.3-partners")
@pytest.mark.parametrize("mode", ["open", "closed"])
@pytest.mark.parametrize(
    ("action", "spc"),
    [("publish", None), ("publish", ASKER), *(("retrieve", spc) for spc in (None, ASKER, PUBLISHER, THIRD))],
)
def test_matrix(mode: str, action: str, spc: str | None) -> None:
    """Mode, entry, flags, action, generation and whose SPC decide, as the contract says; 161 entries in each case."""
    for entry in ENTRIES:
        rules = Rules(Mode(mode), {ASKER: entry} if entry else {})
        target = Target(Party.tn("12155551212"), Party.tn(CALLER), spc)
        denial = rules.denial(Asked(Action(action), ASKER, GOOD, target))
        assert model(mode, entry, action, spc) is (denial is None), (entry, denial)


def asked(action: Action = Action.RETRIEVE, spc: str = ASKER, certificate: str = GOOD, **target) -> Asked:
    """Return a request for the usual call."""
    about = Target(**({"dest": Party.tn("12155551212"), "orig": Party.tn(CALLER)} | target))
    return Asked(action, spc, certificate, about)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("action", list(Action))
def test_deny_lists_stand_over_everything(mode: Mode, action: Action) -> None:
    """Who is on a deny list may do nothing, listed as a partner or not, in either mode; a republish neither."""
    partner = {ASKER: Partner(ASKER)}
    by_spc = Rules(mode, partner, denied_spcs=frozenset([ASKER]))
    by_certificate = Rules(mode, partner, denied_certificates=frozenset([BAD]))
    assert Denial.DENIED_SPC == by_spc.denial(asked(action))
    assert Denial.DENIED_CERTIFICATE == by_certificate.denial(asked(action, certificate=BAD))
    assert by_certificate.denial(asked(action)) is None


def test_only_the_named_certificates_will_do() -> None:
    """A partner with certificates in its entry may use no other one."""
    rules = Rules(Mode.CLOSED, {ASKER: Partner(ASKER, certificates=frozenset([GOOD, OTHER]))})
    assert [None, None, Denial.OTHER_CERTIFICATE] == [
        rules.denial(asked(certificate=one)) for one in (GOOD, OTHER, BAD)
    ]


def test_a_republish_is_the_peer_lists_business() -> None:
    """A CPS that republishes needs no entry, not even in closed mode."""
    assert Rules(Mode.CLOSED).denial(asked(Action.REPUBLISH)) is None


def test_numbers_are_no_prefixes_of_uris() -> None:
    """Who may publish some numbers only may publish no URI."""
    rules = Rules(Mode.CLOSED, {ASKER: Partner(ASKER, numbers=("1215",))})
    assert Denial.FOREIGN_NUMBER == rules.denial(asked(Action.PUBLISH, orig=Party.uri("sip:1215@example.com")))


def test_without_a_file_everyone_may() -> None:
    """The rules of a CPS without partners.toml allow everything that a certificate allows."""
    assert Rules().denial(asked()) is None


def test_partners_are_found_without_regard_to_case() -> None:
    """456b is 456B."""
    partner = Partner(ASKER)
    assert partner is Rules(Mode.CLOSED, {ASKER: partner}).partner("456b")
