"""
Our verdict on a chain against OpenSSL's and pyca's, over real certificates and over every defect we can think of.

Where two verifiers are right to differ, the case stands in ``OPENSSL`` or ``PYCA`` with the reason.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path as File

import pytest
from cryptography import x509
from cryptography.x509 import verification

from stir.certificate import Certificate, load_certificates, load_chain
from stir.errors import CertificateError, CertificateFormatError, ExpiredError
from stir.path import TrustAnchors, validate
from stir.trust import Trust
from tests.support import certificates as make
from tests.support.chains import BAD, GOOD, SECOND, Case
from tests.support.vectors import VECTORS, needs_vectors

pytestmark = [
    pytest.mark.system("openssl"),
    pytest.mark.filterwarnings("ignore:Parsed a serial number:cryptography.utils.CryptographyDeprecationWarning"),
]


def ours(subject: Case) -> bool:
    """Return our verdict."""
    try:
        anchors = TrustAnchors(load_certificates(b"".join(map(make.pem, subject.roots)))[0])
        chain = load_chain(b"".join(map(make.pem, (subject.leaf, *subject.others))))
        validate(chain, anchors, at=subject.at)
    except (CertificateError, CertificateFormatError):
        return False
    return True


def openssl(subject: Case, folder: File) -> bool:
    """Return OpenSSL's verdict."""
    files = {"leaf": (subject.leaf,), "others": subject.others, "roots": subject.roots}
    for label, ders in files.items():
        (folder / label).write_bytes(b"".join(map(make.pem, ders)))
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-attime", str(int(subject.at.timestamp()))]
    command += [*subject.flags, "-CAfile", folder / "roots"]
    if subject.others:
        command += ["-untrusted", folder / "others"]
    done = subprocess.run([*command, folder / "leaf"], capture_output=True, timeout=30, check=False)
    assert done.returncode in {0, 2}, done.stderr
    return 0 == done.returncode


def pyca(subject: Case) -> bool | None:
    """Return the verdict of pyca's verifier with permissive extension policies; None where it cannot read all."""
    try:
        end, *others = (x509.load_der_x509_certificate(der) for der in (subject.leaf, *subject.others))
        roots = [x509.load_der_x509_certificate(der) for der in subject.roots]
    except (ValueError, x509.InvalidVersion):
        return None
    here = verification.Criticality.AGNOSTIC
    policy = verification.ExtensionPolicy.permit_all().may_be_present(x509.CertificatePolicies, here, None)
    issuing = policy.require_present(x509.BasicConstraints, here, None)
    builder = verification.PolicyBuilder().store(verification.Store(roots)).time(subject.at).max_chain_depth(8)
    builder = builder.extension_policies(ca_policy=issuing, ee_policy=policy)
    try:
        builder.build_client_verifier().verify(end, others)
    except verification.VerificationError:
        return False
    return True


# Chains of real certificates -----------------------------------------------------------------------------------


def manifest() -> list[dict]:
    """Read the list of published certificates."""
    if not VECTORS.is_dir():
        return []
    return json.loads((VECTORS / "manifest.json").read_bytes())["certificates"]


def real_chains() -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """List every chain of real certificates up to its root, leaf first, with a name."""
    entries = {entry["id"]: entry for entry in manifest()}

    def ders(entry: dict) -> list[bytes]:
        return [one.der for one in load_certificates((VECTORS / entry["file"]).read_bytes())[0]]

    for entry in entries.values():
        if entry["kind"] == "chain without root":
            yield entry["id"], (*ders(entry), *ders(entries[entry["anchor"]]))
        elif entry["kind"] == "x5u chain file":
            held = ders(entry)
            last = Certificate.from_der(held[-1])
            above = [der for der in anchors() if last.issuer == Certificate.from_der(der).subject]
            yield entry["id"], (*held, *above[:1])
        elif entry["kind"] == "leaf":
            for number, ids in enumerate(entry["expect"].get("chain_to_root_in_set") or []):
                yield f"{entry['id']}-{number}", tuple(ders(entries[one])[0] for one in ids)


def anchors() -> list[bytes]:
    """Read the roots of the set."""
    return [one.der for one in load_certificates((VECTORS / "certs" / "anchors.pem").read_bytes())[0]]


