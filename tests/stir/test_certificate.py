"""Certificates: what production serves is read, what could deceive is refused, and nothing else leaks."""

import base64
import hashlib
import time
from contextlib import suppress
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from stir import limits
from stir.certificate import Certificate, Chain, load_certificates, load_chain, verify_signature
from stir.errors import CertificateFormatError, StirError, TNAuthListError
from stir.tnauthlist import TNAuthList
from tests.support import certificates as make
from tests.support.certificates import NOW, NULL, ca, leaf, oid, root, tlv

ROOT = root()
CA = ca(ROOT)
LEAF = leaf(CA)


def read(made: make.Made) -> Certificate:
    """Read a made certificate."""
    return Certificate.from_der(made.der)


def with_extension(*extensions: bytes) -> Certificate:
    """Read a leaf with other extensions."""
    return read(LEAF.but(extensions=extensions))


# Reading -------------------------------------------------------------------------------------------------------


def test_a_leaf_says_what_it_is() -> None:
    """Names, serial number, validity, key, constraints, usages and the TNAuthList are there to be asked."""
    found = read(LEAF)
    assert 3 == found.version
    assert 0x0FEDCBA987654321 == found.serial
    assert "SHAKEN 1234" == found.subject.common_name
    assert "C=US, O=Example, CN=SHAKEN CA" == str(found.issuer)
    assert LEAF.not_before == found.not_before
    assert LEAF.not_after == found.not_after
    assert UTC == found.not_before.tzinfo
    assert LEAF.key.public_key() == found.public_key
    assert not found.is_ca
    assert found.path_length is None
    assert frozenset({"digitalSignature"}) == found.key_usage
    assert TNAuthList.of(spcs=["1234"]) == found.tn_auth_list
    assert frozenset({"2.5.29.19", "2.5.29.15"}) == found.critical
    assert make.ECDSA_SHA256 == found.signature_algorithm
    assert hashlib.sha256(LEAF.der).hexdigest() == found.fingerprint
    assert f"<Certificate {found.fingerprint[:16]} C=US, O=Example, CN=SHAKEN 1234>" == repr(found)


@pytest.mark.clause("cert-2-bc")
def test_a_ca_says_what_it_may() -> None:
    """A CA has its constraints, its usages, and no TNAuthList."""
    found = read(ca(ROOT, path_length=2))
    assert found.is_ca
    assert 2 == found.path_length
    assert frozenset({"keyCertSign"}) == found.key_usage
    assert found.tn_auth_list is None
    assert not found.is_self_issued
    assert read(ROOT).is_self_issued


def test_certificates_are_values() -> None:
    """Equal and hashed by their bytes, and not to be changed."""
    assert read(LEAF) == read(LEAF)
    assert hash(read(LEAF)) == hash(read(LEAF))
    assert read(LEAF) != read(CA)
    with pytest.raises(FrozenInstanceError):
        read(LEAF).is_ca = True


@pytest.mark.clause("cert-2-serial")
@pytest.mark.parametrize("serial", [0, -5, 2**159, 1])
def test_any_serial_number_is_read(serial: int) -> None:
    """Serial numbers that the profile forbids are a lint, not a refusal."""
    assert serial == read(LEAF.but(serial=serial)).serial


@pytest.mark.parametrize(("written", "version"), [(None, 1), (0, 1), (1, 2), (2, 3)])
def test_any_version_is_read(written: int | None, version: int) -> None:
    """Versions 1 and 2 are read, so that they can be talked about; no path accepts them."""
    assert version == read(LEAF.but(version=written, extensions=())).version


@pytest.mark.parametrize("written", [-1, 256, 10**5_000], ids=["negative", "large", "huge"])
def test_a_version_is_a_small_number(written: int) -> None:
    """A number of thousands of digits could not even be named in a complaint: Python refuses to write it."""
    with pytest.raises(CertificateFormatError, match="version"):
        read(LEAF.but(version=written, extensions=()))


