"""Tests of stir.revocation: an entry is an issuer and a serial number, and only the right signer is believed."""

from datetime import timedelta
from time import perf_counter

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from stir import limits
from stir.certificate import load_certificates
from stir.errors import ListRefusedError, RevocationListError
from stir.path import TrustAnchors
from stir.revocation import RevocationList
from stir.testing import World, der
from stir.testing.certificates import Template, issue, name, pem_block
from stir.testing.revocation import Entry

CRITICAL_UNKNOWN = der.extension("1.2.3.4", der.NULL, critical=True)
DELTA = der.extension("2.5.29.27", der.integer(1), critical=True)


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


def read(world: World) -> RevocationList:
    """Return the world's CRL as the product reads it."""
    return RevocationList.from_bytes(world.crl.der())


def sti_pa(world: World) -> TrustAnchors:
    """Return the policy administrator's roots."""
    return TrustAnchors(load_certificates(world.sti_pa_anchors_pem)[0])


def signer_of(world: World) -> RevocationList:
    """Check the world's CRL with its own signer as the only candidate."""
    found = read(world)
    found.require_signer([world.crl.signer.certificate], sti_pa(world), at=world.clock.now())
    return found


@pytest.mark.clause("cert-6-form", "cert-6-indirect", "pki-r1-indirect")
def test_a_listed_certificate_is_revoked(world: World) -> None:
    """An indirect CRL revokes the certificate whose issuer and serial number it names (RFC 5280, section 5.3.3)."""
    leaf, other = world.service_provider("709J").leaf, world.service_provider("709J").leaf
    world.crl.revoke(leaf, reason=1)

    found = read(world)

    assert found.is_revoked(leaf.certificate)
    assert not found.is_revoked(other.certificate)
    assert found.is_indirect
    assert 1 == found.entries
    assert 2 == found.number
    assert "<RevocationList 2 of 2026-03-02T12:00:00Z with 1 entries>" == repr(found)


@pytest.mark.clause("cert-6-match", "pki-r1-indirect")
def test_the_same_serial_number_of_another_issuer_is_not_revoked(world: World) -> None:
    """Serial numbers are unique per CA only, so an entry never reaches the certificate of another CA."""
    ours = world.service_provider("709J", serial=4711)
    theirs = world.service_provider("1234", serial=4711, issuer=world.authority("Other CA"))
    world.crl.revoke(theirs.leaf)

    found = read(world)

    assert found.is_revoked(theirs.leaf.certificate)
    assert not found.is_revoked(ours.leaf.certificate)


@pytest.mark.clause("cert-6-entry-issuer")
def test_an_entry_without_issuer_has_the_one_before_it(world: World) -> None:
    """The certificateIssuer of an entry holds for those that follow, until another is named (section 5.3.3)."""
    other = world.authority("Other CA")
    first, second = world.service_provider("1"), world.service_provider("2")
    third = world.service_provider("3", issuer=other)
    fourth = world.service_provider("4", issuer=other)
    fifth = world.service_provider("5")
    for provider in (first, second, third, fourth, fifth):
        world.crl.revoke(provider.leaf, reason=4)
    world.crl.sticky = True

    found = read(world)

    assert 2 == world.crl.der().count(der.extension("2.5.29.29", _names(world.issuer.issuing.subject), critical=True))
    for provider in (first, second, third, fourth, fifth):
        assert found.is_revoked(provider.leaf.certificate)


def _names(issuer: x509.Name) -> bytes:
    return der.sequence(der.explicit(4, issuer.public_bytes()))


@pytest.mark.clause("cert-6-first-issuer")
def test_the_first_issuer_is_the_lists_own(world: World) -> None:
    """Until an entry names an issuer, entries are about certificates of the list's issuer (section 5.3.3)."""
    now = world.clock.now()
    own = issue(Template("SHAKEN own", now, now, serial=7), world.crl.signer)
    leaf = world.service_provider("709J", serial=7).leaf
    world.crl.entries.append(Entry(None, 7, now))

    found = read(world)

    assert found.is_revoked(own.certificate)
    assert not found.is_revoked(leaf.certificate)


