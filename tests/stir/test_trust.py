"""Tests of stir.trust: who may sign calls."""

import json
from datetime import datetime, timedelta
from time import perf_counter

import pytest

from stir import limits
from stir.certificate import Certificate, Chain, load_certificates, load_chain
from stir.errors import (
    CertificateFormatError,
    ExpiredError,
    ProfileError,
    RevokedError,
    StirError,
    TNAuthListError,
    UntrustedError,
)
from stir.path import TrustAnchors
from stir.revocation import RevocationList
from stir.testing import Credential, ServiceProvider, Template, World, tnauthlist
from stir.testing.authority import CA_USAGE
from stir.testing.certificates import issue
from stir.trust import Revocation, Scope, Trust, _require_profile
from tests.support.vectors import VECTORS, needs_vectors

DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


def signer(world: World, provider: ServiceProvider) -> Credential:
    """Ask the world's trust for the signer behind a provider's chain."""
    signatory = world.trust.signer(load_chain(provider.chain_pem), at=world.clock.now())
    assert provider.leaf.certificate == signatory.certificate
    return provider.leaf


@pytest.mark.clause(
    "passport-6.1-critical",
    "cert-2-cn",
    "cert-2-oids",
    "cert-2-spc-source",
    "cert-5-trusted",
    "cert-5-warn",
    "pki-c6-cn",
    "pki-c7-policies",
    "pki-c9-lint",
)
@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"chain": "with-root"},
        {"chain": "reversed"},
        {"chain": "comments"},
        {"chain": "crlf"},
        {"chain": "unreadable"},
        {"chain": "twice"},
        {"common_name": "SHAKEN 123A"},
        {"policy": None},
        {"policy": "1.3.6.1.4.1.56223.1"},
        {"key_identifiers": False},
        {"key_usage": None},
        {"is_ca": None},
        {"tn_auth_list_critical": True},
        {"null_parameters": True},
        {"crl_issuer": None},
        {"tn_auth_list": tnauthlist.spc("709j")},
    ],
    ids=str,
)
def test_production_shapes_of_certificates_are_trusted(world: World, knobs: dict[str, object]) -> None:
    """What real STI certificates look like is accepted, decoration apart (ATIS-1000080, section 6.4.1)."""
    signer(world, world.service_provider("709J", **knobs))


@pytest.mark.clause("cert-2-ca-key", "pki-c2-algorithms")
@pytest.mark.parametrize("curve", ["P-384", "P-521", "RSA-2048"])
def test_sti_cas_may_have_other_keys_than_signers(world: World, curve: str) -> None:
    """CA keys on P-384, P-521 and RSA exist in production; only the signer's is always on P-256."""
    authority = world.authority("Other CA", key_curve=curve)

    signer(world, world.service_provider("709J", issuer=authority))


@pytest.mark.clause("pki-c3-null")
def test_null_parameters_in_cas_do_no_harm(world: World) -> None:
    """A root and issuing CA with NULL behind ecdsa-with-SHA256 exist in production and are trusted."""
    signer(world, world.service_provider("709J", issuer=world.authority("Other CA", null_parameters=True)))


@pytest.mark.clause(
    "passport-4.1-spc",
    "passport-6-leaf",
    "passport-6.1-size",
    "cert-2-key",
    "cert-2-ku",
    "cert-2-tnauthlist",
    "cert-2-malformed",
    "cert-5-trusted",
    "pki-c2-es256",
)
@pytest.mark.parametrize(
    ("knobs", "error", "detail"),
    [
        ({"self_signed": True}, UntrustedError, "no path"),
        ({"chain": "leaf-only"}, UntrustedError, "no path"),
        ({"validity": (-10 * DAY, -DAY)}, ExpiredError, "has expired"),
        ({"validity": (DAY, 10 * DAY)}, ExpiredError, "not yet valid"),
        ({"is_ca": True}, ProfileError, "is a CA's"),
        ({"key_curve": "P-384"}, ProfileError, "not on P-256"),
        ({"key_curve": "secp256k1"}, ProfileError, "not on P-256"),
        ({"key_curve": "RSA-2048"}, ProfileError, "not on P-256"),
        ({"key_usage": ("key_agreement",)}, ProfileError, "does not allow digital signatures"),
        ({"tn_auth_list": None}, ProfileError, "no TNAuthList"),
        ({"tn_auth_list": tnauthlist.EMPTY}, ProfileError, "not exactly one"),
        ({"tn_auth_list": tnauthlist.spc("709J", "1234")}, ProfileError, "not exactly one"),
        ({"tn_auth_list": tnauthlist.numbers("12155550100")}, ProfileError, "not exactly one"),
        ({"tn_auth_list": tnauthlist.span("12155550100", 9)}, ProfileError, "not exactly one"),
        ({"tn_auth_list": tnauthlist.TRUNCATED}, TNAuthListError, "not DER"),
        ({"tn_auth_list": tnauthlist.UNTAGGED}, TNAuthListError, "not DER"),
        ({"extensions": (("1.2.3.4", b"\x05\x00", True),)}, ProfileError, "not handled: 1.2.3.4"),
    ],
    ids=str,
)
def test_defects_of_the_signers_certificate_are_named(
    world: World, knobs: dict[str, object], error: type[StirError], detail: str
) -> None:
    """Each defect is refused with its own class, whose sentence says what is wrong."""
    with pytest.raises(error, match=detail):
        signer(world, world.service_provider("709J", **knobs))


