"""Verification as a service: certificates are fetched as needed, and whatever comes in, a verdict goes out."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stir import limits
from stir.aio.certificates import CertificateCache
from stir.aio.verification import VerificationService
from stir.errors import FetchError, NoTrustError, SignatureError, UntrustedError
from stir.passport import Passport
from stir.testing import ServiceProvider, World
from stir.tn import Party
from stir.trust import Trust
from stir.verdict import Source
from stir.verify import Call, Verifier

ORIG, DEST = "12155550100", "12155551212"
CALL = Call(Party.tn(ORIG), Party.tn(DEST))


class WorldTrust:
    """What the world trusts at the moment of asking, or nothing yet."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known = True

    def current(self) -> Trust:
        """Return it."""
        if not self.known:
            raise NoTrustError("no trusted root is known yet")
        return self.world.trust


class Bench:
    """A world, a provider in it, and a service that verifies."""

    def __init__(self) -> None:
        self.world = World()
        self.sp = self.world.service_provider("709J")
        self.trust = WorldTrust(self.world)
        self.certificates = CertificateCache(self.world.fetcher, clock=self.world.clock)
        self.service = VerificationService(Verifier(), self.certificates, self.trust, self.world.clock)

    def signed(self, sp: ServiceProvider | None = None, **made: object) -> str:
        """Return an Identity header field value for the call."""
        return (sp or self.sp).sign(orig=ORIG, dest=DEST, **made)

    async def case(self, *values: str) -> str:
        """Return the case of the verdict on the call with these."""
        return (await self.service.verify(values, CALL, source=Source.OOB_V1)).decisive.case.id


@pytest.fixture
def bench() -> Bench:
    """Return a fresh bench."""
    return Bench()


@pytest.mark.clause("oob-5.3-direct")
async def test_a_call_passes_with_who_signed_it(bench: Bench) -> None:
    """The verdict names the signer by the SPC of its certificate, and which way the PASSporT came."""
    verdict = await bench.service.verify([bench.signed(attest="C", origid="o")], CALL, source=Source.OOB_V2)

    shown = verdict.as_dict()
    assert ("C", "o", "709J", bench.sp.x5u, "oob-v2") == tuple(
        shown[n] for n in ("attest", "origid", "spc", "x5u", "source")
    )
    assert (ORIG, [DEST], bench.world.clock.timestamp()) == (shown["orig"], shown["dest"], shown["iat"])


async def test_a_refused_passport_is_reported_as_far_as_it_can_be_read(bench: Bench) -> None:
    """The ppt, claims and x5u of what was refused are there for whoever asks why; the signer's claims are not."""
    verdict = await bench.service.verify([bench.signed(signature="other-key")], CALL, source=Source.IN_BAND)

    assert ("shaken", "E18") == (verdict.decisive.ppt, verdict.decisive.case.id)
    assert (ORIG, bench.sp.x5u) == (verdict.as_dict()["orig"], verdict.as_dict()["x5u"])
    assert (None, None, None) == (verdict.attest, verdict.origid, verdict.spc)
    assert (None, None) == (verdict.decisive.signatory, verdict.decisive.spc)


async def test_the_type_of_an_unreadable_passport_is_taken_from_its_header_field(bench: Bench) -> None:
    """A compact form says its ppt only in the header field; a bare one says nothing."""
    compact = ".." + bench.sp.passport(orig=ORIG, dest=DEST).rpartition(".")[2]
    named = await bench.service.verify([bench.sp.identity(compact)], CALL, source=Source.IN_BAND)
    bare = await bench.service.verify([compact], CALL, source=Source.IN_BAND)

    assert ("shaken", None) == (named.decisive.ppt, bare.decisive.ppt)
    assert "E4" == named.decisive.case.id == bare.decisive.case.id


@pytest.mark.clause("passport-2-several", "passport-10-each", "passport-10-spoil", "oob-4.1-concurrent")
async def test_one_good_passport_among_bad_ones_is_enough(bench: Bench) -> None:
    """Each is judged on its own and reported in its place (RFC 8224, section 6.2)."""
    values = ["garbage", bench.signed(signature="other-key"), bench.signed(attest="B"), bench.signed(iat=1)]
    verdict = await bench.service.verify(values, CALL, source=Source.IN_BAND)

    assert "B" == verdict.attest
    assert ["E4", "E18", "ok", "E15"] == [result.case.id for result in verdict.passports]