@given(st.lists(st.tuples(st.sampled_from([None, 0, 1, 2]), st.integers(1, 6)), max_size=12))
def test_every_order_of_entries_is_read_as_the_rule_says(entries: list[tuple[int | None, int]]) -> None:
    """Whatever the order of named and inherited issuers, the index equals a reading entry by entry."""
    cas = [WORLD.issuer, *OTHERS]
    WORLD.crl.entries = [
        Entry(None if ca is None else cas[ca].issuing.subject, serial, WORLD.clock.now()) for ca, serial in entries
    ]
    expected, current = set(), None
    for ca, serial in entries:
        current = current if ca is None else ca
        expected.add((current, serial))

    found = read(WORLD)

    for ca, leaves in LEAVES.items():
        for serial, leaf in leaves.items():
            assert ((ca, serial) in expected) == found.is_revoked(leaf)


WORLD = World()
OTHERS = [WORLD.authority("Second CA"), WORLD.authority("Third CA")]
LEAVES = {
    number: {serial: WORLD.service_provider("1", issuer=ca, serial=serial).leaf.certificate for serial in range(1, 7)}
    for number, ca in enumerate([WORLD.issuer, *OTHERS])
}


@pytest.mark.clause("cert-6-names", "pki-r2-names")
@pytest.mark.parametrize("folded", ["EXAMPLE CA", "Example  CA ", "example ca"])
def test_issuers_compare_by_value(world: World, folded: str) -> None:
    """An issuer in another string type, case or spacing is the same issuer (RFC 5280, section 7.1)."""
    leaf = world.service_provider("709J").leaf
    printable = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, folded, _type=PRINTABLE),
            x509.NameAttribute(NameOID.COMMON_NAME, "Example CA SHAKEN Issuing CA", _type=PRINTABLE),
        ]
    )
    world.crl.entries.append(Entry(printable, leaf.serial, world.clock.now()))

    assert leaf.issuer.public_bytes() != printable.public_bytes()
    assert read(world).is_revoked(leaf.certificate)


PRINTABLE = x509.name._ASN1Type.PrintableString


@pytest.mark.clause("cert-6-form")
def test_pem_is_read_as_well(world: World) -> None:
    """The STI-PA's CRL may come in DER or PEM, with text around the block."""
    leaf = world.service_provider("709J").leaf
    world.crl.revoke(leaf)

    assert RevocationList.from_bytes(b"# today's\n" + world.crl.pem()).is_revoked(leaf.certificate)


def test_a_national_list_is_read_in_time(world: World) -> None:
    """20,000 entries are indexed in well under a second, and a question costs next to nothing."""
    issuer, now = world.issuer.issuing.subject, world.clock.now()
    world.crl.entries = [Entry(issuer, serial, now) for serial in range(1, 20_001)]
    leaf = world.service_provider("709J", serial=20_000).leaf.certificate
    data = world.crl.der()

    started = perf_counter()
    found = RevocationList.from_bytes(data)

    assert perf_counter() - started < 2
    assert 20_000 == found.entries
    assert found.is_revoked(leaf)


@pytest.mark.clause("cert-6-size")
def test_nothing_but_the_whole_list_is_read(world: World) -> None:
    """A truncated, extended or overlong list is refused whole, with no error but ours."""
    world.crl.revoke(world.service_provider("709J").leaf)
    data = world.crl.der()

    for cut in range(len(data)):
        with pytest.raises(RevocationListError):
            RevocationList.from_bytes(data[:cut])
    for bad in (data + b"\x00", b"", b"\x30\x00", world.crl.pem()[:-30], pem_block(b"\x00", "X509 CRL")):
        with pytest.raises(RevocationListError):
            RevocationList.from_bytes(bad)
    with pytest.raises(RevocationListError, match=f"over {limits.CRL_BYTES} bytes"):
        RevocationList.from_bytes(bytes(limits.CRL_BYTES + 1))


@given(st.data())
def test_damage_is_noticed_or_harmless(data: st.DataObject) -> None:
    """A list with one byte changed is refused as unreadable, or its signature fails: it is never believed."""
    good = SIGNED
    place = data.draw(st.integers(0, len(good) - 1))
    bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]

    with pytest.raises((RevocationListError, ListRefusedError)):
        RevocationList.from_bytes(bad).require_signer([SIGNER], ANCHORS, at=WORLD.clock.now())


