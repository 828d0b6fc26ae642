"""What is in a PASSporT or an Identity header, and what is odd about it; nothing is verified."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from stir import extensions, jws, limits, strictjson
from stir.errors import (
    ClaimError,
    HeaderError,
    InfoMissingError,
    JsonError,
    MalformedError,
    NotFullFormError,
    NumberError,
    PassportFormatError,
    StaleError,
    UrlError,
)
from stir.extensions import ATTESTATIONS, Extension, Rcd, Shaken
from stir.findings import Finding, told
from stir.identity import Identity, Parameters
from stir.passport import TYP, Claims, Passport, read_time
from stir.policy import Freshness
from stir.tn import Party, canonical_number
from stir.x5u import X5uPolicy

__all__ = ["Decoded", "Finding", "decode"]

_PREFIX: Final = re.compile(r"\s*(?:identity|y)\s*:", re.IGNORECASE)
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(?:\1[0-9A-Fa-f]{4}){2}\1[0-9A-Fa-f]{12}")
_KNOWN_TYPES: Final = frozenset({"shaken", "div", "div-o", "rph", "rcd", "msec", "msg", "rsp"})
_KINDS: Final = {"tn": "telephone number", "uri": "URI"}
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Decoded:
    """As much of a PASSporT as could be read."""

    identity: Identity | None
    header: dict[str, object] | None
    payload: dict[str, object] | None
    passport: Passport | None
    claims: Claims | None
    extension: Extension | None
    """What the type of the PASSporT adds to the claims."""
    rcd: Rcd | None
    """What it says to show of the caller, by its type or in addition to it."""
    findings: tuple[Finding, ...]

    @property
    def shaken(self) -> Shaken | None:
        """What a shaken PASSporT adds to the claims."""
        return self.extension if isinstance(self.extension, Shaken) else None

    @property
    def is_passport(self) -> bool:
        """Whether it means to be a PASSporT; a CPS request token and other JWTs do not."""
        return self.header is None or self.payload is None or _means_passport(self.header, self.payload)

    @property
    def well_formed(self) -> bool | None:
        """Whether nothing in it is by itself ground to refuse it; None for what is no PASSporT at all."""
        return not any(finding.severity == "error" for finding in self.findings) if self.is_passport else None


def decode(value: str, *, at: datetime | None = None) -> Decoded:
    """
    Read *value*, an Identity header field value or a PASSporT alone, as far as it can be read; this never raises.

    Args:
        value: What was found in a header or in a CPS.
        at: Instant for the remark on freshness; None for no such remark.
    """
    if len(value) > limits.IDENTITY_BYTES:
        long = Finding("TOO_LONG", "error", f"it is longer than {limits.IDENTITY_BYTES} bytes and was not read")
        return Decoded(None, None, None, None, None, None, None, (told(long),))
    value = _PREFIX.sub("", value, count=1).strip() if _PREFIX.match(value) else value.strip()
    findings: list[Finding] = []
    parameters = _read_parameters(value, findings) if ";" in value else None
    token = parameters.token if parameters else value.partition(";")[0].strip()
    header, payload = _read_parts(token, findings)
    identity = _read_identity(parameters, header or {}, findings) if parameters else None
    if header is not None and payload is not None and not _means_passport(header, payload):
        # Deterministic serialization and header parameters are PASSporTs' rules.
        errors = tuple(told(finding) for finding in findings if finding.severity == "error")
        return Decoded(identity, header, payload, None, None, None, None, errors)
    findings.extend(_judge_header(header) if header is not None else ())
    findings.extend(_judge_payload(payload, header or {}, at) if payload is not None else ())
    seen = _strictly(token, Decoded(identity, header, payload, None, None, None, None, tuple(findings)))
    return replace(seen, findings=tuple(map(told, seen.findings)))


def _strictly(token: str, seen: Decoded) -> Decoded:
    """Return *seen* with what the verifier's own parser makes of *token*, and with its complaint if there was none."""
    passport = claims = extension = rcd = None
    findings = seen.findings
    try:
        passport = Passport.parse(token)
        claims = Claims.of(passport)
        extension = extensions.read(passport)
        rcd = extension if isinstance(extension, Rcd) else Rcd.additive(passport)
    except PassportFormatError as error:
        if seen.well_formed:
            findings = (*findings, Finding(_code_of(error, passport, claims), "error", error.detail))
    return replace(seen, passport=passport, claims=claims, extension=extension, rcd=rcd, findings=findings)


