"""The native face: JSON in, JSON out, for any gateway that can speak HTTP."""

from aiohttp import web

from cps_client.gateway import answers, keys
from cps_client.gateway.requests import Fields, read_json
from cps_client.origination import Originated, Outbound
from cps_client.termination import Inbound, Terminated
from stir.extensions import ATTESTATIONS

FACE = "native"
PUBLISH = ("orig", "dest", "identity", "attest", "origid", "diverted_from", "call_id", "trunk")
"""What a publish may say, in this face and in the plain one."""
RETRIEVE = ("orig", "dest", "identity", "call_id", "trunk", "time", "resource_priority", "priority")
"""What a retrieve may say, in this face and in the plain one."""

routes = web.RouteTableDef()


@routes.post("/v1/publish")
async def publish(request: web.Request) -> web.Response:
    """Publish what the call has, or sign and publish; the call goes on either way."""
    fields = await read_json(request)
    fields.only(PUBLISH)
    originated = await request.app[keys.calls].originate(outbound(fields), FACE)
    return answers.json(published(originated))


@routes.post("/v1/retrieve")
async def retrieve(request: web.Request) -> web.Response:
    """Retrieve, verify, and tell the verdict and what goes into the new INVITE."""
    fields = await read_json(request)
    fields.only(RETRIEVE)
    terminated = await request.app[keys.calls].terminate(inbound(fields), FACE)
    return answers.json(retrieved(terminated))


def outbound(fields: Fields) -> Outbound:
    """
    Return the call that goes out.

    Raises:
        RequestError: A field is missing or of the wrong type.
    """
    return Outbound(
        orig=fields.required("orig"),
        dest=fields.required("dest"),
        identities=fields.texts("identity"),
        attest=fields.one_of("attest", ATTESTATIONS),
        origid=fields.uuid("origid"),
        diverted_from=fields.text("diverted_from"),
        call_id=fields.text("call_id"),
        trunk=fields.text("trunk"),
    )


def inbound(fields: Fields) -> Inbound:
    """
    Return the call that comes in.

    Raises:
        RequestError: A field is missing or of the wrong type.
    """
    return Inbound(
        orig=fields.required("orig") or None,
        dest=fields.required("dest"),
        identities=fields.texts("identity"),
        call_id=fields.text("call_id"),
        trunk=fields.text("trunk"),
        time=fields.instant("time"),
        resource_priority=fields.texts("resource_priority"),
        priority=fields.text("priority"),
    )


def published(originated: Originated) -> dict[str, object]:
    """Return what became of a call that goes out, as JSON has it."""
    receipt, failure = originated.receipt, originated.failure
    return {
        "published": originated.published,
        "passports": len(receipt.identities) if receipt is not None and receipt.published else 0,
        "identity": list(originated.identities),
        "added": list(originated.added),
        "rule": originated.rule,
        "reason": originated.reason,
        "error": failure.code if failure is not None else None,
        "attempts": [attempt.as_dict() for attempt in receipt.attempts] if receipt is not None else [],
    }


def retrieved(terminated: Terminated) -> dict[str, object]:
    """Return the verdict on a call that comes in, and what goes on with it, as JSON has it."""
    retrieval = terminated.retrieval
    return {
        "identity": list(terminated.identities),
        "verdict": terminated.verdict.as_dict(),
        "headers": dict(terminated.headers),
        "reasons": list(terminated.reasons),
        "detail": terminated.detail,
        "attempts": [attempt.as_dict() for attempt in retrieval.attempts] if retrieval is not None else [],
    }
