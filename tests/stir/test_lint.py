"""Remarks on certificates, against a reading of the profile by somebody else, over real certificates."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stir.certificate import Certificate, load_certificates
from stir.lint import CertificateFinding, finding, lint
from stir.lintrules import CP_V1_4, RULES, V004, V005
from stir.testing import Template, World, tnauthlist
from stir.testing.authority import CA_USAGE
from stir.testing.certificates import issue
from stir.testing.constraints import constraints
from stir.tnauthlist import TNAuthList
from tests.support.vectors import VECTORS, needs_vectors

BC = "2.5.29.19"
AKI = ("2.5.29.35", b"\x30\x03\x80\x01a", False)
RCD = constraints(include=["rcd"])
ALONG = {"SPC_CHARACTERS": "CN_", "KEY_USAGE_NOT_DER": "KEY_USAGE_NO_"}
"""What comes along with a defect, beyond what is asked here."""
BEYOND = {
    "AIA_PRESENT",
    "CA_CN_WITHOUT_SHAKEN",
    "CERT_POLICY_IN_ROOT",
    "CRLDP_IN_ROOT",
    "ROOT_CN_WITHOUT_ROOT",
    "SKI_NOT_SHA1",
    "SUBJECT_COUNTRY",
    "SUBJECT_ORGANIZATION",
}
"""What the other reading of the profile does not look at; each of these has tests of its own below."""


def _expected() -> list[tuple[str, list[list[str]]]]:
    """Return each vector file that has findings, and the findings for each of its certificates."""
    if not VECTORS.is_dir():
        return []
    entries = json.loads((VECTORS / "manifest.json").read_text())["certificates"]
    found = [(entry["file"], entry["expect"].get("profile_findings")) for entry in entries]
    return [(name, each if each and isinstance(each[0], list) else [each]) for name, each in found if each is not None]


@pytest.mark.clause(
    "cert-2-version", "cert-2-signature", "cert-2-ca-ku", "cert-2-ski", "cert-2-aki", "cert-9-errors", "use-6-groups"
)
@needs_vectors
@pytest.mark.parametrize(("name", "expected"), _expected(), ids=[name for name, _ in _expected()])
def test_published_certificates(name: str, expected: list[list[str]]) -> None:
    """Every published certificate gets exactly the findings that it is known to deserve."""
    certificates, complaints = load_certificates((VECTORS / name).read_bytes())

    assert [] == complaints
    assert [set(codes) for codes in expected] == [codes_of(one) - BEYOND for one in certificates]


def codes_of(certificate: Certificate) -> set[str]:
    """Return the codes of the findings."""
    return {finding.code for finding in lint(certificate)}


def leaf(world: World, **knobs: object) -> Certificate:
    """Issue a leaf."""
    return Certificate.from_der(world.service_provider("709J", **knobs).leaf.der)


@pytest.mark.clause("cert-2-made")
def test_a_well_made_certificate_has_no_findings() -> None:
    """What the test world's CA issues by default is by the profile, from root to leaf."""
    world = World()

    assert set() == codes_of(leaf(world))
    assert set() == codes_of(Certificate.from_der(world.issuer.issuing.der))
    assert set() == codes_of(Certificate.from_der(world.issuer.root.der))