@pytest.mark.clause("cert-5-trusted")
def test_an_sti_ca_that_is_not_listed_is_not_trusted(world: World) -> None:
    """A certificate that is perfect but for its root is refused (case E17)."""
    rogue = world.authority("Rogue CA", trusted=False)

    with pytest.raises(UntrustedError):
        signer(world, world.service_provider("709J", issuer=rogue, chain="with-root"))


def test_a_revoked_leaf_is_refused_and_a_forgiven_one_is_not(world: World) -> None:
    """Revocation of the leaf is final as long as it is listed."""
    provider = world.service_provider("709J")
    signer(world, provider)
    world.crl.revoke(provider.leaf)
    with pytest.raises(RevokedError, match="the signer's certificate"):
        signer(world, provider)
    world.crl.forgive(provider.leaf)

    signer(world, provider)


@pytest.mark.clause("passport-6-revoked", "cert-6-intermediates")
def test_a_revoked_intermediate_is_refused(world: World) -> None:
    """Every certificate of the path but the anchor is looked up (ATIS-1000080; intermediates too)."""
    provider = world.service_provider("709J")
    world.crl.revoke(world.issuer.issuing)

    with pytest.raises(RevokedError, match="a CA certificate on each path"):
        signer(world, provider)


def test_anchors_are_not_looked_up(world: World) -> None:
    """A root is distrusted by taking it off the CA list, so an entry for it changes nothing."""
    world.crl.revoke(world.issuer.root)

    signer(world, world.service_provider("709J"))


def test_another_good_path_saves_a_signer_from_a_revoked_ca_certificate(world: World) -> None:
    """A CA that was certified anew under the same key stays good when its old certificate is revoked."""
    provider = world.service_provider("709J")
    now = world.clock.now()
    old = world.issuer.issuing
    again = issue(
        Template(
            "Example CA SHAKEN Issuing CA",
            now - DAY,
            now + DAY,
            organization="Example CA",
            key=old.private_key,
            is_ca=True,
            key_usage=CA_USAGE,
        ),
        world.issuer.root,
    )
    both = load_chain(provider.leaf.pem + old.pem + again.pem)
    world.crl.revoke(old)

    assert provider.leaf.certificate == world.trust.signer(both, at=now).certificate
    with pytest.raises(RevokedError):
        world.trust.signer(both, at=now + 2 * DAY)
    world.crl.revoke(again)
    with pytest.raises(RevokedError):
        world.trust.signer(both, at=now)


@pytest.mark.clause("passport-6.3-shaken", "cert-2-tnauthlist-ca")
def test_a_providers_own_ca_cannot_name_another_provider(world: World) -> None:
    """A CA with a TNAuthList issues delegate certificates (RFC 9060), never SHAKEN ones with a code of its choice."""
    now = world.clock.now()
    template = Template(
        "Delegate CA", now - DAY, now + DAY, is_ca=True, key_usage=CA_USAGE, tn_auth_list=tnauthlist.spc("1234")
    )
    delegate = issue(template, world.issuer.issuing)
    leaf = issue(world.issuer.template("709J", at=now), delegate)
    chain = load_chain(leaf.pem + delegate.pem + world.issuer.issuing.pem)

    with pytest.raises(ProfileError, match="by a CA with a TNAuthList"):
        world.trust.signer(chain, at=now)


def test_the_order_of_complaints_is_fixed(world: World) -> None:
    """Of several defects the same one is always named: path, then validity, then revocation, then profile."""
    bad = {"tn_auth_list": tnauthlist.EMPTY}
    revoked = world.service_provider("709J", **bad)
    expired = world.service_provider("709J", validity=(-10 * DAY, -DAY), **bad)
    for provider in (revoked, expired):
        world.crl.revoke(provider.leaf)

    with pytest.raises(RevokedError):
        signer(world, revoked)
    with pytest.raises(ExpiredError):
        signer(world, expired)


def test_without_a_revocation_list_nothing_is_revoked(world: World) -> None:
    """Whether to go without a list is decided by who makes the trust."""
    provider = world.service_provider("709J")
    world.crl.revoke(provider.leaf)
    anchors = TrustAnchors(load_certificates(world.anchors_pem)[0])

    signatory = Trust(anchors).signer(load_chain(provider.chain_pem), at=world.clock.now())
    assert (provider.leaf.certificate, Revocation.OFF) == (signatory.certificate, signatory.revocation)