SIGNED = WORLD.crl.der()
SIGNER = WORLD.crl.signer.certificate
ANCHORS = sti_pa(WORLD)


@pytest.mark.parametrize(
    ("extension", "complaint"),
    [
        (CRITICAL_UNKNOWN, "critical extension 1.2.3.4"),
        (DELTA, "delta CRL"),
        (der.extension("2.5.29.20", der.integer(2)), "twice"),
        (der.extension("2.5.29.27", der.integer(1)), "delta CRL"),
    ],
)
def test_lists_with_parts_that_must_not_be_ignored_are_refused(world: World, extension: bytes, complaint: str) -> None:
    """A delta CRL is no complete list, and a critical extension has to be understood (RFC 5280, section 5.2)."""
    world.crl.extensions = (extension,)

    with pytest.raises(RevocationListError, match=complaint):
        read(world)


def test_an_unknown_extension_that_is_not_critical_is_ignored(world: World) -> None:
    """What is not critical may be ignored (RFC 5280, section 5.2)."""
    world.crl.extensions = (der.extension("1.2.3.4", der.NULL),)

    assert 1 == read(world).number


@pytest.mark.parametrize(
    ("extension", "complaint"),
    [
        (CRITICAL_UNKNOWN, "critical extension 1.2.3.4"),
        (der.extension("2.5.29.21", b"\x0a\x01\x08"), "removes an entry"),
        (der.extension("2.5.29.29", der.sequence(), critical=True), "does not name one certificate issuer"),
        (der.extension("2.5.29.29", der.sequence(der.implicit(6, b"https://x")), critical=True), "does not name one"),
        (der.extension("2.5.29.29", der.sequence(der.explicit(4, der.NULL)), critical=True), "not DER"),
        (der.extension("2.5.29.29", der.NULL, critical=True), "not DER"),
    ],
)
def test_entries_with_parts_that_must_not_be_ignored_are_refused(
    world: World, extension: bytes, complaint: str
) -> None:
    """An entry that cannot be understood makes the list unusable: nobody knows whom it revokes (section 5.3)."""
    world.crl.entries.append(Entry(None, 1, world.clock.now(), extensions=(extension,)))

    with pytest.raises(RevocationListError, match=complaint):
        read(world)


@pytest.mark.clause("cert-6-idp")
@pytest.mark.parametrize(
    ("number", "complaint"), [(2, "CA certificates"), (3, "some reasons"), (5, "attribute certificates")]
)
def test_partial_lists_are_refused(world: World, number: int, complaint: str) -> None:
    """A list that covers only some certificates or reasons does not tell that a signer is good (section 5.2.5)."""
    world.crl.indirect = None
    scope = der.sequence(der.implicit(number, b"\xff"))
    world.crl.extensions = (der.extension("2.5.29.28", scope, critical=True),)

    with pytest.raises(RevocationListError, match=f"covers only {complaint}"):
        read(world)


@pytest.mark.clause("cert-6-idp")
@pytest.mark.parametrize("indirect", [None, False])
def test_a_direct_list_does_not_speak_of_other_issuers(world: World, indirect: bool | None) -> None:  # noqa: FBT001 - a parameter
    """The entry extension certificateIssuer is for indirect lists only (RFC 5280, section 5.3.3)."""
    world.crl.indirect = indirect
    world.crl.revoke(world.service_provider("709J").leaf)

    with pytest.raises(RevocationListError, match="without being indirect"):
        read(world)


def test_a_direct_list_of_an_sti_ca_works_too(world: World) -> None:
    """An STI-CA's own CRL revokes its certificates, and is signed by the CA itself."""
    leaf = world.service_provider("709J").leaf
    world.crl.signer, world.crl.indirect = world.issuer.issuing, None
    world.crl.entries.append(Entry(None, leaf.serial, world.clock.now()))
    sti_cas = TrustAnchors(load_certificates(world.anchors_pem)[0])

    found = read(world)
    signer = found.require_signer([world.issuer.issuing.certificate], sti_cas, at=world.clock.now())

    assert found.is_revoked(leaf.certificate)
    assert world.issuer.issuing.certificate == signer
    with pytest.raises(ListRefusedError, match="not believed"):
        found.require_signer([world.issuer.issuing.certificate], sti_pa(world), at=world.clock.now())


