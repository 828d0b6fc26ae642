"""Signing and verification for SBCs: ATIS-1000082 and 3GPP Ms on the same paths, out of band hidden behind them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from aiohttp import hdrs, web

from cps_client.gateway import answers, dialects, keys
from cps_client.gateway.dialects import Dialect
from cps_client.gateway.errors import (
    FieldError,
    FieldMissingError,
    LengthRequiredError,
    NotAcceptableError,
    NotSignedError,
    RequestError,
)
from cps_client.gateway.requests import JSON, Fields, read_json
from cps_client.gateway.signing import (
    Verification,
    read_signing,
    read_verification,
    signing_dialect,
    verification_dialect,
)
from cps_client.origination import Originated
from cps_client.settings import ClientSettings
from stir.aio.clock import Clock
from stir.errors import NumberError
from stir.verdict import Case, PassportResult, Source, Verdict, Verstat

FACE: Final = "stir"
STALE_REQUEST: Final = Case("E3", 403, "Stale Date", Verstat.NONE)
"""The row of the table that no PASSporT has: the time of the request itself is not fresh."""

_DIALECT: Final = web.RequestKey("dialect", Dialect)
_TRUNK: Final = r"/trunks/{trunk:[A-Za-z0-9][A-Za-z0-9._-]{0,63}}"


class StirApi:
    """
    The face towards SBCs.

    Args:
        settings: What the operator decided.
        clock: The time, by which requests are fresh.
    """

    def __init__(self, settings: ClientSettings, clock: Clock) -> None:
        self._fixed = None if settings.gateway.dialect == "auto" else Dialect(settings.gateway.dialect)
        self._spelling = settings.gateway.reason_spelling
        self._freshness = timedelta(seconds=settings.freshness)
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Return both paths that are in use, alone and below a trunk group."""
        return [
            web.post(f"{trunk}{root}/v1/{name}", handler)
            for trunk in ("", _TRUNK)
            for root in ("/stir", "")
            for name, handler in (("signing", self.sign), ("verification", self.verify))
        ]

    async def sign(self, request: web.Request) -> web.Response:
        """Sign, and publish where the call's route leads into TDM."""
        fields = await self._read(request, "signingRequest", signing_dialect)
        dialect = request[_DIALECT]
        signing = read_signing(fields, dialect, request.match_info.get("trunk"))
        originated = await request.app[keys.calls].originate(signing.call, FACE)
        return answers.json(dialects.signing_response(dialect, _added(originated), signing.request_id))

    async def verify(self, request: web.Request) -> web.Response:
        """Verify what the request brings; if that is nothing, retrieve and verify."""
        fields = await self._read(request, "verificationRequest", verification_dialect)
        dialect = request[_DIALECT]
        asked = read_verification(fields, dialect, request.match_info.get("trunk"))
        verdict = await self._verdict(request, asked)
        if dialect is Dialect.ATIS:
            return answers.json(dialects.atis_verification(verdict, self._spelling))
        return answers.json(
            dialects.ms_verification(verdict, request_id=asked.request_id, display_name=asked.display_name)
        )

    def refuse(self, request: web.Request, error: RequestError) -> web.Response:
        """Return the answer to a request that is a mistake; the dialect is the request's, as far as it was read."""
        dialect = request.get(_DIALECT, self._fixed or Dialect.ATIS)
        return answers.told(answers.json(dialects.refusal(dialect, error), error.status), error)

    async def _read(self, request: web.Request, name: str, detect: Callable[[Fields], Dialect]) -> Fields:
        _require_conventions(request)
        fields = (await read_json(request)).folding()
        if not fields.has(name):
            raise FieldMissingError(name)
        asked = fields.within(name)
        if asked is None:
            raise FieldError(name, "has to be an object")
        request[_DIALECT] = self._fixed or detect(asked)
        return asked.alone()

    async def _verdict(self, request: web.Request, asked: Verification) -> Verdict:
        # E3 comes before all that is about PASSporTs, and before anything is retrieved.
        if not self._is_fresh(asked.time):
            detail = "the time of the request is too far from now: see that both clocks are right"
            return Verdict(PassportResult(None, STALE_REQUEST, detail), Source.IN_BAND, ())
        return (await request.app[keys.calls].terminate(asked.call, FACE)).verdict

    def _is_fresh(self, time: datetime) -> bool:
        return abs(self._clock.now() - time) <= self._freshness


def _require_conventions(request: web.Request) -> None:
    """Check what the interface asks of HTTP itself; the type of the body is looked at where it is read."""
    if not _accepts_json(request.headers.getall(hdrs.ACCEPT, [])):
        raise NotAcceptableError(f"answers are {JSON}; Accept has to allow that")
    if hdrs.CONTENT_LENGTH not in request.headers:
        raise LengthRequiredError("there is no Content-Length")


def _accepts_json(fields: list[str]) -> bool:
    ranges = [part.replace(" ", "").lower().split(";") for field in fields for part in field.split(",") if part.strip()]
    wanted = [kind for kind, *parameters in ranges if not any(_is_nought(parameter) for parameter in parameters)]
    return not ranges or any(kind in {JSON, "application/*", "*/*"} for kind in wanted)


def _is_nought(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name == "q" and not value.strip("0.")


def _added(originated: Originated) -> str:
    """Return what was signed for the request; that it could not be published, too, stops no call."""
    if originated.added:
        return originated.added[-1]
    if isinstance(originated.error, NumberError):
        raise FieldError("orig, dest", f"is wrong: {originated.error.detail}")
    why = originated.error.detail if originated.error is not None else f"the rule is {originated.rule}"
    raise NotSignedError(f"nothing was signed: {why}")