def _code_of(error: PassportFormatError, passport: Passport | None, claims: Claims | None) -> str:
    """Return the code of the strict parser's complaint; with good base claims it is about those of the type."""
    if passport is not None and passport.ppt is not None and claims is not None:
        return passport.ppt.upper().replace("-", "_")
    return {NotFullFormError: "NOT_FULL_FORM", HeaderError: "HEADER"}.get(type(error), "PAYLOAD")


def _means_passport(header: Mapping[str, object], payload: Mapping[str, object]) -> bool:
    return header.get("typ") == TYP or "ppt" in header or ("orig" in payload and "action" not in payload)


def _read_parameters(value: str, findings: list[Finding]) -> Parameters | None:
    try:
        return Parameters.parse(value)
    except MalformedError as error:
        findings.append(Finding("IDENTITY", "error", error.detail))
        return None


def _read_identity(parameters: Parameters, header: Mapping[str, object], findings: list[Finding]) -> Identity | None:
    """Compare the header field with the token's header, and return it if it is one."""
    if parameters.alg != header.get("alg"):
        findings.append(Finding("PARAM_ALG_MISMATCH", "warning", "the parameter alg is not the token's"))
    if parameters.ppt is not None and parameters.ppt != header.get("ppt"):
        findings.append(Finding("PARAM_PPT_MISMATCH", "warning", "the parameter ppt is not the token's"))
    try:
        info = parameters.require_info()
    except (InfoMissingError, UrlError) as error:
        code = "INFO_MISSING" if isinstance(error, InfoMissingError) else "INFO_NOT_URI"
        findings.append(Finding(code, "warning", error.detail))
        return None
    if info != header.get("x5u"):
        detail = "info and x5u name different certificates: refused in band (case E10)"
        findings.append(Finding("INFO_NOT_X5U", "warning", detail))
    return Identity(parameters.token, info, parameters.alg, parameters.ppt)


def _read_parts(token: str, findings: list[Finding]) -> tuple[dict[str, object] | None, dict[str, object] | None]:
    """Return header and payload of *token* as far as each is JSON; of another form than the full one, nothing."""
    parts = token.split(".")
    if len(parts) != _PARTS or not (parts[0] and parts[1]):
        return None, None
    signature = _read_part(parts[2], "SIGNATURE", findings)
    if signature is not None and len(signature) != jws.SIGNATURE_BYTES:
        detail = f"the signature is {len(signature)} bytes, not r and s of 32 bytes each"
        findings.append(Finding("SIGNATURE_NOT_64_BYTES", "error", detail))
    return _read_json(parts[0], "HEADER", findings), _read_json(parts[1], "PAYLOAD", findings)


def _read_part(part: str, name: str, findings: list[Finding]) -> bytes | None:
    """Return the bytes of *part*, without regard to stray bits at its end: the strict parser complains of those."""
    if _PART.fullmatch(part) and len(part) % 4 != 1:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    findings.append(Finding(f"{name}_UNDECODABLE", "error", f"the {name.lower()} is not unpadded base64url"))
    return None


def _read_json(part: str, name: str, findings: list[Finding]) -> dict[str, object] | None:
    data = _read_part(part, name, findings)
    if data is None:
        return None
    try:
        members = strictjson.loads(data, max_bytes=limits.IDENTITY_BYTES)
    except JsonError as error:
        findings.append(Finding(f"{name}_NOT_JSON", "error", error.detail))
        return None
    if strictjson.canonical(members) != data:
        detail = "members out of order, or white space (RFC 8225, section 9)"
        findings.append(Finding(f"{name}_NOT_CANONICAL", "warning", detail))
    return members


def _judge_header(header: Mapping[str, object]) -> Iterator[Finding]:
    if header.get("alg") != jws.ALGORITHM:
        yield Finding("ALG", "error", f"alg is not {jws.ALGORITHM}")
    if header.get("typ") != TYP:
        yield Finding("TYP", "error", "typ is not passport")
    ppt = header.get("ppt")
    if "ppt" in header and not (isinstance(ppt, str) and ppt in _KNOWN_TYPES):
        yield Finding("PPT_UNKNOWN", "error", "ppt is not a registered type of PASSporT")
    x5u = header.get("x5u")
    if isinstance(x5u, str):
        yield from _judge_x5u(x5u)
    else:
        yield Finding("X5U", "error", "x5u is missing or not a string")


