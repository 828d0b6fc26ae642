"""What the client does for a call, against a CPS of other making that checks every token."""

import asyncio
import ssl
from pathlib import Path

import pytest

from cps_client import CpsClient, CredentialError, SettingsError, UsageError
from cps_client.errors import CpsRefusedError
from cps_client.settings import ClientSettings
from stir.errors import AttestationError, CertificateError, NumberError, UnavailableError
from stir.testing import ServiceProvider, TlsAuthority, World
from stir.verdict import Source, Verstat
from tests.cps_client.conftest import DEST, LATER, ORIG, Opened
from tests.support.fake_cps import FakeCps, answering, hang


@pytest.mark.clause("cps-3-request", "cps-12-1", "oob-5.1-publish", "oob-5.1-verify", "oob-5.2-sign")
async def test_signed_published_retrieved_verified(cps: FakeCps, client_of: Opened) -> None:
    """The main job of the first generation: a call without a signature gets one, and it is there at the far end."""
    async with client_of(cps.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST, attest="A")
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert (True, 201, 1) == (receipt.published, receipt.status, len(receipt.identities))
    assert [f"/passports/{DEST}/{ORIG}"] * 2 == [asked.path for asked in cps.requests]
    assert (Verstat.PASSED, "A", Source.OOB_V1) == (
        termination.verdict.verstat,
        termination.verdict.attest,
        termination.verdict.source,
    )
    assert receipt.identities == termination.identities
    assert termination.reason is None
    assert 1 == len(termination.retrieval.tokens)


@pytest.mark.clause("cps-3-request", "cps-4-request", "oob-6-exp")
async def test_second_generation(cps: FakeCps, client_of: Opened) -> None:
    """The second generation has the SPC in path and token, and says how long the PASSporTs are to be kept."""
    async with client_of(cps.url, generation=2, lifetime=20) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)
        other = await client.retrieve(orig=ORIG, dest=DEST, spc="456b")

    published, asked, *_, elsewhere = cps.requests
    assert receipt.published
    assert f"/passports/709J/{DEST}/{ORIG}" == published.path == asked.path
    assert 20 == published.claims["exp"] - published.claims["iat"]
    assert "exp" not in asked.claims
    assert (Verstat.PASSED, "C", Source.OOB_V2) == (
        termination.verdict.verstat,
        termination.verdict.attest,
        termination.verdict.source,
    )
    assert (f"/passports/456B/{DEST}/{ORIG}", "456B", "709J") == (
        elsewhere.path,
        elsewhere.claims["spc"],
        elsewhere.claims["iss"],
    )
    assert not other.found


