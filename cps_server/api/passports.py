"""Publish and retrieve, both generations (ATIS-1000096, ATIS-1000105)."""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs, web

from cps_server import keys, limits
from cps_server.api import answers
from cps_server.api.clients import client_address
from cps_server.api.paths import PREFIX, target
from cps_server.auth import Request
from cps_server.models import PublishRequest
from stir.token import Action

routes = web.RouteTableDef()


@routes.post(PREFIX + "{target:.+}")
async def publish(request: web.Request) -> web.StreamResponse:
    """Keep the PASSporTs of the body for the call of the path."""
    asked = _authorise(request, Action.PUBLISH, Action.REPUBLISH)
    if asked.token.action is Action.REPUBLISH:
        request.app[keys.receiver].require_peer(asked)
    if (refusal := _media_problem(request)) is not None:
        return refusal
    try:
        body = await _body(request)
    except TimeoutError:
        return answers.timed_out()
    wanted = PublishRequest.parse(body)
    if asked.token.action is Action.REPUBLISH:
        receipt = await request.app[keys.receiver].receive(asked, wanted.passports, wanted.require_token())
    else:
        receipt = await request.app[keys.publisher].publish(asked, wanted.passports)
    request[keys.done] = {
        "spc": receipt.spc,
        "generation": asked.target.generation,
        "passports": receipt.passports,
        **({} if receipt.peer is None else {"peer": receipt.peer}),
    }
    return answers.success(receipt.as_dict(), status=HTTPStatus.CREATED)


@routes.get(PREFIX + "{target:.+}", allow_head=False)
async def retrieve(request: web.Request) -> web.StreamResponse:
    """Hand out what lives under the call of the path."""
    asked = _authorise(request, Action.RETRIEVE)
    found = await request.app[keys.retriever].retrieve(asked)
    request[keys.done] = {
        "spc": asked.token.iss,
        "generation": asked.target.generation,
        "publications": len(found.publications),
    }
    if not found:
        return answers.nothing_stored()
    return answers.success(found.as_dict())


def _authorise(request: web.Request, *actions: Action) -> Request:
    """Return who asks for what, as far as path and token alone tell."""
    named = target(request.rel_url.raw_path)
    if named is None:
        raise web.HTTPNotFound
    tokens = request.headers.getall(hdrs.AUTHORIZATION, [])
    return request.app[keys.authoriser].read(
        tokens, actions, named, peer=client_address(request), name=request[keys.request_id]
    )


async def _body(request: web.Request) -> bytes:
    """Return the body, which has usually come together with its header, so that nobody has to wait for it."""
    if request.content.is_eof():
        return await request.read()
    async with asyncio.timeout(limits.BODY_SECONDS):
        return await request.read()


def _media_problem(request: web.Request) -> web.Response | None:
    if request.content_type != "application/json":
        return answers.unsupported_media("The body has to be application/json.")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        return answers.unsupported_media("The body has to be sent without a content encoding.")
    return None
