"""
Everything that can go wrong, as one tree; a class is a machine code.

StirError
├── MalformedError                  their bytes do not parse
│   ├── JsonError                   not strict JSON
│   ├── NumberError                 neither a telephone number nor a URI
│   ├── UrlError                    a certificate URL that is never fetched
│   ├── IdentityError               not an Identity header field value
│   │   └── InfoMissingError        it has no info parameter
│   ├── PassportFormatError         not a PASSporT
│   │   ├── NotFullFormError        not the three parts of the full form
│   │   ├── HeaderError             a header parameter is missing or of the wrong type
│   │   └── ClaimError              a claim is missing or of the wrong type
│   ├── CertificateFormatError      not a certificate, or one with an unreadable part
│   │   ├── TNAuthListError         an unreadable TNAuthList
│   │   └── ConstraintFormatError   unreadable claim constraints
│   ├── RevocationListError         not a CRL
│   └── TrustListError              not a signed list of STI-CAs
├── VerificationError               they parse, and must not be believed
│   ├── InfoMismatchError           info and x5u name different certificates
│   ├── TypError                    typ is not passport
│   ├── AlgorithmError              alg is not ES256
│   ├── UnsupportedTypeError        ppt names no type that is judged here
│   │   └── UnsupportedParameterError   so does the Identity header's own ppt
│   ├── StaleError                  iat is too far from now
│   ├── MismatchError               the claims are about another call
│   ├── CertificateError            the certificate does not make its holder a signer
│   │   ├── UntrustedError          no path to a trusted root
│   │   ├── ExpiredError            outside a certificate's validity
│   │   ├── RevokedError            a certificate of the path is revoked
│   │   ├── ProfileError            not what a SHAKEN certificate must be
│   │   ├── ScopeError              its TNAuthList does not cover this
│   │   └── ConstraintError         it does not permit these claims
│   ├── SignatureError              not signed by this key
│   ├── AttestationError            attest is not A, B or C
│   └── ListRefusedError            a CRL or CA list that must not be used
├── UnavailableError                we could not find out
│   ├── FetchError                  a URL could not be read
│   ├── NoTrustError                no trusted root is known here
│   └── StoreError                  the store did not answer
└── TokenError                      the caller may not do this
    ├── UnauthenticatedError        we do not know who asks
    │   └── ReplayedTokenError      the same token again
    └── ForbiddenError              we know, and they may not
"""


class StirError(Exception):
    """Base of all errors of this project; ``str()`` is a sentence for people, without secrets or numbers."""

    code = "error"
    """Stable machine code, for logs and metrics."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedError(StirError):
    """Their bytes do not parse; the same bytes never will."""

    code = "malformed"


class JsonError(MalformedError):
    """Not strict JSON (RFC 8259, and RFC 7519 section 4 on duplicate names)."""

    code = "malformed-json"


class NumberError(MalformedError):
    """Neither a canonical telephone number nor a URI (RFC 8224, section 8.3)."""

    code = "malformed-number"


class UrlError(MalformedError):
    """A certificate URL that is never fetched (ATIS-1000074: https, port 443 or 8443, no query, no user)."""

    code = "refused-url"


class IdentityError(MalformedError):
    """Not an Identity header field value (RFC 8224, section 4)."""

    code = "malformed-identity"


class InfoMissingError(IdentityError):
    """The Identity header field has no info parameter."""

    code = "missing-info"


class PassportFormatError(MalformedError):
    """Not a PASSporT (RFC 8225)."""

    code = "malformed-passport"


class NotFullFormError(PassportFormatError):
    """Not the three base64url parts of the full form, which SHAKEN requires (ATIS-1000074)."""

    code = "not-full-form"


class HeaderError(PassportFormatError):
    """A PASSporT header parameter is missing or of the wrong type."""

    code = "bad-header"


class ClaimError(PassportFormatError):
    """A PASSporT claim is missing or of the wrong type."""

    code = "bad-claim"


class CertificateFormatError(MalformedError):
    """Not a certificate or chain, or one with an unreadable part."""

    code = "malformed-certificate"


class TNAuthListError(CertificateFormatError):
    """A TNAuthList that is not the DER of RFC 8226, section 9."""

    code = "malformed-tnauthlist"


class ConstraintFormatError(CertificateFormatError):
    """Claim constraints that are not the DER of RFC 8226, section 8, or RFC 9118."""

    code = "malformed-constraints"


class RevocationListError(MalformedError):
    """Not a certificate revocation list (RFC 5280, section 5)."""

    code = "malformed-crl"


class TrustListError(MalformedError):
    """Not a signed list of trusted STI-CAs (ATIS-1000084)."""

    code = "malformed-ca-list"


class VerificationError(StirError):
    """It parses, and must not be believed."""

    code = "not-verified"


class InfoMismatchError(VerificationError):
    """The Identity header's info and the PASSporT's x5u name different certificates."""

    code = "info-mismatch"


class TypError(VerificationError):
    """The PASSporT's typ is not ``passport``."""

    code = "wrong-typ"