@pytest.mark.clause(
    "cert-2-serial",
    "cert-2-key",
    "cert-2-subject-c",
    "cert-2-cn",
    "cert-2-bc",
    "cert-2-ku",
    "cert-2-policies",
    "cert-2-crldp",
    "cert-2-tnauthlist",
    "cert-2-others",
    "cert-2-aia",
    "cert-9-errors",
    "pki-c9-lint",
    "pki-r2-names",
)
@pytest.mark.parametrize(
    ("knobs", "code", "severity"),
    [
        ({"common_name": "Example Telephone"}, "CN_WITHOUT_SHAKEN", "error"),
        ({"common_name": "SHAKEN"}, "CN_NOT_SHAKEN_SPC", "error"),
        ({"serial": 77}, "SERIAL_UNDER_64_BITS", "error"),
        ({"key_usage": None}, "NO_KEY_USAGE", "error"),
        ({"policy": None}, "NO_CERT_POLICY", "error"),
        ({"crl_url": None}, "NO_CRLDP", "error"),
        ({"crl_issuer": None}, "CRLDP_NO_CRL_ISSUER", "error"),
        ({"tn_auth_list": None}, "NO_TNAUTHLIST", "error"),
        ({"tn_auth_list": b"\x30\x00"}, "TNAUTHLIST_EMPTY", "error"),
        ({"tn_auth_list": b"\x30\x01"}, "TNAUTHLIST_MALFORMED", "error"),
        ({"tn_auth_list": TNAuthList.of(numbers=["12155550100"]).to_der()}, "TNAUTHLIST_NO_SPC", "error"),
        ({"tn_auth_list": TNAuthList.of(spcs=["709J", "1234"]).to_der()}, "TNAUTHLIST_MULTIPLE", "error"),
        ({"key_curve": "P-384"}, "KEY_NOT_P256", "error"),
        ({"key_curve": "RSA-2048"}, "KEY_NOT_P256", "error"),
        ({"country": "us"}, "SUBJECT_COUNTRY", "error"),
        ({"key_usage": ("digital_signature", "key_agreement")}, "KEY_USAGE_EXTRA", "error"),
        ({"tn_auth_list_critical": True}, "TNAUTHLIST_CRITICAL", "error"),
        ({"tn_auth_list": TNAuthList.of(spcs=["70-J"]).to_der()}, "SPC_CHARACTERS", "error"),
        ({"policy": "1.3.6.1.4.1.56223.1"}, "CERT_POLICY_OTHER", "warning"),
        ({"policy": "2.16.840.1.114569.1.1.1"}, "CERT_POLICY_OLD_VERSION", "warning"),
        ({"policy": None, "extensions": (("2.5.29.32", b"\x30\x00", False),)}, "CERT_POLICY_MULTIPLE", "error"),
        ({"crl_url": "ldap://x/"}, "CRLDP_NO_URL", "error"),
        ({"crl_url": None, "extensions": (("2.5.29.31", b"\x30\x00", False),)}, "CRLDP_MULTIPLE", "error"),
        ({"is_ca": None, "extensions": ((BC, b"\x30\x00", False),)}, "BASIC_CONSTRAINTS_NOT_CRITICAL", "error"),
        ({"is_ca": None}, "NO_BASIC_CONSTRAINTS", "error"),
        ({"extensions": (("1.3.6.1.5.5.7.1.1", b"\x30\x00", False),)}, "AIA_PRESENT", "warning"),
        ({"extensions": (("2.5.29.37", b"\x30\x00", False),)}, "EKU_PRESENT", "error"),
        ({"extensions": (tnauthlist.reference("https://a.example/list"),)}, "TNAUTHLIST_BY_REFERENCE", "warning"),
        ({"extensions": (("1.3.6.1.5.5.7.1.33", b"\x30\x00", False),)}, "CONSTRAINTS_MALFORMED", "error"),
        ({"extensions": (("1.3.6.1.5.5.7.1.27", RCD, True),)}, "CONSTRAINTS_CRITICAL", "warning"),
        ({"extensions": (("1.2.3.4", b"\x05\x00", False),)}, "UNKNOWN_EXTENSION", "error"),
        ({"crl_url": None, "extensions": (("2.5.29.31", b"\x02\x01\x01", False),)}, "CRLDP_MALFORMED", "error"),
        (
            {"policy": None, "extensions": (("2.5.29.32", b"\x30\x02\x05\x00", False),)},
            "CERT_POLICY_MALFORMED",
            "error",
        ),
        (
            {"policy": None, "extensions": (("2.5.29.32", b"\x30\x02\x30\x00", False),)},
            "CERT_POLICY_MALFORMED",
            "error",
        ),
        (
            {"key_usage": None, "extensions": (("2.5.29.15", bytes.fromhex("03020080"), True),)},
            "KEY_USAGE_NOT_DER",
            "error",
        ),
        (
            {"key_usage": None, "extensions": (("2.5.29.15", bytes.fromhex("030107"), True),)},
            "KEY_USAGE_NOT_DER",
            "error",
        ),
    ],
)
def test_each_defect_has_its_code(knobs: dict, code: str, severity: str) -> None:
    """One defect, one finding, with the severity that the profile's lints give it, its clause and what to do."""
    found = [each for each in lint(leaf(World(), **knobs)) if not each.code.startswith(ALONG.get(code, "CN_NAMES"))]

    assert [(code, severity)] == [(finding.code, finding.severity) for finding in found]
    assert all(finding.detail and finding.clause and finding.advice for finding in found)