def test_dates_beyond_2049_are_read() -> None:
    """GeneralizedTime stands from 2050 on, up to the end of time (RFC 5280, section 4.1.2.5)."""
    assert (
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        == read(LEAF.but(not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))).not_after
    )


def test_an_explicit_default_is_read() -> None:
    """``critical FALSE`` and ``cA FALSE`` written out, which DER forbids and many CAs do, are read."""
    explicit = make.extension("2.5.29.19", tlv(0x30, tlv(0x01, b"\x00")), critical=False)
    found = with_extension(explicit)
    assert not found.is_ca
    assert frozenset() == found.critical


def test_a_path_length_without_being_a_ca_means_nothing() -> None:
    """A pathLenConstraint counts only with cA (RFC 5280, section 4.2.1.9)."""
    found = with_extension(make.extension("2.5.29.19", tlv(0x30, make.integer(3))))
    assert not found.is_ca
    assert found.path_length is None


@pytest.mark.clause("pki-c4-keyusage")
@pytest.mark.parametrize(
    ("bits", "usages"),
    [
        (b"\x07\x80", {"digitalSignature"}),
        (b"\x00\x80", {"digitalSignature"}),
        (b"\x06\xc0", {"digitalSignature", "nonRepudiation"}),
        (b"\x07\xc0", {"digitalSignature"}),
        (b"\x01\x06", {"keyCertSign", "cRLSign"}),
        (b"\x07\x00\x80", {"decipherOnly"}),
        (b"\x00\x80\x00\x00", {"digitalSignature"}),
        (b"\x00", set()),
        (b"\x03", set()),
    ],
)
def test_key_usage_with_a_wrong_count_of_unused_bits_is_read(bits: bytes, usages: set[str]) -> None:
    """322 production certificates count the unused bits of KeyUsage wrongly; bits called unused do not count."""
    assert usages == with_extension(make.key_usage(bits)).key_usage


def test_key_identifiers_are_read() -> None:
    """Subject and authority key identifiers, and the authority's serial number, are there for the path."""
    found = with_extension(make.subject_key_id(b"\x01\x02"), make.authority_key_id(b"\x03", serial=0x77))
    assert b"\x01\x02" == found.subject_key_id
    assert b"\x03" == found.authority_key_id
    assert 0x77 == found.authority_serial
    assert read(LEAF).subject_key_id is None
    assert read(LEAF).authority_key_id is None
    assert read(LEAF).authority_serial is None


@pytest.mark.parametrize("value", [b"", b"\x02\x01\x01", b"\x04\x01\x01\x00", b"\x30\x00\x00"])
def test_an_unreadable_key_identifier_is_none(value: bytes) -> None:
    """Key identifiers are hints: a broken one does not hide a certificate whose signature fits."""
    found = with_extension(make.extension("2.5.29.14", value), make.extension("2.5.29.35", value))
    assert (None, None) == (found.subject_key_id, found.authority_key_id)
    assert found.is_issued_by(read(CA))


def test_a_fault_in_an_extension_that_is_not_judged_harms_nobody() -> None:
    """A broken distribution point or unknown extension leaves the certificate readable, and its bytes at hand."""
    found = with_extension(make.extension("2.5.29.31", b"\xff"), make.extension("1.2.3.4", b"", critical=True))
    assert b"\xff" == found.extensions["2.5.29.31"].value
    assert found.extensions["1.2.3.4"].critical


