"""The two dialects of signing and verification over HTTP: ATIS-1000082 and 3GPP Ms (TS 24.229, annex V)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from cps_client.gateway.errors import RequestError
from stir.errors import PassportFormatError, UnsupportedParameterError
from stir.passport import Passport
from stir.verdict import CASES, NO_PASSPORT, PassportResult, Verdict

Spelling = Literal["lower", "camel"]


class Dialect(StrEnum):
    """How signing and verification are asked for and answered."""

    ATIS = "atis"
    """ATIS-1000082: shaken alone."""
    MS = "3gpp"
    """3GPP Ms: diversion and priority, too."""


_SVC: Final[Mapping[str, tuple[str, str]]] = {
    "missing-body": ("SVC4000", "Error: Missing request body."),
    "missing-field": ("SVC4001", "Error: Missing mandatory parameter '%1'."),
    "not-acceptable": ("SVC4002", "Error: Requested response body type is not supported."),
    "not-found": ("SVC4003", "Error: Requested resource was not found."),
    "unsupported-media-type": ("SVC4004", "Error: Unsupported request body type, expected 'application/json'."),
    "bad-field": ("SVC4005", "Error: Invalid parameter value '%1'."),
    "bad-request": ("SVC4005", "Error: Invalid parameter value '%1'."),
    "malformed-body": ("SVC4006", "Error: Failed to parse received message body: %1."),
    "length-required": ("SVC4007", "Error: Missing mandatory Content-Length."),
}
_POL: Final[Mapping[str, str]] = {
    "method-not-allowed": "Error: Method not allowed: use POST.",
    "internal": "Error: Internal server error.",
    "not-signed": "Error: Internal server error: %1.",
    "stranger": "Error: Access denied.",
    "token-required": "Error: Authentication is required.",
    "slow-body": "Error: The message body did not arrive in time.",
    "too-large": "Error: The message body is too large.",
}
"""Texts of what is refused by policy; the id is the status with a nought behind, as in POL4050 and POL5000."""
_SAYS_WHY: Final = frozenset({"malformed-body", "not-signed"})


def exception_of(error: RequestError) -> tuple[str, dict[str, object]]:
    """Return the name and content of the exception that *error* is in ATIS-1000082."""
    if error.code in _SVC:
        name, (identifier, text) = "serviceException", _SVC[error.code]
    else:
        name, identifier, text = "policyException", f"POL{error.status.value}0", _POL[error.code]
    about = error.detail if error.code in _SAYS_WHY else error.field
    return name, {"messageId": identifier, "text": text, "variables": [about] if about and "%1" in text else []}


def refusal(dialect: Dialect, error: RequestError) -> dict[str, object]:
    """Return the body that tells *error*."""
    name, content = exception_of(error)
    if dialect is Dialect.MS:
        return {"error": {"status": error.status.value, "detail": error.detail, **content}}
    return {"requestError": {name: content}}


def signing_response(dialect: Dialect, identity: str, request_id: str | None) -> dict[str, object]:
    """Return the body that hands out *identity*, a complete header field value."""
    if dialect is Dialect.MS:
        return {"signingResponse": _without_none(identityHeader=identity, requestId=request_id)}
    return {"signingResponse": {"identity": identity}}


def atis_verification(verdict: Verdict, spelling: Spelling) -> dict[str, object]:
    """Return the body that tells *verdict* in ATIS-1000082; what passed has verstat alone."""
    result = _of_shaken(verdict)
    code, text, description = (
        ("reasonCode", "reasonText", "reasonDesc")
        if spelling == "camel"
        else ("reasoncode", "reasontext", "reasondesc")
    )
    reason = {code: _code(result), text: result.case.reason, description: result.detail}
    return {"verificationResponse": {**_without_none(**reason), "verstat": verdict.verstat.value}}


def _of_shaken(verdict: Verdict) -> PassportResult:
    """Return what decides where nothing but shaken is judged: a PASSporT of another type alone is E5, not nothing."""
    if verdict.decisive.case is NO_PASSPORT and verdict.passports:
        detail = "the PASSporT is of a type that ATIS-1000082 does not verify"
        return PassportResult(verdict.passports[0].ppt, CASES[UnsupportedParameterError], detail)
    return verdict.decisive


def ms_verification(verdict: Verdict, *, request_id: str | None, display_name: str | None) -> dict[str, object]:
    """Return the body that tells *verdict* in 3GPP Ms: the number's, the priority's, and each PASSporT's."""
    shown = verdict.as_dict()
    priority, diversions = shown["priority"], shown["diversions"]
    results = verdict.passports or ((verdict.decisive,) if verdict.decisive.case.code is not None else ())
    response = _without_none(
        verstatValue=verdict.verstat.value,
        verstatPriority=priority["verstat"] if isinstance(priority, dict) else None,
        requestId=request_id,
        displayName=display_name,
    )
    if isinstance(diversions, list) and diversions:
        response["divResult"] = [{"div": one["div"], "verstatValue": one["verstat"]} for one in diversions]
    response["verifyResults"] = [{"verifyResult": _ms_result(result)} for result in results]
    return {"verificationResponse": response}


def _ms_result(result: PassportResult) -> dict[str, object]:
    return _without_none(
        ppt=result.ppt,
        status="pass" if result.passed else "fail",
        reasonCode=_code(result),
        reasonText=result.case.reason,
        reasonDescription=result.detail,
        passport=result.token,
        validClaims=_claims(result),
    )


def _claims(result: PassportResult) -> dict[str, object] | None:
    """Return what a PASSporT that passed says; what one that did not pass says is nobody's word."""
    if not result.passed or result.token is None:
        return None
    try:
        return dict(Passport.parse(result.token).payload)
    except PassportFormatError:  # a compact form that was restored: its claims are those of the call
        return None


def _code(result: PassportResult) -> str | None:
    return None if result.case.code is None else str(result.case.code)


def _without_none(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
