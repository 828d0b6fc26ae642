"""Explanations: each PASSporT's checks in their order, ending where the verifier ended."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from stir import errors
from stir.aio.certificates import CertificateCache
from stir.aio.trust import FixedTrust
from stir.aio.verification import VerificationService
from stir.certificate import Chain, load_chain
from stir.constraints import JWT_CLAIM_CONSTRAINTS
from stir.errors import NoTrustError, StirError
from stir.explain import _ROWS, _STOPS, Context, Explanation, Outcome, explain
from stir.policy import Policy
from stir.testing import ServiceProvider, World
from stir.testing import tnauthlist as made
from stir.testing.authority import CA_USAGE
from stir.testing.certificates import Template, issue
from stir.testing.constraints import constraints
from stir.testing.jws import compact
from stir.tn import Party
from stir.trust import Trust
from stir.verdict import Source, Verdict, case_of
from stir.verify import Call, Verifier
from tests.conformance.test_cases_e4_to_e19 import DEFECTS

ORIG, DEST = "12155550100", "12155551212"
CALL = Call(Party.tn(ORIG), Party.tn(DEST))
YEAR = timedelta(days=365)
ROWS = {
    "E4": "form",
    "E5": "ppt parameter",
    "E6": "info",
    "E7": "info URL",
    "E8": "fetch",
    "E9": "header",
    "E10": "info = x5u",
    "E11": "typ",
    "E12": "alg",
    "E13": "ppt",
    "E14": "claims",
    "E15": "freshness",
    "E16": "call",
    "E17": "path",
    "E18": "signature",
    "E19": "attestation",
}


class Recorder(CertificateCache):
    """A cache that remembers the chains that it gave out."""

    chains: dict[str, Chain]

    async def chain(self, url: str) -> Chain:
        """Return the chain and keep it."""
        found = await super().chain(url)
        self.chains[url] = found
        return found


class NoTrust:
    """Nothing is trusted."""

    def current(self) -> Trust:
        """Say so."""
        raise NoTrustError("no root")


def assess(
    world: World, *values: str, call: Call = CALL, policy: Policy | None = None, trust: Any = None
) -> tuple[Verdict, tuple[Explanation, ...]]:
    """Return the verdict on a call, and its explanation."""
    certificates = Recorder(world.fetcher, clock=world.clock)
    certificates.chains = {}
    verifier = Verifier(policy or Policy())
    service = VerificationService(verifier, certificates, trust or FixedTrust(world.trust), world.clock)
    verdict = asyncio.run(service.verify(values, call, source=Source.IN_BAND))
    known = None if trust else world.trust
    context = Context(call, world.clock.now(), verifier, known, certificates.chains)
    return verdict, explain(verdict, values, context)


def assert_stopped(explanation: Explanation, row: str) -> None:
    """Check that everything before *row* was passed, that it failed with the reason, and that nothing came after."""
    stopped = explanation.stopped
    assert stopped is not None
    assert row == stopped.name
    assert explanation.result.detail == stopped.why
    before, after = explanation.steps[: stopped.number - 1], explanation.steps[stopped.number :]
    assert {step.outcome for step in before} <= {Outcome.PASSED, Outcome.NOT_NEEDED}
    assert {step.outcome for step in after} <= {Outcome.NOT_REACHED}
    assert all(step.compared for step in (*before, stopped))
    assert not any(step.compared or step.notes for step in after)


@pytest.fixture
def world() -> World:
    """A world of its own for each test."""
    return World()


@pytest.fixture
def sp(world: World) -> ServiceProvider:
    """A provider in good standing."""
    return world.service_provider("709J")


@pytest.mark.parametrize("first", range(len(DEFECTS)), ids=[case for case, _ in DEFECTS])
@pytest.mark.parametrize("alone", [False, True], ids=["with those below", "alone"])
def test_the_explanation_stops_where_the_verifier_stopped(world: World, first: int, *, alone: bool) -> None:
    """For a PASSporT with the defect of one row, and perhaps of all rows below, that row is the failed one."""
    case = DEFECTS[first][0]
    has: dict[str, Any] = {}
    for _, defect in reversed(DEFECTS[first : first + 1 if alone else None]):
        has |= defect
    sp = world.service_provider("709J", issuer=world.authority("Rogue", trusted="rogue" not in has))
    if "down" in has:
        world.fetcher.down(sp.x5u)
    token = sp.passport(
        orig=ORIG,
        dest=DEST,
        header={name: has[name] for name in ("typ", "alg", "ppt") if name in has},
        claims={name: has[name] for name in ("origid", "iat", "orig", "attest") if name in has},
        signature=has.get("signature", "raw"),
    )
    token = f"..{token.rpartition('.')[2]}" if "compact" in has else token
    info = has.get("info", sp.x5u)
    value = f"{token};ppt={has.get('parameter', 'shaken')};alg={has.get('alg', 'ES256')}"
    verdict, (explanation,) = assess(world, f"{value};info=<{info}>" if info else value)

    assert case == verdict.decisive.case.id
    assert verdict.decisive is explanation.result
    assert_stopped(explanation, ROWS[case])


def test_a_good_passport_passes_every_step(world: World, sp: ServiceProvider) -> None:
    """All steps are passed, or not needed, and say what was compared with what."""
    for value, not_needed in (
        (sp.sign(orig=ORIG, dest=DEST), {"x5u URL", "diversions"}),
        (sp.passport(orig=ORIG, dest=DEST), {"ppt parameter", "info", "info URL", "info = x5u", "diversions"}),
    ):
        verdict, (explanation,) = assess(world, value)
        assert verdict.passed
        assert explanation.stopped is None
        assert not_needed == {step.name for step in explanation.steps if step.outcome is Outcome.NOT_NEEDED}
        assert list(range(1, 28)) == [step.number for step in explanation.steps]
        by_name = {step.name: step for step in explanation.steps}
        assert f"orig: {ORIG}, calling number: {ORIG}; dest: {DEST}, called number: {DEST}" == by_name["call"].compared
        assert 3 == len(by_name["path"].notes)
        assert sp.x5u in by_name["fetch"].compared


def test_it_is_json(world: World, sp: ServiceProvider) -> None:
    """With --json each step is an object with number, step, clause, outcome, compared, notes and why."""
    _, (explanation,) = assess(world, sp.sign(orig=ORIG, dest=DEST, iat=1))
    shown = json.loads(json.dumps(explanation.as_dict()))

    assert ("shaken", "E15") == (shown["ppt"], shown["case"])
    step = shown["steps"][12]
    assert {"number", "step", "clause", "outcome", "compared", "notes", "why"} == step.keys()
    assert (13, "freshness", "failed") == (step["number"], step["step"], step["outcome"])
    assert "RFC 8224, section 6.2" in step["clause"]
    assert "1970-01-01T00:00:01Z" in step["compared"]


CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "self-signed": ({"self_signed": True}, "path"),
    "expired": ({"validity": (-2 * YEAR, -YEAR)}, "path"),
    "not valid at iat": ({"validity": (timedelta(0), YEAR)}, "valid at iat"),
    "P-384": ({"key_curve": "P-384"}, "profile"),
    "key usage": ({"key_usage": ("keyAgreement",)}, "profile"),
    "no TNAuthList": ({"tn_auth_list": None}, "profile"),
    "broken TNAuthList": ({"tn_auth_list": b"\x30\x01"}, "profile"),
    "no certificate": ({"chain": "public-key"}, "fetch"),
    "a CA": ({"is_ca": True}, "certificate"),
    "unknown critical": ({"extensions": (("1.2.3.4", b"\x05\x00", True),)}, "certificate"),
    "constraints": (
        {"extensions": ((JWT_CLAIM_CONSTRAINTS, constraints(include=["rcd"]), False),)},
        "claim constraints",
    ),
    "broken constraints": ({"extensions": ((JWT_CLAIM_CONSTRAINTS, b"\x30\x00", False),)}, "profile"),
}


@pytest.mark.parametrize(("knobs", "row"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_bad_certificate_has_the_step_that_it_fails(world: World, knobs: dict[str, Any], row: str) -> None:
    """Within E17 the explanation tells path, profile, validity and constraints apart."""
    sp = world.service_provider("709J", **knobs)
    _, (explanation,) = assess(world, sp.sign(orig=ORIG, dest=DEST, iat=world.clock.timestamp() - 30))

    assert "E17" == explanation.result.case.id
    assert_stopped(explanation, row)


def test_a_revoked_certificate_is_named(world: World, sp: ServiceProvider) -> None:
    """The step of revocation shows who is on the list."""
    world.crl.revoke(sp.leaf)
    _, (explanation,) = assess(world, sp.sign(orig=ORIG, dest=DEST))

    assert_stopped(explanation, "revocation")
    assert [True, False] == [note.startswith("REVOKED") for note in explanation.stopped.notes]


def test_without_roots_nothing_is_fetched(world: World, sp: ServiceProvider) -> None:
    """Our own trouble is a step too, and none of theirs."""
    verdict, (explanation,) = assess(world, sp.sign(orig=ORIG, dest=DEST), trust=NoTrust())

    assert "unavailable" == verdict.decisive.case.id
    assert_stopped(explanation, "trusted roots")


def test_what_is_wrong_with_a_passport_alone_has_its_step(world: World, sp: ServiceProvider) -> None:
    """Out of band there is no header field, and x5u is judged in place of info; a payload comes before the claims."""
    payload = compact({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": sp.x5u}, b"[]", sp.private_key)
    url = sp.passport(orig=ORIG, dest=DEST, header={"x5u": "http://cr.example.net/1.pem"})
    _, explanations = assess(world, "hello", payload, url, "a;;", f"{url};info=x")

    for explanation, row in zip(explanations, ["form", "payload", "x5u URL", "form", "info URL"], strict=True):
        assert_stopped(explanation, row)


def delegated(world: World, spc: str, own: bytes) -> ServiceProvider:
    """Return the holder of a certificate for *own*, by a CA that has *spc* and no more."""
    now = world.clock.now()
    template = Template(
        "Delegate CA", now - YEAR, now + YEAR, is_ca=True, key_usage=CA_USAGE, tn_auth_list=made.spc(spc)
    )
    above = issue(template, world.issuer.issuing)
    leaf = issue(replace(world.issuer.template(spc, at=now), tn_auth_list=own), above)
    url = f"{world.repository}/delegate.pem"
    world.fetcher.serve_chain(url, leaf.pem + above.pem + world.issuer.issuing.pem)
    return ServiceProvider(spc, leaf, leaf.pem, url, world.clock)


def test_a_delegate_signs_no_shaken_passport(world: World) -> None:
    """A CA with a TNAuthList on the path is told at the step of delegation."""
    sp = delegated(world, "709J", made.spc("709J"))
    _, (shaken, rcd) = assess(
        world,
        sp.sign(orig=ORIG, dest=DEST),
        sp.identity(sp.rcd(orig=ORIG, dest=DEST, rcd={"nam": "Alice"}), ppt="rcd"),
    )
    assert_stopped(shaken, "delegation")
    assert "CAs with a TNAuthList on the path: 1; none allowed" == shaken.stopped.compared
    assert rcd.stopped is None


def test_a_delegate_hands_on_no_more_than_there_is(world: World) -> None:
    """Another provider's code below one's own is told at the step of delegation (RFC 9060)."""
    sp = delegated(world, "709J", made.spc("1234"))
    _, (explanation,) = assess(world, sp.rcd(orig=ORIG, dest=DEST, rcd={"nam": "Alice"}))

    assert_stopped(explanation, "delegation")


def test_without_a_revocation_list_the_step_says_so(world: World, sp: ServiceProvider) -> None:
    """Nobody can have been found on a list that is not held."""
    value = sp.sign(orig=ORIG, dest=DEST, attest="D")
    trust = Trust(world.trust.anchors)
    certificates = {sp.x5u: load_chain(sp.chain_pem)}
    verdict, _ = assess(world, value)
    (explanation,) = explain(verdict, [value], Context(CALL, world.clock.now(), trust=trust, chains=certificates))

    assert "no revocation list is held" == {step.name: step.compared for step in explanation.steps}["revocation"]


def test_an_unreadable_key_is_told_at_the_profile(world: World, sp: ServiceProvider) -> None:
    """A chain whose leaf has no key that is known here."""
    chain = load_chain(sp.chain_pem)
    broken = Chain(replace(chain.leaf, _spki=b""), chain.others)
    value = sp.sign(orig=ORIG, dest=DEST)
    verdict, _ = assess(world, value)
    error = errors.CertificateFormatError
    refused = replace(verdict.decisive, case=case_of(error("x")), detail="x", error=error, signatory=None)
    context = Context(CALL, world.clock.now(), trust=world.trust, chains={sp.x5u: broken})
    (explanation,) = explain(Verdict(refused, Source.IN_BAND, (refused,)), [value], context)

    assert_stopped(explanation, "profile")
    assert "key: unreadable" in explanation.stopped.compared


def test_a_certificate_for_other_numbers_is_told_at_its_scope(world: World) -> None:
    """An rcd PASSporT by a certificate for numbers has to be about one of them (RFC 8226)."""
    sp = world.service_provider("709J", tn_auth_list=bytes.fromhex("300FA20D160B3132303133373736303531"))
    value = sp.rcd(orig=ORIG, dest=DEST, rcd={"nam": "Alice"})
    _, (explanation,) = assess(world, value)

    assert_stopped(explanation, "scope")
    assert "12013776051" in explanation.stopped.compared


def test_the_way_back_from_the_called_number_is_told(world: World, sp: ServiceProvider) -> None:
    """A diverted call's steps show the chain of numbers to the called one (RFC 8946, section 4.2)."""
    target = "12155550177"
    values = (sp.sign(orig=ORIG, dest=DEST), sp.identity(sp.div(orig=ORIG, dest=target, div=DEST), ppt="div"))
    verdict, (shaken, div) = assess(world, *values, call=Call(Party.tn(ORIG), Party.tn(target)))

    assert verdict.passed
    for explanation in (shaken, div):
        notes = {step.name: step.notes for step in explanation.steps}
        assert f"sent on from {DEST} to {target}" in notes["call"]
        assert f"the called number is reached from: {DEST} (1 back)" in notes["diversions"]