@pytest.mark.clause("cert-2-malformed", "pki-c5-broken")
def test_a_broken_tnauthlist_is_reported_when_asked_for() -> None:
    """A malformed TNAuthList does not take the certificate down, and never passes for an absent one."""
    found = with_extension(make.extension("1.3.6.1.5.5.7.1.26", b"\x30\xa0"))
    for _ in range(2):
        with pytest.raises(TNAuthListError):
            _ = found.tn_auth_list


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param([make.basic_constraints(ca=False)] * 2, id="an extension twice"),
        pytest.param([make.SPC, make.SPC], id="a TNAuthList twice"),
        pytest.param([make.extension("2.5.29.19", b"\x04\x00")], id="constraints are no sequence"),
        pytest.param([make.extension("2.5.29.19", b"")], id="constraints are empty"),
        pytest.param([make.extension("2.5.29.19", tlv(0x30, tlv(0x01, b"\x01")))], id="cA is neither true nor false"),
        pytest.param([make.extension("2.5.29.19", tlv(0x30) + b"\x00")], id="bytes behind the constraints"),
        pytest.param([make.basic_constraints(ca=True, path_length=-1)], id="negative path length"),
        pytest.param([make.extension("2.5.29.15", tlv(0x04, b"\x07\x80"))], id="usage is no bit string"),
        pytest.param([make.key_usage(b"")], id="usage without the count of unused bits"),
        pytest.param([make.key_usage(b"\x08\x80")], id="usage with eight unused bits"),
        pytest.param([make.extension("2.5.29.15", b"\x03\x02\x07\x80\x00")], id="bytes behind the usage"),
    ],
)
def test_what_a_path_is_judged_by_must_be_readable(extensions: list[bytes]) -> None:
    """A fault in constraints or usages, or an extension twice, makes a certificate unusable."""
    with pytest.raises(CertificateFormatError):
        with_extension(*extensions)


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(LEAF.der + b"\x00", id="bytes behind"),
        pytest.param(LEAF.der[:-1], id="cut short"),
        pytest.param(b"\x30\x80" + LEAF.der[4:] + b"\x00\x00", id="indefinite length"),
        pytest.param(tlv(0x30, b"\x30\x00" * 2, tlv(0x03, b"\x00")), id="empty parts"),
    ],
)
def test_bytes_that_are_no_certificate_are_refused(der: bytes) -> None:
    """Anything but one DER certificate is CertificateFormatError."""
    with pytest.raises(CertificateFormatError):
        Certificate.from_der(der)


def test_a_signature_of_half_bytes_is_refused() -> None:
    """A signature whose last bits are unused is none."""
    even = next(
        der for der in (LEAF.but(serial=number, unused_bits=1).der for number in range(1, 99)) if not der[-1] % 2
    )
    with pytest.raises(CertificateFormatError, match="whole bytes"):
        Certificate.from_der(even)


@pytest.mark.parametrize("parts", [[], [oid(make.ECDSA_SHA256), NULL, NULL], [NULL]])
def test_a_signature_has_one_algorithm(parts: list[bytes]) -> None:
    """An AlgorithmIdentifier is an object identifier and at most one parameter."""
    with pytest.raises(CertificateFormatError):
        read(LEAF.but(outer_algorithm=tlv(0x30, *parts)))


@pytest.mark.parametrize(
    "not_after",
    [
        pytest.param(tlv(0x18, b"20261231235959.5Z"), id="fraction of a second"),
        pytest.param(tlv(0x17, b"2612312359Z"), id="no seconds"),
        pytest.param(tlv(0x17, b"261231235959+0000"), id="offset"),
        pytest.param(tlv(0x17, b"261331235959Z"), id="thirteenth month"),
        pytest.param(tlv(0x18, b"00001231235959Z"), id="year 0"),
        pytest.param(tlv(0x0C, b"261231235959Z"), id="text"),
    ],
)
def test_validity_is_two_instants_in_whole_seconds(not_after: bytes) -> None:
    """Times are in UTC and whole seconds, and exist (RFC 5280, section 4.1.2.5)."""
    with pytest.raises(CertificateFormatError):
        read(LEAF.but(validity=tlv(0x30, make.moment(NOW), not_after)))


# Keys and signatures -------------------------------------------------------------------------------------------