@pytest.mark.clause(
    "cps-3-one-request",
    "cps-12-6",
    "oob-5.1-publish",
    "oob-6-resign",
    "oob-7-array",
    "oob-7-own",
    "use-1.2-carry",
    "use-3-unaltered",
)
async def test_identities_are_published_in_order_and_come_back_the_same(
    cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """Identity headers and bare PASSporTs go in one publish, in the call's order, each once, byte for byte."""
    first, second = provider.sign(orig=ORIG, dest=DEST), provider.passport(orig=ORIG, dest=DEST, attest="B")

    async with client_of(cps.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST, identities=[first, second, first, "junk;info=<x>"])
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert [first.partition(";")[0], second] == cps.kept[f"/passports/{DEST}/{ORIG}"]
    assert (first, provider.identity(second)) == receipt.identities == termination.identities
    assert 1 == receipt.dropped
    assert {"published": True, "passports": 2, "dropped": 1} == {
        name: receipt.as_dict()[name] for name in ("published", "passports", "dropped")
    }


def test_signing_needs_no_cps(provider: ServiceProvider, client_of: Opened) -> None:
    """An Identity header is made without a connection, and without an SPC, which stands in the certificate."""
    identity = client_of(spc=None).sign(orig=ORIG, dest=DEST, attest="B")

    assert identity.endswith(f";info=<{provider.x5u}>;alg=ES256;ppt=shaken")


@pytest.mark.clause("cps-12-3")
async def test_every_request_has_its_own_token(cps: FakeCps, client_of: Opened) -> None:
    """A token is good for one request: each has its own jti, on one kept-alive connection."""
    async with client_of(cps.url) as client:
        for _ in range(3):
            await client.publish(orig=ORIG, dest=DEST)
        await client.retrieve(orig=ORIG, dest=DEST)

    assert 4 == len({asked.claims["jti"] for asked in cps.requests})
    assert 1 == cps.connections


@pytest.mark.clause("cps-1-canonical", "cps-1-uri", "oob-5.5-same")
async def test_numbers_are_canonical_and_uris_escaped(cps: FakeCps, client_of: Opened) -> None:
    """Numbers go out as bare digits, and a URI is one path segment."""
    async with client_of(cps.url) as client:
        assert (await client.publish(orig="+1 (215) 555-0100", dest="urn:service:sos")).published

    assert f"/passports/urn%3Aservice%3Asos/{ORIG}" == cps.requests[0].path
    assert {"uri": ["urn:service:sos"]} == cps.requests[0].claims["dest"]


async def test_audience_of_the_settings(cps: FakeCps, client_of: Opened) -> None:
    """By default aud is the host of the URL without its port, unless the settings say otherwise."""
    cps.audience = "cps.example.net"

    async with client_of(cps.url) as client:
        refused = await client.publish(orig=ORIG, dest=DEST)
    async with client_of(cps.url, audience="cps.example.net") as client:
        published = await client.publish(orig=ORIG, dest=DEST)

    assert "127.0.0.1" == cps.requests[0].claims["aud"]
    assert isinstance(refused.error, CpsRefusedError)
    assert 401 == refused.status == refused.error.status
    assert "the CPS refused (401): wrong: ['aud'] set()" == refused.reason
    assert published.published


@pytest.mark.clause("cps-12-4", "oob-6-404")
async def test_nothing_published(cps: FakeCps, client_of: Opened) -> None:
    """A call without PASSporT is no error: No-TN-Validation, and the call goes on."""
    async with client_of(cps.url) as client:
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert (Verstat.NONE, "none", ()) == (
        termination.verdict.verstat,
        termination.as_dict()["case"],
        termination.identities,
    )
    assert "no PASSporT was found for this call" == termination.reason
    assert "the CPS has no PASSporT for this call" == termination.retrieval.reason


@pytest.mark.clause("cps-12-5")
async def test_not_found_is_asked_once_more(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """Publish and signalling race, so 404 is asked again after a short while, with a new token."""
    passport = provider.passport(orig=ORIG, dest=DEST)
    cps.reactions = [answering(404), answering(200, {"passports": [passport]})]

    async with client_of(cps.url) as client:
        found = await client.retrieve(orig=ORIG, dest=DEST)

    assert (passport,) == found.passports
    assert [404, 200] == [attempt.status for attempt in found.attempts]
    assert cps.requests[0].claims["jti"] != cps.requests[1].claims["jti"]


async def test_not_found_stands_when_asking_again_fails(cps: FakeCps, client_of: Opened) -> None:
    """The second look is a bonus: if it fails, nothing was found, which is not an error."""
    cps.reactions = [answering(404), answering(500)]

    async with client_of(cps.url) as client:
        found = await client.retrieve(orig=ORIG, dest=DEST)

    assert (None, False, [404, 500]) == (found.error, found.found, [attempt.status for attempt in found.attempts])


async def test_no_second_look_without_time(cps: FakeCps, client_of: Opened) -> None:
    """With hardly any budget there is no second look."""
    async with client_of(cps.url) as client:
        assert not (await client.retrieve(orig=ORIG, dest=DEST, budget=0.06)).found

    assert 1 == len(cps.requests)


@pytest.mark.clause("cps-4-shape", "cps-4-empty", "cps-12-7")
@pytest.mark.parametrize(
    "body",
    [lambda each: {"passports": each, "other": 1}, lambda each: each, lambda each: {"tokens": 5, "passports": each}],
)
async def test_shapes_of_an_answer(body, cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """An object with passports and a bare array are both in use; what cannot be a PASSporT is dropped and counted."""
    passport = provider.passport(orig=ORIG, dest=DEST)
    junk = ["", "a.b.c", 5, None, {"x": 1}, "x" * 20_000, "Identity: \r\nVia: x"]
    cps.reactions = [answering(200, body([*junk, passport, passport]))]

    async with client_of(cps.url) as client:
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert (provider.identity(passport),) == termination.identities
    assert len(junk) == termination.retrieval.dropped
    assert termination.verdict.passed


async def test_flood_is_looked_at_within_bounds(cps: FakeCps, client_of: Opened) -> None:
    """However many entries an answer has, only so many are looked at."""
    cps.reactions = [answering(200, {"passports": ["a.b.c"] * 50_000})]

    async with client_of(cps.url) as client:
        found = await client.retrieve(orig=ORIG, dest=DEST)

    assert ((), 50_000) == (found.passports, found.dropped)


@pytest.mark.clause("passport-4.5-pass", "oob-7-relevant")
async def test_unknown_types_are_passed_on(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """A PASSporT of a type that is not judged here goes back into the call, and does not spoil the verdict."""
    other = provider.passport(orig=ORIG, dest=DEST, header={"ppt": "msg"})
    shaken = provider.passport(orig=ORIG, dest=DEST)
    cps.reactions = [answering(200, {"passports": [other, shaken]})]

    async with client_of(cps.url) as client:
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert (provider.identity(other, ppt="msg"), provider.identity(shaken)) == termination.identities
    assert termination.verdict.passed
    assert ["E13", "ok"] == [one["case"] for one in termination.as_dict()["passports"]]


@pytest.mark.clause("oob-6-age")
async def test_lies_are_not_believed(world: World, cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """What was published for another caller, or is stale, or is by nobody trusted, gets its verdict."""
    stranger = world.service_provider("666X", issuer=world.authority("Other", trusted=False))
    cases = {
        "E16": provider.passport(orig="19995550000", dest=DEST),
        "E15": provider.passport(orig=ORIG, dest=DEST, iat=world.clock.timestamp() - 90),
        "E17": stranger.passport(orig=ORIG, dest=DEST),
    }
    async with client_of(cps.url) as client:
        for case, passport in cases.items():
            cps.reactions = [answering(200, {"passports": [passport]})]
            termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST)
            assert case == termination.as_dict()["case"]
            assert termination.reason


async def test_verify_in_band(provider: ServiceProvider, world: World, client_of: Opened) -> None:
    """Identity headers that arrived in the call itself are judged the same way, as in-band."""
    identity = provider.sign(orig=ORIG, dest=DEST)

    async with client_of() as client:
        verdict = await client.verify([identity], orig=ORIG, dest=DEST)
        world.clock.advance(LATER)
        stale = await client.verify([identity], orig=ORIG, dest=DEST)

    assert (Verstat.PASSED, Source.IN_BAND) == (verdict.verstat, verdict.source)
    assert "E15" == stale.as_dict()["case"]


async def test_slow_repository_is_not_waited_for(
    world: World, cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """When the certificate does not come in time the verdict is No-TN-Validation; the headers still go on."""
    async with client_of(cps.url) as client:
        receipt = await client.publish(orig=ORIG, dest=DEST)
        gate = world.fetcher.hold(provider.x5u)
        start = asyncio.get_running_loop().time()
        termination = await client.retrieve_and_verify(orig=ORIG, dest=DEST, budget=0.3)
        took = asyncio.get_running_loop().time() - start
        gate.set()
        again = await client.retrieve_and_verify(orig=ORIG, dest=DEST)

    assert (Verstat.NONE, "unavailable") == (termination.verdict.verstat, termination.as_dict()["case"])
    assert "verification did not finish within the budget" == termination.reason
    assert receipt.identities == termination.identities
    assert took < 0.6
    assert again.verdict.passed


async def test_tls_with_a_ca_of_ones_own(provider: ServiceProvider, client_of: Opened, tmp_path: Path) -> None:
    """A CPS behind a private CA is reached with its CA file, and not without."""
    tls = TlsAuthority()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(tls.ca_pem)
    fake = FakeCps(provider.private_key.public_key(), audience="localhost")

    async with fake.running(tls.certificate("localhost").server_context(), host="localhost"):
        async with client_of(fake.url, cps_tls_ca_file=ca_file) as client:
            assert (await client.publish(orig=ORIG, dest=DEST)).published
        async with client_of(fake.url) as client:
            refused = await client.publish(orig=ORIG, dest=DEST)

    assert "tls" == refused.attempts[0].error.reason
    assert "the CPS's TLS certificate is not accepted" in refused.reason


async def test_callers_own_mistakes_are_raised(cps: FakeCps, client_of: Opened) -> None:
    """What the caller did wrong is raised, for no CPS could help; nothing is sent."""
    async with client_of(cps.url) as client:
        with pytest.raises(NumberError):
            await client.publish(orig="anonymous", dest=DEST)
        with pytest.raises(NumberError):
            await client.retrieve_and_verify(orig=ORIG, dest="")
        with pytest.raises(AttestationError):
            await client.publish(orig=ORIG, dest=DEST, attest="D")
        with pytest.raises(UsageError, match="second generation"):
            await client.retrieve(orig=ORIG, dest=DEST, spc="456B")
    async with client_of(cps.url, generation=2) as client:
        with pytest.raises(UsageError, match="3 to 15"):
            await client.retrieve(orig=ORIG, dest=DEST, spc="../x")
    async with client_of() as client:
        with pytest.raises(SettingsError, match="CPS_CLIENT_CPS_URLS"):
            await client.publish(orig=ORIG, dest=DEST)

    assert [] == cps.requests


@pytest.mark.parametrize(("missing", "name"), [("spc", "SPC"), ("x5u", "X5U"), ("private_key", "PRIVATE_KEY")])
async def test_missing_credential(missing: str, name: str, cps: FakeCps, client_of: Opened) -> None:
    """Whoever asks a CPS needs SPC, x5u and key; the error names what is missing."""
    async with client_of(cps.url, **{missing: None}) as client:
        with pytest.raises(CredentialError, match=f"CPS_CLIENT_{name} is not set"):
            await client.retrieve(orig=ORIG, dest=DEST)


async def test_unusable_publish_is_not_sent(cps: FakeCps, provider: ServiceProvider, client_of: Opened) -> None:
    """Nothing that is a PASSporT, or too much of it, is a receipt that says so, since it comes with the call."""
    big = [provider.passport(orig=ORIG, dest=DEST, claims={"x": str(n) * 11_000}) for n in range(5)]
    async with client_of(cps.url) as client:
        junk = await client.publish(orig=ORIG, dest=DEST, identities=["..compact;info=<https://a.example/b>"])
        bulk = await client.publish(orig=ORIG, dest=DEST, identities=big)
        many = await client.publish(
            orig=ORIG, dest=DEST, identities=[provider.passport(orig=ORIG, dest=DEST) for _ in range(12)]
        )

    assert (False, 1) == (junk.published, junk.dropped)
    assert "none of the given values is a PASSporT in full form" == junk.reason
    assert "the PASSporTs together are longer than 65536 bytes" == bulk.reason
    assert (True, 2) == (many.published, many.dropped)
    assert 1 == len(cps.requests)


async def test_a_client_without_verification_says_so(cps: FakeCps, client_of: Opened, world: World, key_file) -> None:
    """A client that reads no trust material gives no verdict by accident."""
    settings = ClientSettings(cps_urls=(cps.url,), spc="709J", x5u="https://cr.example/1.pem", private_key=key_file)

    async with CpsClient.from_settings(settings, clock=world.clock, verifies=False) as client:
        with pytest.raises(UsageError, match="without verification"):
            await client.verify([], orig=ORIG, dest=DEST)


async def test_nobody_trusted(provider: ServiceProvider) -> None:
    """Without any root of trust nothing is verified, and the verdict says why."""
    async with CpsClient.from_settings(ClientSettings()) as client:
        verdict = await client.verify(
            [provider.sign(orig=ORIG, dest=DEST, iat=int(client._clock.now().timestamp()))], orig=ORIG, dest=DEST
        )

    assert "unavailable" == verdict.as_dict()["case"]
    assert "no trusted STI-CA root is known" in verdict.decisive.detail


async def test_unusable_files_are_named(tmp_path: Path, provider: ServiceProvider) -> None:
    """A CA file or a file of roots that cannot be used is told at the start, by the setting's name."""
    absent = tmp_path / "absent.pem"

    with pytest.raises(SettingsError, match="CPS_CLIENT_CPS_TLS_CA_FILE"):
        CpsClient(ClientSettings(cps_tls_ca_file=absent))
    with pytest.raises(SettingsError, match="the file of roots"):
        async with CpsClient(ClientSettings(trust={"anchors": absent})):
            pass
    with pytest.raises(CredentialError, match="CPS_CLIENT_PRIVATE_KEY"):
        CpsClient(ClientSettings(spc="709J", x5u=provider.x5u, private_key=absent))


async def test_check_passes_when_calls_would_work(cps: FakeCps, client_of: Opened) -> None:
    """Key, SPC and published certificate fit, somebody trusted vouches for it, and the CPS is well."""
    async with client_of(cps.url) as client:
        await client.check()

    assert ["/health"] == [asked.path for asked in cps.requests]


async def test_check_asks_the_cpss_of_all_trunks(cps: FakeCps, second: FakeCps, client_of: Opened) -> None:
    """Each CPS is asked once, whichever routes lead to it, and one without a trunk is not needed."""
    trunks = [{"name": "a", "cps_urls": [second.url, cps.url]}, {"name": "b", "cps_urls": [cps.url]}]
    async with client_of(trunks=trunks) as client:
        await client.check()
        second.reactions = [answering(503)]
        with pytest.raises(UnavailableError, match="the CPS answered 503"):
            await client.check()

    assert ["/health"] == [asked.path for asked in cps.requests]
    assert ["/health"] * 2 == [asked.path for asked in second.requests]


async def test_check_finds_what_is_wrong(
    world: World, cps: FakeCps, provider: ServiceProvider, client_of: Opened
) -> None:
    """A key or SPC that is not the certificate's, an untrusted one, and a CPS that is unwell are all found."""
    other = world.service_provider("709J")
    stranger = world.service_provider("709J", issuer=world.authority("Other", trusted=False))

    async with client_of(cps.url, x5u=other.x5u) as client:
        with pytest.raises(CredentialError, match="CPS_CLIENT_PRIVATE_KEY is not the key"):
            await client.check()
    async with client_of(cps.url, spc="456B") as client:
        with pytest.raises(CredentialError, match="CPS_CLIENT_SPC is not in"):
            await client.check()
    async with client_of(cps.url, x5u=stranger.x5u) as client:
        with pytest.raises(CertificateError):
            await client.check()
    async with client_of(cps.url, x5u="https://cr.example.net/absent.pem") as client:
        with pytest.raises(UnavailableError, match="CPS_CLIENT_X5U: "):
            await client.check()
    cps.reactions = [answering(503), hang]
    async with client_of(cps.url) as client:
        with pytest.raises(UnavailableError, match=r"127.0.0.1:\d+: the CPS answered 503"):
            await client.check()
        with pytest.raises(UnavailableError, match="in time"):
            await client.check(budget=0.2)
    world.fetcher.hold(provider.x5u)
    async with client_of(cps.url) as client:
        with pytest.raises(UnavailableError, match="CPS_CLIENT_X5U could not be read in time"):
            await client.check(budget=0.1)


def test_exports() -> None:
    """Everything that is promised can be imported from the package, and nothing else."""
    import cps_client

    assert all(getattr(cps_client, name) for name in cps_client.__all__)
    with pytest.raises(AttributeError):
        cps_client.nonsense  # noqa: B018 - reading it is the test


@pytest.mark.clause("cps-1-https")
def test_tls_of_the_cps_is_modern(client_of: Opened) -> None:
    """Nothing older than TLS 1.2 is spoken with a CPS."""
    assert ssl.TLSVersion.TLSv1_2 == client_of()._exchange._tls.minimum_version