def test_a_compact_form_that_was_restored_keeps_its_header_field(world: World, sp: ServiceProvider) -> None:
    """The steps are those of the header field, although the token was rebuilt from signalling."""
    now = world.clock.now()
    full = compact(
        {"alg": "ES256", "typ": "passport", "x5u": sp.x5u},
        {"dest": {"tn": [DEST]}, "iat": world.clock.timestamp(), "orig": {"tn": ORIG}},
        sp.private_key,
    )
    value = f"..{full.rpartition('.')[2]};info=<{sp.x5u}>"
    policy = Policy(types=frozenset({"base"}), compact=True)
    _, (explanation,) = assess(world, value, call=Call(Party.tn(ORIG), Party.tn(DEST), time=now), policy=policy)

    assert_stopped(explanation, "scope")
    assert "header field" in explanation.steps[0].compared
    assert Outcome.PASSED is explanation.steps[2].outcome


def test_a_diversion_that_was_forged_leads_nowhere(world: World, sp: ServiceProvider) -> None:
    """The shaken PASSporT behind it stops at the last step: what was bound by claims alone no longer is."""
    target = "12155550177"
    forged = sp.div(orig=ORIG, dest=target, div=DEST, signature="other-key")
    _, (shaken, div) = assess(
        world,
        sp.sign(orig=ORIG, dest=DEST),
        sp.identity(forged, ppt="div"),
        call=Call(Party.tn(ORIG), Party.tn(target)),
    )
    assert_stopped(shaken, "diversions")
    assert () == shaken.stopped.notes
    assert_stopped(div, "signature")