@pytest.mark.clause("cert-2-tnauthlist-ca")
def test_a_ca_speaks_for_nobody() -> None:
    """A TNAuthList has no place in a CA's certificate, whatever it says."""
    assert "TNAUTHLIST_IN_CA" in codes_of(leaf(World(), is_ca=True, key_usage=("key_cert_sign",)))


def test_unreadable_key_is_a_finding() -> None:
    """A key that nobody can read is not on P-256; nothing is raised."""
    der = leaf(World()).der
    curve = bytes.fromhex("2a8648ce3d030107")

    assert "KEY_NOT_P256" in codes_of(Certificate.from_der(der.replace(curve, curve[:-1] + b"\x7f", 1)))


def ca(**knobs: object) -> Certificate:
    """Issue a CA's certificate: below the test world's root, or a root if it names itself so."""
    world = World()
    now = world.clock.now()
    plain = {
        "common_name": "SHAKEN CA",
        "is_ca": True,
        "key_usage": CA_USAGE,
        "crl_url": world.crl.url,
        "crl_issuer": world.crl.signer.subject,
    }
    template = Template(not_before=now, not_after=now + timedelta(days=1), **{**plain, **knobs})
    return Certificate.from_der(issue(template, None if "ROOT" in template.common_name else world.issuer.root).der)


ROOT = {"common_name": "SHAKEN ROOT", "crl_url": None, "policy": None}


@pytest.mark.clause("cert-2-ca-cn")
@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, set()),
        ({"common_name": "CA 1"}, {"CA_CN_WITHOUT_SHAKEN"}),
        ({"key_usage": ("crl_sign",)}, {"CA_WITHOUT_KEY_CERT_SIGN"}),
        ({"key_usage": (*CA_USAGE, "key_agreement")}, {"KEY_USAGE_EXTRA"}),
        ({"tn_auth_list": tnauthlist.spc("709J")}, {"TNAUTHLIST_IN_CA"}),
        ({"extensions": (("1.3.6.1.5.5.7.1.27", RCD, True),)}, {"CONSTRAINTS_IN_CA"}),
        ({"key_identifiers": False}, {"NO_SKI", "NO_AKI"}),
        ({"key_curve": "P-384"}, {"KEY_NOT_P256"}),
        (ROOT, set()),
        ({**ROOT, "common_name": "ROOT"}, {"CA_CN_WITHOUT_SHAKEN"}),
        ({**ROOT, "crl_url": "https://x.example/crl"}, {"CRLDP_IN_ROOT"}),
        ({**ROOT, "policy": "2.16.840.1.114569.1.1.4"}, {"CERT_POLICY_IN_ROOT"}),
        ({**ROOT, "key_identifiers": False}, {"NO_SKI"}),
        ({**ROOT, "key_identifiers": False, "extensions": (AKI,)}, {"NO_SKI", "ROOT_AKI_NOT_SKI"}),
        ({**ROOT, "key_curve": "P-384"}, {"KEY_NOT_P256", "SIGALG_NOT_ECDSA_SHA256"}),
    ],
)  # fmt: skip
def test_cas_have_a_profile_of_their_own(knobs: dict, expected: set[str]) -> None:
    """Intermediates and roots are held against their own columns of the profile (ATIS-1000080, section 6.4.1)."""
    assert expected == codes_of(ca(**knobs))


@pytest.mark.clause("cert-2-ca-cn")
def test_a_root_whose_name_lacks_root() -> None:
    """A root's common name says ROOT."""
    world = World()
    now = world.clock.now()
    template = Template("SHAKEN", now, now + timedelta(days=1), is_ca=True, key_usage=CA_USAGE, policy=None)
    assert {"ROOT_CN_WITHOUT_ROOT"} == codes_of(Certificate.from_der(issue(template).der))


