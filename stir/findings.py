"""What is odd about a PASSporT, as a lint tells it: by which clause, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd."""

    code: str
    severity: str
    """
    ``error``: the PASSporT by itself is ground to refuse it; ``warning``: it deviates from a standard and is
    tolerated, or the trouble is with the header field around it or with the time.
    """
    detail: str
    clause: str | None = None
    """Document and section that want it otherwise."""
    advice: str | None = None
    """What its maker can do about it."""

    def as_dict(self) -> dict[str, object]:
        """Return the finding as JSON has it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "detail": self.detail,
            "clause": self.clause,
            "advice": self.advice,
        }


_SERIALIZATION: Final = ("RFC 8225, section 9", "sort the members and leave out white space before signing")
_NOT_JSON: Final = ("RFC 7515, section 4; RFC 8259", "encode one JSON object without duplicate names")
_BASE64URL: Final = ("RFC 7515, section 2", "use the alphabet of base64url and no padding")
_NUMBER: Final = (
    "RFC 8225, section 5.2.1; RFC 8224, section 8.3",
    "write 1 to 15 digits with the country code first",
)
_URI: Final = ("RFC 8225, section 5.2.1", "write an absolute URI, such as sip:alice@example.com")
_URL: Final = ("ATIS-1000074, section 5.3.1", "serve the certificate by https on port 443 or 8443, with a path alone")
_PARAMETER: Final = ("RFC 8224, section 4", "write info, alg and ppt as they stand in the PASSporT's header")
_DIV: Final = ("RFC 8946, section 3", "give div the number that was called before, as one tn or uri")

ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    "ALG": ("RFC 8225, section 4.3; RFC 8588, section 5", "sign with ES256 and say so in alg"),
    "ATTEST": ("RFC 8588, section 4", "write A, B or C"),
    "DEST": ("RFC 8225, section 5.2.1", 'write dest as an object with arrays: {"tn":["12155551212"]}'),
    "DEST_NOT_ARRAY": ("RFC 8225, section 5.2.1", "put the value of dest into an array, even if it is one"),
    "DEST_TN": _NUMBER,
    "DEST_URI": _URI,
    "DIV": _DIV,
    "DIV_O": ("RFC 8946, sections 3 and 5", "give div the number that was called before, and opt the full PASSporT"),
    "HEADER": ("RFC 8225, section 4", "write alg, typ, x5u and ppt as strings, and no crit"),
    "HEADER_NOT_CANONICAL": _SERIALIZATION,
    "HEADER_NOT_JSON": _NOT_JSON,
    "HEADER_UNDECODABLE": _BASE64URL,
    "IAT": ("RFC 8225, section 5.1.1", "write iat as the seconds since 1970"),
    "IAT_NOT_FRESH": ("RFC 8224, section 6.2", "sign when the call is made, and keep the clocks right"),
    "IAT_NOT_INTEGER": ("RFC 8225, sections 5.1.1 and 9", "write iat as a whole number, without quotes"),
    "IDENTITY": ("RFC 8224, section 4", "write the value as PASSporT;info=<URL>;alg=ES256;ppt=shaken"),
    "INFO_MISSING": ("RFC 8224, section 4", "add info=<URL>, with the URL of x5u"),
    "INFO_NOT_URI": ("RFC 8224, section 4", "put the URL of x5u between angle brackets: info=<URL>"),
    "INFO_NOT_X5U": ("ATIS-1000074, section 5.3.1", "give info the URL of x5u, to the letter"),
    "NOT_FULL_FORM": ("RFC 8588, section 5; RFC 7515, section 7.1", "send header.payload.signature in base64url"),
    "ORIG": ("RFC 8225, section 5.2.1", 'write orig as an object with one member: {"tn":"12155550100"}'),
    "ORIGID": ("RFC 8588, section 5", "add an origid, by which the call's source is found again"),
    "ORIGID_NOT_UUID": ("RFC 8588, section 5", "use a UUID such as 123e4567-e89b-12d3-a456-426655440000"),
    "ORIG_TN": _NUMBER,
    "ORIG_URI": _URI,
    "PARAM_ALG_MISMATCH": _PARAMETER,
    "PARAM_PPT_MISMATCH": _PARAMETER,
    "PAYLOAD": ("RFC 8225, section 5", "write orig, dest and iat as the clause has them"),
    "PAYLOAD_NOT_CANONICAL": _SERIALIZATION,
    "PAYLOAD_NOT_JSON": _NOT_JSON,
    "PAYLOAD_UNDECODABLE": _BASE64URL,
    "PPT_UNKNOWN": ("RFC 8225, sections 8 and 8.1", "use a registered ppt: shaken, div, div-o, rph, rcd, msec or msg"),
    "RCD": ("RFC 9795, section 5", "give rcd a nam, strings as the clause has them, and jcd or jcl, not both"),
    "RPH": ("RFC 8443, section 4; RFC 9027, section 5", 'write rph as {"auth":["ets.0"]}, and sph as psap-callback'),
    "SIGNATURE_NOT_64_BYTES": ("RFC 7518, section 3.4", "write r and s as 32 bytes each, not the DER of the two"),
    "SIGNATURE_UNDECODABLE": _BASE64URL,
    "TN_LEADING_PLUS": ("RFC 8224, section 8.3", "leave the plus out"),
    "TN_SEPARATORS": ("RFC 8224, section 8.3", "leave separators out"),
    "TOO_LONG": ("own limit", "see whether an image is inside, and refer to it by a URL with a digest"),
    "TYP": ("RFC 8225, section 4.1", "write passport"),
    "X5U": ("RFC 8225, section 4.4", "write x5u as a string: the https URL of the certificate"),
    "X5U_NOT_ABSOLUTE_URL": ("RFC 7515, section 4.1.5", "write the https URL of the certificate, not a file name"),
    "X5U_NOT_HTTPS": _URL,
    "X5U_PORT": _URL,
    "X5U_REFUSED": _URL,
}
"""By code of a finding: the clause, and what to do."""


def told(finding: Finding) -> Finding:
    """Return *finding* with its clause and advice."""
    clause, advice = ADVICE[finding.code]
    return replace(finding, clause=clause, advice=advice)