REAL = dict(real_chains()) if VECTORS.is_dir() else {}
SIGNERS = 28
"""How many production leaves of the set come with a chain to a root; OpenSSL accepts each of them."""


@pytest.mark.clause("passport-6-now", "cert-2-validity", "pki-c1-order", "pki-c8-lifetimes")
@needs_vectors
@pytest.mark.parametrize("label", REAL)
def test_real_chains_are_judged_as_openssl_does(label: str, tmp_path: File) -> None:
    """A real chain under the real roots is believed while all of it is valid, and at no other time."""
    end, *others, top = REAL[label]
    held = [Certificate.from_der(der) for der in REAL[label]]
    first, last = max(one.not_before for one in held), min(one.not_after for one in held)
    ever = first < last  # one CA's old certificate, of the same key, had expired when the leaf was issued
    instants = {first - SECOND: False, first: ever, first + (last - first) / 2: ever, last - SECOND: ever}
    instants |= {last + SECOND: False, first - timedelta(days=40): False, last + timedelta(days=40): False}
    roots = tuple(anchors())
    for at, good in instants.items():
        # TNAuthLists are not known to OpenSSL; some of these are critical.
        subject = Case(end, tuple(others), roots, at.replace(microsecond=0), ("-ignore_critical",))
        assert (good, good, good) == (ours(subject), openssl(subject, tmp_path), pyca(subject)), at
    included = Case(end, (top, *others), roots, first, ("-ignore_critical",))
    assert (ever, ever) == (ours(included), openssl(included, tmp_path))


@needs_vectors
def test_every_real_signer_that_openssl_accepts_may_sign(tmp_path: File, capsys: pytest.CaptureFixture[str]) -> None:
    """All production leaves with a chain that OpenSSL accepts are signers to us inside their validity."""
    roots = tuple(anchors())
    trust = Trust(TrustAnchors(map(Certificate.from_der, roots)))
    leaves, accepted, refused = set(), set(), {}
    for end, *others in REAL.values():
        held = [Certificate.from_der(der) for der in (end, *others)]
        if held[0].is_ca:
            continue
        leaves.add(held[0].fingerprint)
        first, last = max(one.not_before for one in held), min(one.not_after for one in held)
        at = (first + (last - first) / 2).replace(microsecond=0)
        if not openssl(Case(end, tuple(others), roots, at, ("-ignore_critical",)), tmp_path):
            continue
        accepted.add(held[0].fingerprint)
        chain = load_chain(b"".join(map(make.pem, (end, *others))))
        try:
            assert trust.signer(chain, at=at).spc
        except (CertificateError, CertificateFormatError) as error:
            refused[held[0].fingerprint] = error.detail
    with capsys.disabled():
        sys.stdout.write(f"\n{len(accepted) - len(refused)} of {len(accepted)} signers that OpenSSL accepts may sign\n")
    assert len(leaves) == len(accepted)
    assert {} == refused
    assert SIGNERS == len(accepted)


@pytest.mark.clause("passport-6-anchor")
@needs_vectors
@pytest.mark.parametrize("label", REAL)
def test_real_chains_are_not_believed_without_their_root(label: str, tmp_path: File) -> None:
    """A chain is not believed when its root is not among the trusted ones, though the chain brings it along."""
    end, *others = REAL[label]
    at = Certificate.from_der(end).not_before + SECOND
    roots = tuple(der for der in anchors() if der != others[-1])
    subject = Case(end, tuple(others), roots, at, ("-ignore_critical",))
    assert (False, False) == (ours(subject), openssl(subject, tmp_path))


@needs_vectors
def test_real_chains_carry_the_verdicts_of_the_manifest() -> None:
    """The assembled chains verify and expire when their publisher says they do."""
    trusted = TrustAnchors(map(Certificate.from_der, anchors()))
    entries = [entry for entry in manifest() if entry["kind"] == "chain without root"]
    assert 13 == len(entries)
    for entry in entries:
        chain, expect = load_chain((VECTORS / entry["file"]).read_bytes()), entry["expect"]
        found = validate(chain, trusted, at=datetime.fromisoformat(expect["at"]))
        assert expect["path_length"] == len(found.certificates)
        for outside in ("before", "after"):
            with pytest.raises(ExpiredError):
                validate(chain, trusted, at=datetime.fromisoformat(expect[outside]))


