"""Tests of stir.aio.trust: what a server trusts at any time, through outages, reloads and expiry."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from stir import limits
from stir.aio.trust import FixedTrust, LiveTrust, TrustMaterial
from stir.certificate import load_chain
from stir.errors import CertificateFormatError, NoTrustError, RevokedError
from stir.testing import World
from stir.trust import Revocation
from tests.support.waiting import Naps

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
Make = Callable[..., LiveTrust]


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.fixture
def naps(world: World) -> Naps:
    """Return the sleep of the background tasks."""
    return Naps(world.clock)


@pytest.fixture
async def live(world: World, naps: Naps) -> AsyncIterator[Make]:
    """Return a maker of trusts in this world: by default everything is configured but a file of STI-CA roots."""
    made: list[LiveTrust] = []

    def make(**changes: object) -> LiveTrust:
        settings = {
            "material": lambda: TrustMaterial.from_pem(None, world.sti_pa_anchors_pem),
            "ca_list_url": world.ca_list.url,
            "crl_url": world.crl.url,
            **changes,
        }
        made.append(LiveTrust(world.fetcher, world.clock, settings.pop("material"), sleep=naps.sleep, **settings))
        return made[-1]

    yield make
    await asyncio.gather(*(each.close() for each in made))


async def test_everything_comes_from_the_lists(world: World, live: Make) -> None:
    """With the STI-PA's roots alone the STI-CAs come from the CA list and revocation from the CRL."""
    provider = world.service_provider("709J")
    trust = live()
    await trust.start()

    signatory = trust.current().signer(load_chain(provider.chain_pem), at=world.clock.now())
    assert provider.leaf.certificate == signatory.certificate
    assert trust.current() is trust.current()
    assert (1, True, True, 0, ()) == (
        trust.status.anchors,
        trust.status.revocation_known,
        trust.status.refreshing,
        trust.status.unchecked,
        trust.status.complaints,
    )
    assert 2 == trust.status.ca_list.edition.sequence
    assert 0 == trust.status.crl.edition.entries


async def test_a_file_of_roots_is_enough(world: World, live: Make) -> None:
    """CA list and CRL are optional; without a CRL nothing is counted as unchecked, for revocation is off."""
    trust = live(material=lambda: TrustMaterial.from_pem(world.anchors_pem), ca_list_url=None, crl_url=None)
    await trust.start()

    assert 1 == len(trust.current().anchors)
    assert trust.current().revocation is None
    assert (None, None, False, 0) == (
        trust.status.ca_list,
        trust.status.crl,
        trust.status.revocation_known,
        trust.status.unchecked,
    )


async def test_file_and_list_add_up(world: World, live: Make) -> None:
    """Roots of the file and of the CA list are trusted alike, each once."""
    own = world.authority("Private CA", trusted=False)
    material = TrustMaterial.from_pem(world.anchors_pem + own.root.pem, world.sti_pa_anchors_pem)
    trust = live(material=lambda: material)
    await trust.start()

    assert 2 == len(trust.current().anchors)
    assert trust.current() is trust.current()


async def test_nothing_is_trusted_before_the_first_root(world: World, live: Make, naps: Naps) -> None:
    """Until a root is known the answer is NoTrustError; once the list can be had it is trusted by itself."""
    world.fetcher.down(world.ca_list.url)
    trust = live()
    with pytest.raises(NoTrustError):
        trust.current()
    await trust.start()
    with pytest.raises(NoTrustError, match="no trusted STI-CA root is known"):
        trust.current()
    world.fetcher.up(world.ca_list.url)

    await naps.pass_time(10)

    assert 1 == len(trust.current().anchors)


@pytest.mark.clause("cps-6.4-8")
async def test_revocation_reaches_calls_by_itself(world: World, live: Make, naps: Naps) -> None:
    """A certificate put on the CRL is refused after the next refresh, at the latest 12 hours later."""
    provider = world.service_provider("709J")
    chain = load_chain(provider.chain_pem)
    trust = live()
    await trust.start()
    trust.current().signer(chain, at=world.clock.now())
    world.crl.revoke(provider.leaf)

    await naps.pass_time(timedelta(hours=12, seconds=1))

    with pytest.raises(RevokedError):
        trust.current().signer(chain, at=world.clock.now())


