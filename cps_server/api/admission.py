"""The door: clients whose requests were refused too often are told to wait, before anything is spent on them."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from cps_server import keys
from cps_server.api import answers
from cps_server.api.clients import Clients, key
from cps_server.api.paths import PREFIX
from cps_server.ratelimit import Budget, TooManyRequestsError

REFUSALS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
"""What counts against an address: everything that can be had without a genuine token that allows the request."""


def admission(inside: Middleware, clients: Clients, budget: Budget | None, now: Callable[[], int]) -> Middleware:
    """
    Return the middleware that finds the client's address and holds it to its *budget* of refusals.

    Args:
        inside: Answers whoever is let in, whatever goes wrong.
        clients: Tells whose request it is.
        budget: None: there is no limit.
        now: A steady clock, in nanoseconds.
    """

    @web.middleware
    async def at_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = request[keys.client_address] = clients.address(request)
        client = key(address)
        if budget is None or client is None or not request.path.startswith(PREFIX):
            return await inside(request, handler)
        try:
            with budget.visit(client, now()) as visit:
                response = await inside(request, handler)
                visit.refused = response.status in REFUSALS
                return response
        except TooManyRequestsError as error:
            return answers.too_many_requests(error)

    return at_the_door