@needs_vectors
def test_every_published_certificate_reads_as_its_publisher_says() -> None:
    """Each certificate that OpenSSL reads is read, and with the values that are printed for it."""
    entries = [entry for entry in manifest() if "sha256" in entry]
    assert 81 == len(entries)
    for entry in entries:
        read = load_chain((VECTORS / entry["file"]).read_bytes()).leaf
        assert entry["sha256"] == read.fingerprint
        assert entry["is_ca"] == read.is_ca
        assert int(entry["serial"], 16 if read.serial > 0 else 10) == read.serial
        assert entry["subject"] == str(read.subject)
        assert entry["issuer"] == str(read.issuer)
        assert datetime.fromisoformat(entry["not_before"]) == read.not_before
        assert datetime.fromisoformat(entry["not_after"]) == read.not_after


@needs_vectors
def test_values_read_are_those_pyca_reads() -> None:
    """Wherever pyca's reader takes a certificate, both readers give the same values."""
    seen = 0
    for entry in manifest():
        for ours_ in load_certificates((VECTORS / entry["file"]).read_bytes())[0]:
            try:
                theirs = x509.load_der_x509_certificate(ours_.der)
            except x509.InvalidVersion:
                continue
            seen += 1
            assert theirs.serial_number == ours_.serial
            assert theirs.not_valid_before_utc == ours_.not_before
            assert theirs.not_valid_after_utc == ours_.not_after
            assert theirs.public_key() == ours_.public_key
            assert theirs.signature_algorithm_oid.dotted_string == ours_.signature_algorithm
            assert [one.oid.dotted_string for one in theirs.extensions] == list(ours_.extensions)
            assert {one.oid.dotted_string for one in theirs.extensions if one.critical} == ours_.critical
            for oid, value in _judged(theirs).items():
                assert value == {"ski": ours_.subject_key_id, "aki": ours_.authority_key_id}.get(oid, value)
            constraints = _value(theirs, x509.BasicConstraints)
            assert (constraints.ca if constraints else False) == ours_.is_ca
            assert (constraints.path_length if constraints else None) == ours_.path_length
            usage = _value(theirs, x509.KeyUsage)
            assert (usage is None) == (ours_.key_usage is None)
            if usage is not None:
                held = {"digitalSignature": usage.digital_signature, "keyCertSign": usage.key_cert_sign}
                held["cRLSign"] = usage.crl_sign
                assert {name for name, here in held.items() if here} == ours_.key_usage & held.keys()
    assert seen > 100


def _value(certificate: x509.Certificate, kind: type) -> x509.ExtensionType | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _judged(certificate: x509.Certificate) -> dict[str, bytes | None]:
    ski, aki = _value(certificate, x509.SubjectKeyIdentifier), _value(certificate, x509.AuthorityKeyIdentifier)
    return {"ski": ski and ski.key_identifier, "aki": aki and aki.key_identifier}


# Made chains ---------------------------------------------------------------------------------------------------

MADE = {**GOOD, **BAD}

OPENSSL: dict[str, tuple[bool, bool, str]] = {
    "SHA-1": (False, True, "collisions are affordable; OpenSSL's default security level still takes it"),
    "RSA of 1024 bits": (False, True, "factoring is in reach; OpenSSL's default security level still takes it"),
    "secp256k1 CA": (False, True, "no STI profile has the curve"),
    "v2 CA with extensions": (False, True, "extensions mean version 3 (RFC 5280, 4.1.2.1 and 6.1.4, k)"),
    "v2 leaf with extensions": (False, True, "extensions mean version 3 (RFC 5280, 4.1.2.1); OpenSSL asks if strict"),
    "v1 leaf": (False, True, "without extensions it can be no STI certificate"),
    "v1 root": (False, True, "it does not say that it is a CA's (RFC 5280, 6.1.4, k), which is asked of roots too"),
    "CA as leaf": (False, True, "a CA's key signs certificates, not tokens"),
    "seven certificates": (False, True, "limits.PATH_CERTIFICATES; production has three"),
    "last second": (True, False, "validity includes notAfter (RFC 5280, 4.1.2.5); OpenSSL ends a second early"),
    "broken distribution point": (True, False, "no path is judged by it; the revocation list is named elsewhere"),
    "name constraints": (False, True, "nobody applies them here, so their CA is not believed"),
    "two roots of one name": (
        True,
        False,
        "OpenSSL follows one issuer of a name; real CAs share names, so all are tried",
    ),
    "two CAs of one name": (True, False, "the same"),
}
"""Where our verdict (first) is another than OpenSSL's (second), and why."""