class AlgorithmError(VerificationError):
    """The PASSporT's alg is not ES256."""

    code = "wrong-alg"


class UnsupportedTypeError(VerificationError):
    """The PASSporT's ppt names no type that is judged here."""

    code = "unsupported-ppt"


class UnsupportedParameterError(UnsupportedTypeError):
    """The Identity header's own ppt parameter names no type that is judged here."""

    code = "unsupported-ppt-parameter"


class StaleError(VerificationError):
    """The PASSporT's iat is too far from now."""

    code = "stale-iat"


class MismatchError(VerificationError):
    """The PASSporT's orig or dest are not those of the call."""

    code = "call-mismatch"


class CertificateError(VerificationError):
    """The certificate does not make its holder a signer."""

    code = "bad-certificate"


class UntrustedError(CertificateError):
    """No path leads from the certificate to a trusted root."""

    code = "untrusted"


class ExpiredError(CertificateError):
    """The instant is outside the validity of every path."""

    code = "expired"


class RevokedError(CertificateError):
    """A certificate of the path is on the revocation list."""

    code = "revoked"


class ProfileError(CertificateError):
    """The certificate is not what an STI certificate must be (ATIS-1000080, section 6.4.1)."""

    code = "bad-profile"


class ScopeError(CertificateError):
    """The certificate's TNAuthList does not cover what is claimed (RFC 8226)."""

    code = "out-of-scope"


class ConstraintError(CertificateError):
    """The certificate's claim constraints do not permit these claims (RFC 8226, section 8; RFC 9118)."""

    code = "claims-not-permitted"


class SignatureError(VerificationError):
    """The signature is not by this key over these bytes."""

    code = "bad-signature"


class AttestationError(VerificationError):
    """attest is not A, B or C (RFC 8588)."""

    code = "bad-attest"


class ListRefusedError(VerificationError):
    """A revocation or CA list that must not be used: wrong signer, too old, or older than the one held."""

    code = "list-refused"


class UnavailableError(StirError):
    """We could not find out; trying again later may help."""

    code = "unavailable"


class FetchError(UnavailableError):
    """A URL could not be read within its bounds."""

    code = "fetch-failed"

    def __init__(self, detail: str, *, reason: str = "failed") -> None:
        super().__init__(detail)
        self.reason = reason
        """One word for logs and metrics: resolve, refused-address, connect, tls, timeout, status, …"""


class NoTrustError(UnavailableError):
    """No trusted root is known here yet."""

    code = "no-trust"


class StoreError(UnavailableError):
    """The store did not answer."""

    code = "store-unavailable"


class TokenError(StirError):
    """The caller of the CPS may not do this."""

    code = "token"


class UnauthenticatedError(TokenError):
    """We do not know who asks: the token is missing, malformed, stale, for somebody else or not genuine."""

    code = "unauthenticated"


class ReplayedTokenError(UnauthenticatedError):
    """The same token again."""

    code = "replayed-token"


class ForbiddenError(TokenError):
    """The token is genuine but does not allow this."""

    code = "forbidden"
