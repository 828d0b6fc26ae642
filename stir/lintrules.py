"""
The catalogue of :mod:`stir.lint`: how grave each finding is, by which clause, and what to do about it.

An edition of the profile binds certificates that were issued 90 days after its date or later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

PROFILE: Final = "ATIS-1000080, section 6.4.1"
_POLICY: Final = "SHAKEN certificate policy (CP)"
_REPOSITORY: Final = "ATIS-1000080, repository rules; ATIS-1000074, section 5.3.1"
_TRANSITION: Final = timedelta(days=90)

V004: Final = datetime(2021, 10, 18, tzinfo=UTC) + _TRANSITION
V005: Final = datetime(2022, 12, 12, tzinfo=UTC) + _TRANSITION
CP_V1_4: Final = datetime(2023, 6, 6, tzinfo=UTC)
"""From here on CAs may have keys on P-384 and sign with SHA-384."""
_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be said of one finding."""

    clause: str
    advice: str
    severity: str = "error"
    """How a lint rates it in a certificate that the rule binds; in older ones it is a warning."""
    since: datetime = _ALWAYS
    """From which notBefore on the rule binds."""
    refused: bool = False
    """Whether verifiers refuse for it; the other findings are tolerated, for production is full of them."""


def _own(advice: str, since: datetime = _ALWAYS) -> Rule:
    """Return the rule of a finding that verifiers refuse."""
    return Rule(PROFILE, advice, since=since, refused=True)


_URL: Final = Rule(_REPOSITORY, "serve it by https on port 443 or 8443, with a path alone", refused=True)