OPENED_UP = "the policies that let SHAKEN certificates pass at all also switch KeyUsage off"
ENCODED = "names are compared by their bytes"
REFUSED = "its reader refuses a certificate"
PYCA: dict[str, tuple[bool | None, str]] = {
    "NULL parameters in the leaf": (None, REFUSED),
    "NULL parameters in the CA": (None, REFUSED),
    "NULL parameters in the root": (None, REFUSED),
    "NULL parameters everywhere": (None, REFUSED),
    "NULL parameters outside only": (None, REFUSED),
    "NULL parameters inside only": (None, REFUSED),
    "other parameters in the leaf": (None, REFUSED),
    "critical written out as false": (None, REFUSED),
    "PrintableString with an underscore": (None, REFUSED),
    "v2 CA with extensions": (None, REFUSED),
    "v2 leaf with extensions": (None, REFUSED),
    "issuer may only sign data": (True, OPENED_UP),
    "issuer may only sign lists": (True, OPENED_UP),
    "root may not sign": (True, OPENED_UP),
    "KeyUsage has set bits that it calls unused": (True, OPENED_UP),
    "KeyUsage is empty": (True, OPENED_UP),
    "CA as leaf": (True, OPENED_UP),
    "path length and a self-issued CA": (False, "no exception for self-issued CAs (RFC 5280, 6.1.4, l)"),
    "critical TNAuthList": (False, "it is not told of the extension here"),
    "key identifiers differ": (True, "key identifiers are hints to it; OpenSSL and we let them exclude"),
    "authority's serial number differs": (True, "the same"),
    "serial number negative": (False, "RFC 5280, 4.1.2.2; production has worse serial numbers"),
    "issuer's name in PrintableString": (False, ENCODED),
    "issuer's name in BMPString": (False, ENCODED),
    "issuer's name in other case and spacing": (False, ENCODED),
    "leaf trusted as its own root": (True, "it trusts what it is given as a root, CA or not"),
    "seven certificates": (True, "limits.PATH_CERTIFICATES"),
    "name constraints": (True, "it applies them, and these constrain nothing"),
}
"""Where pyca's verdict is another than ours, and why; None where it gives none."""


@pytest.mark.parametrize("label", GOOD)
def test_good_chains_are_believed(label: str, tmp_path: File) -> None:
    """A good chain, however odd, is believed by OpenSSL and by us, save where we say why not."""
    subject = GOOD[label]()
    assert OPENSSL.get(label, (True, True))[:2] == (ours(subject), openssl(subject, tmp_path))


@pytest.mark.clause("passport-6-signatures", "passport-6-ca")
@pytest.mark.parametrize("label", BAD)
def test_defective_chains_are_not_believed(label: str, tmp_path: File) -> None:
    """A chain with a defect is refused by OpenSSL and by us."""
    subject = BAD[label]()
    assert (False, False) == (ours(subject), openssl(subject, tmp_path))


@pytest.mark.parametrize("label", MADE)
def test_made_chains_are_judged_as_pyca_does(label: str) -> None:
    """Pyca gives our verdict, save where we say why not."""
    subject = MADE[label]()
    assert PYCA.get(label, (ours(subject),))[0] == pyca(subject)


def test_every_disagreement_is_argued() -> None:
    """No case is excused without a reason, and no excuse outlives its case."""
    assert OPENSSL.keys() <= GOOD.keys()
    assert all(mine != theirs and why for mine, theirs, why in OPENSSL.values())
    assert PYCA.keys() <= MADE.keys()
    assert all(theirs != ours(MADE[label]()) and why for label, (theirs, why) in PYCA.items())