async def test_a_root_taken_off_the_list_is_trusted_no_more(world: World, live: Make, naps: Naps) -> None:
    """The CA list is in force as it is now, not as it once was."""
    world.authority("Second CA")
    trust = live()
    await trust.start()
    assert 2 == len(trust.current().anchors)
    world.ca_list.distrust(world.trusted[1].root)

    await naps.pass_time(timedelta(hours=12, seconds=1))

    assert (world.issuer.root.certificate,) == trust.current().anchors.certificates


async def test_the_anchors_stay_the_same_object_while_the_roots_do(world: World, live: Make) -> None:
    """A daily list with the same roots does not throw away the paths that were found."""
    trust = live()
    await trust.start()
    before = trust.current().anchors
    world.ca_list.sequence += 1
    await trust.reload()

    assert before is trust.current().anchors


@pytest.mark.clause("cert-6-open")
async def test_an_outage_of_the_crl_is_survived_and_counted(world: World, live: Make) -> None:
    """Without a CRL verification goes on, and each question while revocation is unknown is counted (fail open)."""
    world.fetcher.down(world.crl.url)
    trust = live()
    await trust.start()

    trust.current()
    trust.current()

    assert (2, False) == (trust.status.unchecked, trust.status.revocation_known)
    assert 1 == trust.status.crl.failures


@pytest.mark.clause("cert-6-last")
async def test_an_overdue_crl_still_revokes_and_is_counted(world: World, live: Make) -> None:
    """The last good list stays in force past its nextUpdate, and that is not hidden."""
    provider = world.service_provider("709J")
    world.crl.revoke(provider.leaf)
    trust = live()
    await trust.start()
    world.clock.advance(DAY + limits.CRL_GRACE + SECOND)

    with pytest.raises(RevokedError):
        trust.current().signer(load_chain(provider.chain_pem), at=world.clock.now())
    assert 1 == trust.status.unchecked
    assert trust.status.crl.is_stale(world.clock.now())


@pytest.mark.clause("cert-6-open")
async def test_fail_closed_trusts_nobody_while_revocation_is_unknown(world: World, live: Make) -> None:
    """Whoever prefers refusing to guessing gets NoTrustError instead."""
    trust = live(fail_closed=True)
    await trust.start()
    trust.current()
    world.clock.advance(DAY + limits.CRL_GRACE)
    trust.current()
    world.clock.advance(1)

    with pytest.raises(NoTrustError, match="revocation is not known"):
        trust.current()


@pytest.mark.clause("cert-6-unknown")
async def test_a_signer_says_what_is_known_of_its_revocation(world: World, live: Make) -> None:
    """Checked while the CRL is current and an hour longer; then, and before the first CRL, unknown; off if unset."""
    chain = load_chain(world.service_provider("709J").chain_pem)

    def known(trust: LiveTrust) -> Revocation:
        return trust.current().signer(chain, at=world.clock.now()).revocation

    off = live(crl_url=None)
    await off.start()
    assert (Revocation.OFF, None) == (known(off), off.status.revocation_age)
    trust = live()
    world.fetcher.down(world.crl.url)
    await trust.start()
    assert (Revocation.UNKNOWN, None) == (known(trust), trust.status.revocation_age)
    world.fetcher.up(world.crl.url)
    await trust.reload()
    assert Revocation.CHECKED is known(trust)
    world.clock.advance(DAY + limits.CRL_GRACE)
    assert Revocation.CHECKED is known(trust)
    assert (True, DAY + limits.CRL_GRACE) == (trust.status.revocation_known, trust.status.revocation_age)
    world.clock.advance(1)
    assert (Revocation.UNKNOWN, False) == (known(trust), trust.status.revocation_known)