def test_an_unreadable_key_is_reported_when_asked_for() -> None:
    """A key that is none does not keep the certificate from being read; nothing verifies under it."""
    broken = ca(ROOT, spki=tlv(0x30, tlv(0x30, oid("1.2.3.4")), tlv(0x03, b"\x00\x01")))
    found = read(broken)
    with pytest.raises(CertificateFormatError, match="public key"):
        _ = found.public_key
    assert not read(leaf(broken)).is_issued_by(found)


@pytest.mark.clause("pki-c2-algorithms")
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048"])
def test_the_keys_of_production_cas_verify(kind: str) -> None:
    """CAs have NIST curves and RSA; a changed certificate or another key does not verify."""
    issuer, other = ca(ROOT, kind=kind), ca(ROOT, kind=kind, key_label="other")
    assert read(leaf(issuer)).is_issued_by(read(issuer))
    assert not read(leaf(issuer)).is_issued_by(read(other))
    assert not read(leaf(issuer, flip=1)).is_issued_by(read(issuer))
    assert isinstance(read(issuer).public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)


def test_the_name_of_the_issuer_must_fit() -> None:
    """A signature alone does not make an issuer."""
    renamed = ca(ROOT, "ANOTHER CA", key_label="SHAKEN CA")
    assert read(CA).public_key == read(renamed).public_key
    assert not read(LEAF).is_issued_by(read(renamed))


@pytest.mark.clause("pki-c3-null")
@pytest.mark.parametrize("odd", [{}, {"outer": NULL, "inner": NULL}, {"outer": b"\x04\x00", "inner": b"\x04\x00"}])
def test_null_parameters_are_signed_over_as_they_stand(odd: dict) -> None:
    """NULL behind ECDSA, as a large carrier's CA writes it, is read and verified over the original bytes."""
    assert read(leaf(CA, **odd)).is_issued_by(read(CA))
    assert not read(leaf(CA, **odd, flip=1)).is_issued_by(read(CA))


@pytest.mark.parametrize(("outer", "inner"), [(NULL, b""), (b"", NULL), (b"\x04\x00", NULL)])
def test_the_two_algorithms_must_agree(outer: bytes, inner: bytes) -> None:
    """The signed and the unsigned AlgorithmIdentifier are the same (RFC 5280, section 4.1.1.2)."""
    assert not read(leaf(CA, outer=outer, inner=inner)).is_issued_by(read(CA))


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param(ca(ROOT, kind="RSA-1024"), id="RSA of 1024 bits"),
        pytest.param(ca(ROOT, kind="secp256k1"), id="a curve of no profile"),
    ],
)
def test_weak_keys_sign_nothing(issuer: make.Made) -> None:
    """Keys that are too small, or on other curves, are no CA's."""
    assert not read(leaf(issuer)).is_issued_by(read(issuer))


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("P-256", make.ECDSA_SHA1),
        ("RSA-2048", make.RSA_SHA1),
        ("P-256", make.RSA_SHA256),
        ("RSA-2048", make.ECDSA_SHA256),
    ],
)
def test_old_hashes_and_wrong_kinds_do_not_verify(kind: str, algorithm: str) -> None:
    """SHA-1 is no longer proof, and an algorithm must be of the key's kind."""
    issuer = ca(ROOT, kind=kind)
    assert not read(leaf(issuer, algorithm=algorithm)).is_issued_by(read(issuer))


def spki(key: object) -> bytes:
    """Encode a public key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_keys_of_other_kinds_verify_nothing() -> None:
    """Ed25519 and DSA keys are read, and are no CA's."""
    for key in (ed25519.Ed25519PrivateKey.generate(), dsa.generate_private_key(2048)):
        issuer = read(ca(ROOT, spki=spki(key.public_key())))
        assert key.public_key() == issuer.public_key
        assert not read(LEAF).is_issued_by(issuer)