def test_the_passport_inside_a_div_o_is_explained_too(world: World, sp: ServiceProvider) -> None:
    """Each has steps of its own, in the order of the results."""
    target = "12155550177"
    outer = sp.div_o(orig=ORIG, dest=target, div=DEST, opt=sp.passport(orig=ORIG, dest=DEST))
    verdict, (first, second) = assess(world, outer, call=Call(Party.tn(ORIG), Party.tn(target)))

    assert verdict.passed
    assert ["div-o", "shaken"] == [first.result.ppt, second.result.ppt]
    assert first.stopped is second.stopped is None


def test_what_is_asked_of_priority_is_told(world: World, sp: ServiceProvider) -> None:
    """An rph PASSporT is compared with Resource-Priority."""
    call = Call(Party.tn(ORIG), Party.tn(DEST), resource_priority=("ets.1",))
    value = sp.identity(sp.rph(orig=ORIG, dest=DEST, auth=["ets.0"]), ppt="rph")
    _, (explanation,) = assess(world, value, call=call)

    assert_stopped(explanation, "call")
    assert "rph.auth: ets.0; Resource-Priority: ets.1" in explanation.stopped.notes


def test_without_context_the_steps_still_end_at_the_right_place(world: World, sp: ServiceProvider) -> None:
    """A verdict from a log has no chain at hand; its error tells the step as far as that goes."""
    verdict, _ = assess(world, value := sp.sign(orig=ORIG, dest=DEST, signature="other-key"))
    for chains in ({}, {sp.x5u: load_chain(sp.chain_pem)}):
        (explanation,) = explain(verdict, [value], Context(CALL, world.clock.now(), chains=chains))
        assert_stopped(explanation, "signature")
    assert () == explain(verdict.__class__(verdict.decisive, Source.IN_BAND, ()), [], Context(CALL, world.clock.now()))


def test_every_error_has_a_step() -> None:
    """Whatever ends a verification, some step is named for it, and each list of steps is in their order."""
    places = {name: place for place, (name, _, _) in enumerate(_ROWS)}
    kinds: list[type[StirError]] = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        names = next(_STOPS[one] for one in kind.__mro__ if one in _STOPS)
        assert names == tuple(sorted(names, key=places.__getitem__))
    assert {"diversions"} == places.keys() - {name for names in _STOPS.values() for name in names}