def _judge_x5u(x5u: str) -> Iterator[Finding]:
    """A URL that a carrier's verifier never fetches is odd, but the PASSporT is ill-formed only without any URL."""
    try:
        url = urlsplit(x5u)
    except ValueError:
        url = urlsplit("")
    if not (url.scheme and url.netloc):
        yield Finding("X5U_NOT_ABSOLUTE_URL", "error", "x5u is not an absolute URL")
        return
    is_https, is_port = url.scheme == "https", _has_usual_port(url)
    if not is_https:
        yield Finding("X5U_NOT_HTTPS", "warning", "x5u is not https: never fetched (case E7)")
    if not is_port:
        yield Finding("X5U_PORT", "warning", "the port in x5u is neither 443 nor 8443: not fetched (case E7)")
    if is_https and is_port:
        try:
            X5uPolicy().check(x5u)
        except UrlError as error:
            yield Finding("X5U_REFUSED", "warning", f"{error.detail}: not fetched (case E7)")


def _has_usual_port(url: SplitResult) -> bool:
    try:
        return url.port is None or url.port in X5uPolicy().ports
    except ValueError:
        return False


def _judge_payload(
    payload: Mapping[str, object], header: Mapping[str, object], at: datetime | None
) -> Iterator[Finding]:
    yield from _judge_iat(payload, at)
    yield from _judge_orig(payload.get("orig"))
    yield from _judge_dest(payload.get("dest"))
    yield from _judge_spelling(payload)
    if header.get("ppt") == Shaken.ppt:
        yield from _judge_shaken(payload)


def _judge_iat(payload: Mapping[str, object], at: datetime | None) -> Iterator[Finding]:
    iat = payload.get("iat")
    if iat is not None and (not isinstance(iat, int) or isinstance(iat, bool)):
        yield Finding("IAT_NOT_INTEGER", "error", "iat is not a whole number")
        return
    try:
        seconds = read_time(payload, "iat")
        if at is not None:
            Freshness().check(seconds, at)
    except ClaimError as error:
        yield Finding("IAT", "error", error.detail)
    except StaleError as error:
        yield Finding("IAT_NOT_FRESH", "warning", error.detail)


def _judge_orig(orig: object) -> Iterator[Finding]:
    if not isinstance(orig, dict) or len(orig) != 1 or not orig.keys() <= _KINDS.keys():
        yield Finding("ORIG", "error", "orig is missing, or not an object with one of tn and uri")
        return
    for kind, value in orig.items():
        if not _is_party(kind, value):
            yield Finding(f"ORIG_{kind.upper()}", "error", f"orig.{kind} is not a {_KINDS[kind]}")


def _judge_dest(dest: object) -> Iterator[Finding]:
    if not isinstance(dest, dict) or not dest or not dest.keys() <= _KINDS.keys():
        yield Finding("DEST", "error", "dest is missing, or not an object with tn or uri")
        return
    for kind, values in sorted(dest.items()):
        if not isinstance(values, list):
            yield Finding("DEST_NOT_ARRAY", "error", f"dest.{kind} is not an array")
        elif not values:
            yield Finding("DEST", "error", f"dest.{kind} is empty")
        elif not all(_is_party(kind, value) for value in values[: limits.DESTINATIONS]):
            yield Finding(f"DEST_{kind.upper()}", "error", f"dest.{kind} has an entry that is not a {_KINDS[kind]}")


def _is_party(kind: str, value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Party.tn(value) if kind == "tn" else Party.uri(value))
    except NumberError:
        return False


def _judge_spelling(payload: Mapping[str, object]) -> Iterator[Finding]:
    """Tell of numbers that are understood but not written canonically (RFC 8224, section 8.3)."""
    claims = [claim for claim in (payload.get("orig"), payload.get("dest")) if isinstance(claim, dict)]
    listed = [
        tn for claim in claims for tn in (claim["tn"] if isinstance(claim.get("tn"), list) else [claim.get("tn")])
    ]
    numbers = [tn for tn in listed[: limits.DESTINATIONS] if isinstance(tn, str) and _is_party("tn", tn)]
    if any(number.startswith("+") for number in numbers):
        yield Finding("TN_LEADING_PLUS", "warning", "a number starts with +; canonical numbers are digits only")
    if any(number.removeprefix("+") != canonical_number(number) for number in numbers):
        yield Finding("TN_SEPARATORS", "warning", "a number has visual separators; canonical numbers are digits only")


def _judge_shaken(payload: Mapping[str, object]) -> Iterator[Finding]:
    if payload.get("attest") not in ATTESTATIONS:
        yield Finding("ATTEST", "error", "attest is none of A, B and C")
    origid = payload.get("origid")
    if not isinstance(origid, str) or not origid:
        yield Finding("ORIGID", "error", "origid is missing or not a string")
    elif not _UUID.fullmatch(origid):
        yield Finding("ORIGID_NOT_UUID", "warning", "origid is not a UUID (RFC 8588, section 5)")