@pytest.mark.clause("cert-6-signer")
def test_the_signer_is_found_among_the_candidates(world: World) -> None:
    """The signer has the list's issuer name, may sign CRLs, has signed it, and is below the STI-PA's root."""
    found = read(world)
    others = [world.issuer.issuing.certificate, world.ca_list.signer.certificate]

    signer = found.require_signer([*others, world.crl.signer.certificate], sti_pa(world), at=world.clock.now())

    assert world.crl.signer.certificate == signer


def test_an_anchor_may_sign_itself(world: World) -> None:
    """A CRL by the policy administrator's root needs no other certificate, as long as the root is valid."""
    world.crl.signer = world.administrator.root

    assert world.administrator.root.certificate == read(world).require_signer([], sti_pa(world), at=world.clock.now())
    world.clock.advance(timedelta(days=4000))
    with pytest.raises(ListRefusedError, match="not believed"):
        read(world).require_signer([], sti_pa(world), at=world.clock.now())


def test_a_list_by_somebody_elses_key_is_refused(world: World) -> None:
    """The signature over the list's very bytes decides, not its issuer's name."""
    genuine = world.crl.signer
    world.crl.signer = world.administrator.signer("STI-PA CRL", key_usage=("crl_sign",))

    with pytest.raises(ListRefusedError, match="signature is not by C=US, O=STI-PA, CN=STI-PA CRL"):
        read(world).require_signer([genuine.certificate], sti_pa(world), at=world.clock.now())


@pytest.mark.clause("cert-6-signer", "pki-r3-anchor")
def test_a_signer_below_another_root_is_refused(world: World) -> None:
    """Only the policy administrator's own roots vouch for the CRL; an STI-CA of the same spelling does not."""
    now = world.clock.now()
    template = Template("STI-PA CRL", now, now + timedelta(days=1), organization="STI-PA", key_usage=("crl_sign",))
    world.crl.signer = issue(template, world.issuer.root)

    with pytest.raises(ListRefusedError, match="not believed: no path"):
        signer_of(world)


@pytest.mark.clause("cert-6-signer")
@pytest.mark.parametrize("usage", [None, ("digital_signature",)])
def test_a_signer_without_leave_to_sign_crls_is_refused(world: World, usage: tuple[str, ...] | None) -> None:
    """The signer's KeyUsage has cRLSign (RFC 5280, section 6.3.3, step f)."""
    world.crl.signer = world.administrator.signer("STI-PA CRL", key_usage=usage)

    with pytest.raises(ListRefusedError, match="no certificate of a CRL signer named"):
        signer_of(world)


def test_a_signer_that_has_expired_is_refused(world: World) -> None:
    """The signer's certificate is valid when the list is read."""
    world.clock.advance(timedelta(days=1826))

    with pytest.raises(ListRefusedError, match=r"not believed: the signer's certificate .* has expired"):
        signer_of(world)


def test_a_list_from_the_future_is_refused(world: World) -> None:
    """A list's thisUpdate may be ahead by the skew of two clocks, not more."""
    world.crl.this_update = world.clock.now() + limits.LIST_SKEW
    signer_of(world)
    world.crl.this_update += timedelta(seconds=1)

    with pytest.raises(ListRefusedError, match="from the future"):
        signer_of(world)


def test_a_signer_with_an_unreadable_key_has_signed_nothing(world: World) -> None:
    """A candidate whose key cannot be read is passed over with our error, not a foreign one."""
    from dataclasses import replace

    broken = replace(world.crl.signer.certificate, _spki=der.sequence())

    with pytest.raises(ListRefusedError, match="signature is not by"):
        read(world).require_signer([broken], sti_pa(world), at=world.clock.now())


def test_a_list_knows_when_its_successor_is_due(world: World) -> None:
    """After nextUpdate the list is overdue; one without nextUpdate never is."""
    found = read(world)

    assert not found.is_overdue(world.clock.now() + timedelta(days=1))
    assert found.is_overdue(world.clock.now() + timedelta(days=1, seconds=1))
    world.crl.lifetime = None
    assert not read(world).is_overdue(world.clock.now() + timedelta(days=1000))