def test_an_unreadable_key_is_refused(world: World) -> None:
    """A key that no library reads is the certificate's fault, and our error class."""
    provider = world.service_provider("709J", key_curve="P-256")
    bad = provider.leaf.der.replace(b"\x03\x42\x00\x04", b"\x03\x42\x00\x07", 1)  # no such point format
    chain = load_chain(provider.chain_pem)
    with pytest.raises((CertificateFormatError, UntrustedError)):
        world.trust.signer(Chain(Certificate.from_der(bad), chain.others), at=world.clock.now())


def test_a_warm_check_costs_no_signature(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found good is remembered with the chain, so a provider's second PASSporT costs no chain check."""
    provider, trust, at = world.service_provider("709J"), world.trust, world.clock.now()
    chain = load_chain(provider.chain_pem)
    trust.signer(chain, at=at)
    checked = []
    monkeypatch.setattr("stir.trust.validate", lambda *arguments, **_: checked.append(arguments))
    monkeypatch.setattr(Certificate, "is_issued_by", lambda *pair: checked.append(pair))

    started = perf_counter()
    for _ in range(1000):
        assert chain.leaf is trust.signer(chain, at=at).certificate

    assert [] == checked
    assert perf_counter() - started < 1  # in truth some 5 µs each


@pytest.mark.clause("passport-5-again")
def test_a_good_verdict_is_remembered_only_while_its_path_holds(world: World) -> None:
    """Expiry is noticed without anything being fetched or reloaded."""
    provider, trust, at = world.service_provider("709J"), world.trust, world.clock.now()
    chain = load_chain(provider.chain_pem)
    trust.signer(chain, at=at)

    with pytest.raises(ExpiredError):
        trust.signer(chain, at=at + timedelta(days=90, seconds=1))
    assert chain.leaf is trust.signer(chain, at=at).certificate


def test_a_list_of_a_stranger_is_not_the_worlds(world: World) -> None:
    """A revocation list is a value: another world's list does not touch this one's certificates."""
    stranger = World()
    provider = world.service_provider("709J", serial=1)
    stranger.crl.revoke(stranger.service_provider("709J", serial=2).leaf)
    trust = Trust(world.trust.anchors, RevocationList.from_bytes(stranger.crl.der()))

    assert provider.leaf.certificate == trust.signer(load_chain(provider.chain_pem), at=world.clock.now()).certificate


def test_what_is_known_of_revocation_is_told(world: World) -> None:
    """Checked, unknown without the list that there ought to be, or by a list that does not speak for all; else off."""
    chain, now = load_chain(world.service_provider("709J").chain_pem), world.clock.now()
    anchors, national = world.trust.anchors, world.trust.revocation
    world.crl.signer, world.crl.indirect = world.issuer.issuing, None
    direct = RevocationList.from_bytes(world.crl.der())

    def known(revocation: RevocationList | None, at: datetime = now, *, wanted: bool = True) -> Revocation:
        return Trust(anchors, revocation, revocation_wanted=wanted).signer(chain, at=at).revocation

    assert Revocation.CHECKED is known(national)
    assert Revocation.CHECKED is known(national, now + DAY + limits.CRL_GRACE)
    assert Revocation.UNKNOWN is known(national, now + DAY + limits.CRL_GRACE + timedelta(seconds=1))
    assert Revocation.UNKNOWN is known(direct)  # it is the issuing CA's, and says nothing of that CA's own certificate
    assert Revocation.UNKNOWN is known(None)
    assert Revocation.OFF is known(None, wanted=False)


def test_what_is_known_of_revocation_grows_old_in_memory_too(world: World) -> None:
    """A signer found good once is not called checked by a list that has become overdue meanwhile."""
    chain, at, trust = load_chain(world.service_provider("709J").chain_pem), world.clock.now(), world.trust
    later = at + DAY + limits.CRL_GRACE + timedelta(seconds=1)

    found = [trust.signer(chain, at=when).revocation for when in (at, later, at)]

    assert [Revocation.CHECKED, Revocation.UNKNOWN, Revocation.CHECKED] == found


def published_leaves() -> list[dict]:
    """Return the published end-entity certificates, with what is to be expected of each."""
    if not VECTORS.is_dir():
        return []
    manifest = json.loads((VECTORS / "manifest.json").read_text())
    return [each for each in manifest["certificates"] if each["kind"] == "leaf"]


REFUSED = {
    "TNAUTHLIST_MALFORMED",
    "NO_TNAUTHLIST",
    "TNAUTHLIST_NO_SPC",
    "TNAUTHLIST_EMPTY",
    "TNAUTHLIST_MULTIPLE",
    "KEY_NOT_P256",
}


@pytest.mark.clause("cert-2-aia")
@needs_vectors
@pytest.mark.parametrize("published", published_leaves(), ids=lambda each: each["id"])
def test_published_leaves_are_judged_as_expected(published: dict) -> None:
    """Other people's signer certificates, real and made to be wrong: refused for what matters, and for nothing else."""
    (leaf,), _ = load_certificates((VECTORS / published["file"]).read_bytes())
    findings = set(published["expect"]["profile_findings"])

    try:
        _require_profile(Chain(leaf), Scope.SPC)
        refused = False
    except (ProfileError, TNAuthListError):
        refused = True

    assert bool(findings & REFUSED) == refused, findings