@pytest.mark.clause("cert-2-subject-c", "cert-2-subject-o", "cert-2-ski", "cert-2-aki")
def test_an_odd_key_identifier_and_several_names() -> None:
    """A key identifier that is no SHA-1 of the key, and a subject that names nothing, are told."""
    identifier = ("2.5.29.14", b"\x04\x02ab", False)
    found = codes_of(leaf(World(), key_identifiers=False, extensions=(identifier,)))
    assert {"SKI_NOT_SHA1", "NO_AKI"} == found
    bare = replace(leaf(World()), subject=Certificate.from_der(World().issuer.root.der).subject.__class__([]))
    assert {"SUBJECT_COUNTRY", "SUBJECT_ORGANIZATION", "SUBJECT_COMMON_NAME", "CN_WITHOUT_SHAKEN"} == codes_of(bare)


def test_a_critical_unknown_extension_is_refused() -> None:
    """What is critical and unknown is more than outside the profile: nobody may go on (RFC 5280, section 4.2)."""
    found = lint(leaf(World(), extensions=(("1.2.3.4", b"\x05\x00", True),)))
    assert [("UNKNOWN_EXTENSION", False), ("UNKNOWN_CRITICAL_EXTENSION", True)] == [
        (one.code, one.refused) for one in found
    ]


@pytest.mark.clause("cert-2-edition")
@pytest.mark.parametrize(
    ("knobs", "since"),
    [
        ({"common_name": "x"}, V004),
        ({"crl_issuer": None}, V004),
        ({"serial": 77}, V005),
        ({"extensions": (("1.2.3.4", b"\x05\x00", False),)}, V005),
    ],
)
def test_a_certificate_is_judged_by_the_edition_of_its_day(knobs: dict, since: object) -> None:
    """A rule of a later edition makes a warning of what was issued before it bound anybody."""
    made = leaf(World(), **knobs)
    for when, severity in ((since, "error"), (since - timedelta(seconds=1), "warning")):
        (found,) = lint(replace(made, not_before=when))
        assert severity == found.severity


@pytest.mark.clause("cert-2-signature", "cert-2-ca-key")
@pytest.mark.parametrize("knobs", [{"key_curve": "P-384"}, {**ROOT, "key_curve": "P-384"}])
def test_the_newer_policy_lets_cas_have_larger_keys(knobs: dict) -> None:
    """From CP v1.4 on P-384 and SHA-384 are good for CAs: a warning, and an error in older ones."""
    made = ca(**knobs)
    for when, severity in ((CP_V1_4, "warning"), (CP_V1_4 - timedelta(seconds=1), "error")):
        assert {severity} == {one.severity for one in lint(replace(made, not_before=when))}
    assert {"error"} == {one.severity for one in lint(ca(key_curve="RSA-2048"))}


@pytest.mark.clause("cert-9-inspect")
def test_a_finding_says_everything() -> None:
    """As JSON a finding has its code, severity, detail, clause, advice, and whether verifiers refuse for it."""
    rule = RULES["KEY_NOT_P256"]
    assert {
        "code": "KEY_NOT_P256",
        "severity": "error",
        "detail": "x",
        "clause": rule.clause,
        "advice": rule.advice,
        "refused": True,
    } == finding("KEY_NOT_P256", "x").as_dict()
    tolerated = CertificateFinding("KEY_NOT_P256", "warning", "x", rule.clause, rule.advice)
    assert tolerated == finding("KEY_NOT_P256", "x", tolerated=True)


def test_what_a_builder_does_not_make() -> None:
    """Versions, serial numbers, flags and keys that no certificate builder writes are told as well."""
    made = leaf(World())
    ed25519 = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    plain = {oid: replace(one, critical=oid == "2.5.29.32") for oid, one in made.extensions.items()}

    assert {"X509_VERSION", "SERIAL_NOT_POSITIVE"} == codes_of(replace(made, version=2, serial=0))
    assert {"KEY_NOT_P256"} == codes_of(replace(made, _spki=ed25519))
    assert {
        "BASIC_CONSTRAINTS_NOT_CRITICAL",
        "KEY_USAGE_NOT_CRITICAL",
        "CERT_POLICY_CRITICAL",
    } == codes_of(replace(made, extensions=plain))
    assert {"SPC_LOWER_CASE", "SPC_LENGTH"} <= codes_of(leaf(World(), tn_auth_list=tnauthlist.spc("7j")))