@pytest.mark.clause("cert-6-older")
def test_an_older_list_does_not_replace_a_newer_one(world: World) -> None:
    """A replayed list must not take back revocations; the same list again is fine."""
    old = read(world)
    world.crl.revoke(world.service_provider("709J").leaf)
    higher = read(world)
    world.clock.advance(60)
    world.crl.number = 1
    later_with_lower_number = read(world)

    higher.require_not_older(old)
    higher.require_not_older(higher)
    for older in (old, later_with_lower_number):
        with pytest.raises(ListRefusedError, match="older"):
            older.require_not_older(higher)


@pytest.mark.clause("cert-6-aia")
def test_the_lists_signer_is_named_in_it(world: World) -> None:
    """AuthorityInformationAccess leads to the signer's certificate (RFC 5280, section 5.2.7)."""
    assert (world.crl.signer_url,) == read(world).signer_urls


def test_a_signature_of_broken_bits_is_refused(world: World) -> None:
    """A signature is whole bytes."""
    to_be_signed, algorithm, signature = der.children(world.crl.der())
    odd = der.tlv(der.BIT_STRING, b"\x01", signature[3:-1], bytes([signature[-1] & 0xFE]))

    with pytest.raises(RevocationListError, match="whole bytes"):
        RevocationList.from_bytes(der.sequence(to_be_signed, algorithm, odd))


def test_both_statements_of_the_algorithm_are_the_same(world: World) -> None:
    """The algorithm outside the signed part equals the one inside, and there is one (RFC 5280, section 5.1.1.2)."""
    to_be_signed, algorithm, signature = der.children(world.crl.der())
    other = der.sequence(*der.children(algorithm), der.NULL)
    found = RevocationList.from_bytes(der.sequence(to_be_signed, other, signature))

    with pytest.raises(ListRefusedError, match="signature is not by"):
        found.require_signer([world.crl.signer.certificate], sti_pa(world), at=world.clock.now())
    with pytest.raises(RevocationListError, match="no algorithm"):
        RevocationList.from_bytes(der.sequence(to_be_signed, der.sequence(), signature))


@pytest.mark.parametrize("curve", ["P-384", "P-521", "RSA-2048"])
def test_signers_may_have_other_keys_than_p256(world: World, curve: str) -> None:
    """The CRL is no JWS: its signer may have any key that a CA may have."""
    world.crl.signer = world.administrator.signer("STI-PA CRL", key_usage=("crl_sign",), key_curve=curve)

    signer_of(world)


def test_names_of_the_world_are_utf8_as_production_writes_them() -> None:
    """The comparison tests above rest on this."""
    assert b"\x0c\x0aExample CA" in name("x", organization="Example CA").public_bytes()


def test_a_list_without_any_extension_is_read(world: World) -> None:
    """A version 1 list has neither number nor extensions (RFC 5280, section 5.1.2.1)."""
    from stir.testing.certificates import sign_der

    algorithm, _ = sign_der(world.crl.signer.private_key, b"")
    now = world.clock.now()
    body = der.sequence(algorithm, world.crl.signer.subject.public_bytes(), der.time(now))
    _, signature = sign_der(world.crl.signer.private_key, body)

    found = RevocationList.from_bytes(der.sequence(body, algorithm, der.bits(signature)))

    assert (None, (), 0, False) == (found.number, found.signer_urls, found.entries, found.is_indirect)
    found.require_signer([world.crl.signer.certificate], sti_pa(world), at=now)


@pytest.mark.parametrize(("number", "read_back"), [(0, 0), (2**159 - 1, 2**159 - 1), (-1, None), (2**159, None)])
def test_the_number_of_a_list_has_20_octets(number: int, read_back: int | None) -> None:
    """A longer CRL number, which no conforming issuer writes (RFC 5280, section 5.2.3), could not be printed."""
    world = World()
    world.crl.number = number
    if read_back is not None:
        assert f"<RevocationList {read_back} " in repr(read(world))
        return
    with pytest.raises(RevocationListError, match="number"):
        read(world)