RULES: Final[Mapping[str, Rule]] = {
    "X509_VERSION": Rule("RFC 5280, section 4.1.2.1", "issue certificates of version 3", refused=True),
    "SERIAL_NOT_POSITIVE": Rule("RFC 5280, section 4.1.2.2", "use positive serial numbers"),
    "SERIAL_UNDER_64_BITS": Rule(PROFILE, "take 64 bits or more from a random generator", since=V005),
    "KEY_NOT_P256": _own("make the key on P-256 (CAs: P-384 too, from CP v1.4 on)"),
    "SIGALG_NOT_ECDSA_SHA256": Rule(PROFILE, "sign with ecdsa-with-SHA256 (CAs: SHA384 too, from CP v1.4 on)"),
    "SUBJECT_COUNTRY": Rule(PROFILE, "name exactly one country, by its two letters"),
    "SUBJECT_ORGANIZATION": Rule(PROFILE, "name exactly one organization, by its legal name", since=V004),
    "SUBJECT_COMMON_NAME": Rule(PROFILE, "give exactly one common name"),
    "CA_CN_WITHOUT_SHAKEN": Rule(PROFILE, "put SHAKEN into the CA's common name"),
    "ROOT_CN_WITHOUT_ROOT": Rule(PROFILE, "put ROOT into the root's common name"),
    "CN_WITHOUT_SHAKEN": Rule(PROFILE, "make the common name SHAKEN, a space, and the code", since=V004),
    "CN_NOT_SHAKEN_SPC": Rule(PROFILE, "make the common name SHAKEN, a space, and the code", since=V004),
    "CN_NAMES_OTHER_CODE": Rule(PROFILE, "name the code of the TNAuthList; verifiers take no other", since=V004),
    "NO_BASIC_CONSTRAINTS": Rule(PROFILE, "add BasicConstraints, critical"),
    "BASIC_CONSTRAINTS_NOT_CRITICAL": Rule(PROFILE, "mark BasicConstraints critical"),
    "NO_KEY_USAGE": Rule(PROFILE, "add KeyUsage, critical"),
    "KEY_USAGE_NOT_CRITICAL": Rule(PROFILE, "mark KeyUsage critical"),
    "KEY_USAGE_NOT_DER": Rule("X.690, section 11.2.2", "encode KeyUsage without trailing zero bits"),
    "KEY_USAGE_NO_SIGNATURE": _own("give the leaf digitalSignature"),
    "KEY_USAGE_EXTRA": Rule(PROFILE, "leaf: digitalSignature alone; CA: keyCertSign, cRLSign, digitalSignature"),
    "CA_WITHOUT_KEY_CERT_SIGN": _own("give the CA keyCertSign"),
    "NO_SKI": Rule(PROFILE, "add SubjectKeyIdentifier"),
    "SKI_NOT_SHA1": Rule(PROFILE, "make SubjectKeyIdentifier the SHA-1 of the key, 20 bytes", "warning", V005),
    "NO_AKI": Rule(PROFILE, "add AuthorityKeyIdentifier"),
    "ROOT_AKI_NOT_SKI": Rule(PROFILE, "make the root's two key identifiers the same, or leave the authority's out"),
    "NO_CRLDP": Rule(PROFILE, "add CRLDistributionPoints with the STI-PA's CRL"),
    "CRLDP_MALFORMED": Rule("RFC 5280, section 4.2.1.13", "encode CRLDistributionPoints as the clause has it"),
    "CRLDP_MULTIPLE": Rule(PROFILE, "name exactly one distribution point"),
    "CRLDP_NO_URL": Rule(PROFILE, "give the distribution point the URL of the STI-PA's CRL"),
    "CRLDP_NO_CRL_ISSUER": Rule(PROFILE, "name the STI-PA as cRLIssuer", since=V004),
    "CRLDP_IN_ROOT": Rule(PROFILE, "leave CRLDistributionPoints out of the root"),
    "NO_CERT_POLICY": Rule(_POLICY, "add CertificatePolicies with one OID"),
    "CERT_POLICY_MALFORMED": Rule("RFC 5280, section 4.2.1.4", "encode CertificatePolicies as the clause has it"),
    "CERT_POLICY_MULTIPLE": Rule(_POLICY, "name exactly one policy"),
    "CERT_POLICY_OTHER": Rule(_POLICY, "in the US, name 2.16.840.1.114569.1.1.4", "warning"),
    "CERT_POLICY_OLD_VERSION": Rule(_POLICY, "name the version in force, 2.16.840.1.114569.1.1.4", "warning"),
    "CERT_POLICY_CRITICAL": Rule(PROFILE, "do not mark CertificatePolicies critical"),
    "CERT_POLICY_IN_ROOT": Rule(PROFILE, "leave CertificatePolicies out of the root"),
    "TNAUTHLIST_IN_CA": Rule(
        f"{PROFILE}; RFC 9060", "leave it out of an STI-CA's; a delegating CA's leaves may not sign shaken"
    ),
    "TNAUTHLIST_MALFORMED": Rule("RFC 8226, section 9", "encode the TNAuthList as the clause has it", refused=True),
    "NO_TNAUTHLIST": _own("add a TNAuthList with the service provider code"),
    "TNAUTHLIST_BY_REFERENCE": Rule(
        "RFC 8226, section 10.1", "put the list into the certificate: few verifiers fetch it", "warning"
    ),
    "TNAUTHLIST_EMPTY": _own("put the service provider code into the TNAuthList"),
    "TNAUTHLIST_NO_SPC": _own("put the service provider code in; numbers alone are for delegate certificates"),
    "TNAUTHLIST_MULTIPLE": _own("put exactly one service provider code in"),
    "TNAUTHLIST_CRITICAL": Rule(PROFILE, "do not mark the TNAuthList critical: some verifiers refuse it"),
    "SPC_LOWER_CASE": Rule(PROFILE, "write the code in capitals", since=V005),
    "SPC_CHARACTERS": Rule(PROFILE, "write the code with capitals and digits alone", since=V005),
    "SPC_LENGTH": Rule("NECA company codes", "see whether the code is right: almost all have 4 characters", "warning"),
    "CONSTRAINTS_MALFORMED": Rule(
        "RFC 8226, section 8; RFC 9118", "encode the claim constraints as the clause has them", refused=True
    ),
    "CONSTRAINTS_IN_CA": Rule("RFC 8226, section 8", "constrain the claims of leaves: a CA signs no PASSporT"),
    "CONSTRAINTS_CRITICAL": Rule("RFC 8226, section 8", "do not mark the claim constraints critical", "warning"),
    "AIA_PRESENT": Rule(PROFILE, "leave AuthorityInformationAccess out; large CAs do not", "warning", V005),
    "EKU_PRESENT": Rule(PROFILE, "leave ExtendedKeyUsage out"),
    "UNKNOWN_EXTENSION": Rule(PROFILE, "leave out what the profile does not list", since=V005),
    "UNKNOWN_CRITICAL_EXTENSION": Rule(
        "RFC 5280, section 4.2", "do not mark it critical, or leave it out", refused=True
    ),
    "URL_NOT_HTTPS": _URL,
    "URL_PORT": _URL,
    "URL_QUERY": _URL,
    "URL_REFUSED": _URL,
    "STATUS_NOT_200": Rule(_REPOSITORY, "answer 200 with the chain", refused=True),
    "REDIRECT": Rule(_REPOSITORY, "serve the chain at x5u itself: verifiers follow no redirect", refused=True),
    "CONTENT_TYPE": Rule("RFC 8555, section 9.1", "serve it as application/pem-certificate-chain", "warning"),
    "NO_CACHE_CONTROL": Rule(_REPOSITORY, "send Cache-Control: public, max-age=86400", "warning"),
    "CACHE_FORBIDDEN": Rule(_REPOSITORY, "send Cache-Control: public, max-age=86400, and no Pragma"),
    "CACHE_UNDER_A_DAY": Rule(_REPOSITORY, "let max-age be 86400 or more", "warning"),
    "NOT_PEM": Rule("RFC 8555, section 9.1", "serve the chain as PEM", refused=True),
    "CHAIN_ORDER": Rule(_REPOSITORY, "put the leaf first, then its issuer, and so on", "warning"),
    "CHAIN_ROOT_INCLUDED": Rule(_REPOSITORY, "leave the root out: verifiers have it", "warning"),
    "CHAIN_INCOMPLETE": Rule(_REPOSITORY, "serve the issuing CA's certificate behind the leaf", "warning"),
    "CHAIN_UNREADABLE": Rule(_REPOSITORY, "take out what is no certificate", "warning"),
}
