"""
The plain face for dialplans, which have no JSON: a form in, ``key=value`` lines out, or one value alone.

Values hold no control characters, so none of them can start a line of its own.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, urlencode

from aiohttp import hdrs, web

from cps_client.gateway import answers, keys
from cps_client.gateway.errors import FieldError, RequestError
from cps_client.gateway.native import PUBLISH, RETRIEVE, inbound, outbound
from cps_client.gateway.requests import Fields, read_form
from cps_client.origination import Originated
from cps_client.termination import Terminated

FACE: Final = "plain"
_FORMS: Final = ("lines", "query")
_CHOICES: Final = ("field", "format")
_NUMBERS: Final = ("orig", "dest", "diverted_from")
_LISTS: Final = ("identity", "reason")
_SOMETIMES: Final = frozenset(
    {"p_asserted_identity", "attestation_info", "origination_id", "p_attestation_indicator", "p_origination_id"}
)
"""Header fields that only some verdicts have."""

Pairs = list[tuple[str, str]]

routes = web.RouteTableDef()


@routes.post("/plain/publish")
async def publish(request: web.Request) -> web.Response:
    """Publish what the call has, or sign and publish; the call goes on either way."""
    fields = await _read(request, PUBLISH)
    originated = await request.app[keys.calls].originate(outbound(fields), FACE)
    return _answer(fields, _published(originated))


@routes.post("/plain/retrieve")
async def retrieve(request: web.Request) -> web.Response:
    """Retrieve, verify, and tell the verdict and what goes into the new INVITE."""
    fields = await _read(request, RETRIEVE)
    terminated = await request.app[keys.calls].terminate(inbound(fields), FACE)
    return _answer(fields, _retrieved(terminated))


def refuse(_: web.Request, error: RequestError) -> web.Response:
    """Return the answer to a request that is a mistake."""
    return answers.told(_text(_lines([("error", error.detail)]), error.status), error)


async def _read(request: web.Request, names: Iterable[str]) -> Fields:
    fields = await read_form(request)
    fields.only([*names, *_CHOICES])
    fields.one_of("format", _FORMS)
    return fields.replaced(_NUMBERS, _with_plus)


def _with_plus(value: object) -> object:
    """Return a number with the plus that it lost: dialplans put +1215… into forms as it is, where it means a space."""
    return f"+{value[1:]}" if isinstance(value, str) and value.startswith(" ") else value


def _published(originated: Originated) -> Pairs:
    receipt = originated.receipt
    passports = len(receipt.identities) if receipt is not None and receipt.published else 0
    return [
        ("published", "yes" if originated.published else "no"),
        ("passports", str(passports)),
        ("rule", originated.rule),
        ("reason", originated.reason or ""),
        *_numbered("identity", originated.identities),
    ]


def _retrieved(terminated: Terminated) -> Pairs:
    verdict = terminated.verdict
    case = verdict.decisive.case
    return [
        ("verstat", verdict.verstat.value),
        ("code", str(case.code or "")),
        ("text", case.reason or ""),
        ("attest", verdict.attest or ""),
        ("origid", verdict.origid or ""),
        ("spc", verdict.spc or ""),
        ("detail", terminated.detail or ""),
        *((name.lower().replace("-", "_"), value) for name, value in terminated.headers.items()),
        *_numbered("reason", terminated.reasons),
        *_numbered("identity", terminated.identities),
    ]


def _numbered(name: str, values: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield how many values there are, and each under its number, from 1."""
    yield f"{name}_count", str(len(values))
    yield from ((f"{name}_{number}", value) for number, value in enumerate(values, 1))


def _answer(fields: Fields, pairs: Pairs) -> web.Response:
    wanted = fields.text("field")
    if wanted is not None:
        return _text(_chosen(wanted, dict(pairs)))
    if fields.text("format") == "query":
        # Not every dialplan reads + as a space.
        return _text(urlencode([(name, _safe(value)) for name, value in pairs], quote_via=quote))
    return _text(_lines(pairs))


def _chosen(name: str, values: dict[str, str]) -> str:
    """Return one value; what only other calls have is empty."""
    one, _, number = name.rpartition("_")
    is_listed = one in _LISTS and number.isascii() and number.isdigit()
    if name not in values and name not in _SOMETIMES and not is_listed:
        raise FieldError("field", f"has to be one of {', '.join(values)}")
    return _safe(values.get(name, ""))


def _lines(pairs: Pairs) -> str:
    return "".join(f"{name}={_safe(value)}\n" for name, value in pairs)


def _safe(value: str) -> str:
    """Return *value* without anything that could end a line or move a cursor."""
    return "".join(character if character.isprintable() else " " for character in value)


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, headers={hdrs.CACHE_CONTROL: "no-store"})