def rsa_key(exponent: int) -> rsa.RSAPrivateKey:
    """Make an RSA key with a public exponent of one's choice."""
    known = make.key("primes", "RSA-2048").private_numbers()
    private = pow(exponent, -1, (known.p - 1) * (known.q - 1))
    first, second = rsa.rsa_crt_dmp1(private, known.p), rsa.rsa_crt_dmq1(private, known.q)
    public = rsa.RSAPublicNumbers(exponent, known.public_numbers.n)
    return rsa.RSAPrivateNumbers(known.p, known.q, private, first, second, known.iqmp, public).private_key()


def test_rsa_keys_that_cost_time_are_not_used() -> None:
    """A hostile key does not buy long computations: exponents over 32 bits and moduli over 8192 bits are not used."""
    for exponent, used in ((65537, True), (2**61 - 1, False)):
        key = rsa_key(exponent)
        signature = key.sign(b"data", padding.PKCS1v15(), hashes.SHA256())
        assert used is verify_signature(key.public_key(), make.RSA_SHA256, signature, b"data")
    huge = rsa.RSAPublicNumbers(65537, 2**16384 - 1).public_key()
    assert not verify_signature(huge, make.RSA_SHA256, bytes(2048), b"data")


# Files ---------------------------------------------------------------------------------------------------------


@pytest.mark.clause("passport-5-pem", "cert-3-body", "pki-p7-text")
def test_a_chain_file_is_leaf_and_others() -> None:
    """Leaf first, the rest in any order; text between the blocks, CRLF and a repeated block do no harm."""
    pem = b"# issuer: x\r\n" + LEAF.pem.replace(b"\n", b"\r\n") + b"# text\n" + CA.pem + ROOT.pem + CA.pem
    assert Chain(read(LEAF), (read(CA), read(ROOT))) == load_chain(pem)


@pytest.mark.parametrize("stray", [b"\x00", b"\r\n", CA.der])
def test_stray_bytes_behind_a_certificate_are_cut_off(stray: bytes) -> None:
    """Bytes behind the certificate inside its block are dropped, as OpenSSL does, and do not change what it is."""
    assert Chain(read(LEAF), (read(CA),)) == load_chain(make.pem(LEAF.der + stray) + make.pem(CA.der + stray))


def test_the_leaf_is_found_behind_cas() -> None:
    """A file that begins with a CA has its leaf further down; a file of CAs only begins with it."""
    assert Chain(read(LEAF), (read(ROOT), read(CA))) == load_chain(ROOT.pem + LEAF.pem + CA.pem)
    assert read(CA) == load_chain(CA.pem + ROOT.pem).leaf


def test_the_first_of_two_leaves_counts() -> None:
    """Where two certificates could be the leaf it is the first (RFC 8555, section 9.1)."""
    other = leaf(CA, "SHAKEN 5678")
    assert read(other) == load_chain(other.pem + LEAF.pem + CA.pem).leaf


@pytest.mark.clause("pki-c3-one")
def test_unreadable_certificates_behind_the_leaf_are_skipped_and_counted() -> None:
    """One broken certificate in a chain file does not take the others down."""
    broken = make.pem(b"\x30\x00") + b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"
    chain = load_chain(LEAF.pem + broken + CA.pem + b"-----BEGIN CERTIFICATE-----\nMIIB")
    assert (read(CA),) == chain.others
    assert 3 == chain.unreadable