async def test_no_more_are_looked_at_than_the_limit(bench: Bench) -> None:
    """A caller cannot make us verify without end: what stands past the limit is as if absent."""
    values = ["garbage"] * limits.IDENTITIES
    verdict = await bench.service.verify([*values, bench.signed()], CALL, source=Source.IN_BAND)

    assert not verdict.passed
    assert limits.IDENTITIES == len(verdict.passports)
    assert (await bench.service.verify([*values[1:], bench.signed()], CALL, source=Source.IN_BAND)).passed


async def test_nothing_to_verify(bench: Bench) -> None:
    """A call without PASSporT has a verdict too."""
    assert "none" == await bench.case()


async def test_certificates_are_fetched_once_for_many_passports(bench: Bench) -> None:
    """PASSporTs that arrive together share one fetch."""
    verdict = await bench.service.verify([bench.signed() for _ in range(5)], CALL, source=Source.IN_BAND)

    assert verdict.passed
    assert 1 == bench.world.fetcher.fetches[bench.sp.x5u]


@pytest.mark.clause("pki-p5-replaced")
async def test_a_certificate_replaced_at_its_url_is_fetched_again(bench: Bench) -> None:
    """When a signature fails under the cached certificate, the one that is there now is tried."""
    assert "ok" == await bench.case(bench.signed())
    renewed = bench.world.renew(bench.sp)
    bench.world.clock.advance(60)

    assert "ok" == await bench.case(bench.signed(renewed))
    assert "E18" == await bench.case(bench.signed(signature="other-key"))
    assert 2 == bench.world.fetcher.fetches[bench.sp.x5u]


async def test_a_forged_signature_stays_one_when_the_repository_is_down(bench: Bench) -> None:
    """The second fetch is to help the signer; if it fails, the signature is still bad (E18), not unknown (E8)."""
    assert "ok" == await bench.case(bench.signed())
    bench.world.clock.advance(60)
    bench.world.fetcher.down(bench.sp.x5u)

    assert "E18" == await bench.case(bench.signed(signature="other-key"))


@pytest.mark.clause("passport-5-again")
async def test_trust_is_that_of_the_moment(bench: Bench) -> None:
    """A revocation counts from the next call on, whatever is cached."""
    assert "ok" == await bench.case(bench.signed())
    bench.world.crl.revoke(bench.sp.leaf)
    assert "E17" == await bench.case(bench.signed())


async def test_without_trust_material_nothing_is_known(bench: Bench) -> None:
    """Before any trusted root is known the caller is not blamed, and nothing is fetched."""
    bench.trust.known = False

    assert "unavailable" == await bench.case(bench.signed())
    assert 0 == bench.world.fetcher.fetches[bench.sp.x5u]


async def test_a_candidate_can_be_confirmed_alone(bench: Bench) -> None:
    """Who screens PASSporTs without a call gets the signer's certificate, or the exact error."""
    passport = Passport.parse(bench.sp.passport(orig=ORIG, dest=DEST))
    candidate = bench.service.verifier.read(passport, at=bench.world.clock.now())
    assert bench.sp.leaf.certificate == (await bench.service.confirm(candidate)).certificate

    bench.trust.known = False
    with pytest.raises(NoTrustError):
        await bench.service.confirm(candidate)


async def test_what_is_judged_with_a_chain_raises_its_own_errors(bench: Bench) -> None:
    """Only a failed signature makes us fetch again; other refusals and fetch failures pass through."""
    calls = []

    def refuse(*_: object) -> None:
        calls.append(1)
        raise UntrustedError("never")

    def fail(*_: object) -> None:
        calls.append(1)
        raise SignatureError("never")

    for judge, error in ((refuse, UntrustedError), (fail, SignatureError)):
        with pytest.raises(error):
            await bench.service.with_chain(bench.sp.x5u, judge)
    assert 2 == len(calls)
    bench.world.fetcher.down("https://cr.example.net/other.pem")
    with pytest.raises(FetchError):
        await bench.service.with_chain("https://cr.example.net/other.pem", fail)


async def test_a_cancelled_verification_is_cancelled(bench: Bench) -> None:
    """A deadline of the caller's ends the wait for a certificate."""
    gate = bench.world.fetcher.hold(bench.sp.x5u)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bench.case(bench.signed())
    gate.set()
    assert "ok" == await bench.case(bench.signed())
    await bench.certificates.close()


@pytest.mark.clause("passport-3-continue")
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(max_size=40) | st.text('ab.;=<>"\\ \r\ninfoalgpt:/,é', max_size=40), max_size=4))
async def test_whatever_comes_in_a_verdict_goes_out(bench: Bench, values: list[str]) -> None:
    """Verification never raises, and never passes what is no PASSporT."""
    verdict = await bench.service.verify(values, CALL, source=Source.IN_BAND)

    assert not verdict.passed
    assert len(values) == len(verdict.passports)