@pytest.mark.clause("cert-4.1-grace")
async def test_an_old_ca_list_has_a_grace(world: World, live: Make) -> None:
    """Past exp the last good CA list serves for a week of outage, then no more."""
    trust = live(crl_url=None)
    await trust.start()

    world.clock.advance(8 * DAY)
    trust.current()
    assert trust.status.ca_list.is_stale(world.clock.now())
    world.clock.advance(1)
    with pytest.raises(NoTrustError):
        trust.current()


async def test_reload_reads_files_and_lists_again(world: World, live: Make) -> None:
    """After SIGHUP new roots and new lists are in force at once."""
    second = world.authority("Second CA", trusted=False)
    roots = [world.anchors_pem]
    trust = live(material=lambda: TrustMaterial.from_pem(roots[0], world.sti_pa_anchors_pem), ca_list_url=None)
    await trust.start()
    provider = world.service_provider("709J", issuer=second)
    roots[0] += second.root.pem
    world.crl.revoke(world.issuer.issuing)

    await trust.reload()

    trust.current().signer(load_chain(provider.chain_pem), at=world.clock.now())
    assert trust.current().revocation.is_revoked(world.issuer.issuing.certificate)


async def test_a_broken_reload_changes_nothing(world: World, live: Make) -> None:
    """A file that holds no root is refused whole, and what was in force stays."""
    roots = [world.anchors_pem]
    trust = live(material=lambda: TrustMaterial.from_pem(roots[0]), ca_list_url=None, crl_url=None)
    await trust.start()
    before = trust.current()
    roots[0] = b"nothing"

    with pytest.raises(CertificateFormatError, match="STI-CA roots holds no usable root"):
        await trust.reload()

    assert before is trust.current()


async def test_a_broken_file_stops_the_start(live: Make, tmp_path: Path) -> None:
    """Configuration mistakes are caught when the server starts."""
    missing = live(material=lambda: TrustMaterial.from_files(tmp_path / "none.pem"))

    with pytest.raises(NoTrustError, match=r"none\.pem cannot be read: No such file"):
        await missing.start()


@pytest.mark.clause("cert-6-indirect")
async def test_an_indirect_crl_needs_the_policy_administrators_roots(world: World, live: Make) -> None:
    """Without them the national CRL cannot be believed, nor may an STI-CA speak for the others in an indirect one."""
    trust = live(material=lambda: TrustMaterial.from_pem(world.anchors_pem), ca_list_url=None)
    await trust.start()

    trust.current()

    assert "list-refused" == trust.status.crl.last_error.code
    assert 1 == trust.status.unchecked
    world.crl.signer = world.issuer.issuing
    world.fetcher.serve_chain(world.crl.signer_url, world.issuer.issuing.pem)
    await trust.reload()
    assert "indirect" in trust.status.crl.last_error.detail
    world.crl.indirect = None
    await trust.reload()
    assert trust.status.crl.last_error is None


async def test_the_ca_list_needs_the_policy_administrators_roots(world: World, live: Make) -> None:
    """STI-CA roots do not vouch for the CA list."""
    trust = live(material=lambda: TrustMaterial.from_pem(world.anchors_pem), crl_url=None)
    await trust.start()

    assert "list-refused" == trust.status.ca_list.last_error.code


def test_files_are_read_and_bad_blocks_reported(world: World, tmp_path: Path) -> None:
    """A bad root in a file is reported and does not harm the others."""
    file = tmp_path / "roots.pem"
    file.write_bytes(world.anchors_pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    material = TrustMaterial.from_files(file, file)

    assert 1 == len(material.anchors)
    assert ["STI-CA certificate 2", "STI-PA certificate 2"] == [each.split(":")[0] for each in material.complaints]
    assert TrustMaterial() == TrustMaterial.from_files()


def test_a_fixed_trust_never_changes(world: World) -> None:
    """Commands that work on files need no lists."""
    trust = world.trust

    assert trust is FixedTrust(trust).current()