@pytest.mark.clause("passport-5-bytes", "pki-p7-text")
@pytest.mark.parametrize(
    ("pem", "detail"),
    [
        (b"", "no certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n", "no certificate"),
        (LEAF.der, "no certificate"),
        (make.pem(b"\x30\x00") + LEAF.pem, "not DER"),
        (b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n", "not base64"),
        (LEAF.pem[:200], "not DER"),
        (make.pem(b""), "not DER"),
        (make.pem(b"\x30"), "not DER"),
        (make.pem(b"\x30\x84"), "not DER"),
        (LEAF.pem * (limits.CHAIN_CERTIFICATES + 1), "over 6 certificates"),
        (LEAF.pem + b" " * limits.CHAIN_BYTES, "over 65536 bytes"),
    ],
)
def test_files_without_a_readable_leaf_are_refused(pem: bytes, detail: str) -> None:
    """No certificate, an unreadable first one, or too much: CertificateFormatError says which."""
    with pytest.raises(CertificateFormatError, match=detail):
        load_chain(pem)


@pytest.mark.clause("pki-c3-one")
def test_an_anchor_file_gives_what_is_readable_and_complains_about_the_rest() -> None:
    """One unreadable root never takes the others down, and is never passed over in silence."""
    found, complaints = load_certificates(ROOT.pem + make.pem(b"junk") + CA.pem)
    assert [read(ROOT), read(CA)] == found
    assert ["certificate 2: the certificate is not DER of RFC 5280"] == complaints
    assert ([], []) == load_certificates(b"")


def test_an_anchor_file_is_bounded() -> None:
    """A file over the bound is refused before it is read."""
    with pytest.raises(CertificateFormatError, match="over 4194304 bytes"):
        load_certificates(b" " * (limits.ANCHORS_BYTES + 1))


# Hostile bytes -------------------------------------------------------------------------------------------------

SEEDS = [LEAF.der, CA.der, ROOT.der, leaf(CA, outer=NULL, inner=NULL).der, ca(ROOT, kind="RSA-2048").der]


def _ask_everything(found: Certificate) -> None:
    """Ask a certificate for all that is read late; only StirError may come out, and what is signed is as it came."""
    assert found._tbs in found.der
    assert str(found.subject).isprintable()
    assert len(found.fingerprint) == 64
    assert isinstance(found.is_issued_by(Certificate.from_der(CA.der)), bool)
    assert isinstance(Certificate.from_der(LEAF.der).is_issued_by(found), bool)
    for ask in ("public_key", "tn_auth_list"):
        with suppress(StirError):
            getattr(found, ask)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=4))
def test_damaged_certificates_are_values_or_errors(der: bytes, changes: list[tuple[int, bytes]]) -> None:
    """A certificate changed anywhere is read, or refused with CertificateFormatError; nothing else leaks."""
    for place, octets in changes:
        here = place % len(der)
        der = der[:here] + octets + der[here + len(octets) :]
    try:
        found = Certificate.from_der(der)
    except CertificateFormatError:
        return
    _ask_everything(found)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(der: bytes) -> None:
    """Bytes that are no certificate are CertificateFormatError, alone and in PEM."""
    for load in (Certificate.from_der, load_chain, lambda data: load_chain(make.pem(data))):
        with pytest.raises(CertificateFormatError):
            load(der)
    assert [] == load_certificates(make.pem(der))[0]


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([
    b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"\n", base64.b64encode(LEAF.der), LEAF.pem, CA.pem,
])), max_size=12))  # fmt: skip
def test_arbitrary_files_are_values_or_errors(parts: list[bytes]) -> None:
    """Files put together from blocks, torn blocks and noise are chains or CertificateFormatError."""
    pem = b"".join(parts)
    found, complaints = load_certificates(pem)
    assert pem.count(b"-----BEGIN CERTIFICATE-----") == len(found) + len(complaints)
    try:
        chain = load_chain(pem)
    except CertificateFormatError:
        return
    assert chain.leaf in found


def test_a_file_of_torn_blocks_costs_one_pass() -> None:
    """Thousands of blocks that never end are split in one pass, not in one for each."""
    torn = b"-----BEGIN CERTIFICATE-----\n" * (limits.ANCHORS_BYTES // 28)
    began = time.process_time()
    _, complaints = load_certificates(torn)
    assert limits.ANCHORS_BYTES // 28 == len(complaints)
    assert time.process_time() - began < 10
