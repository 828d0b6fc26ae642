"""What CPSs are asked for on a call's behalf: to keep its PASSporTs, or to hand them out."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from cps_client import limits
from cps_client.answer import Found, read
from cps_client.errors import CpsError, UsageError
from cps_client.exchange import Answer, Endpoint, Exchange
from cps_client.failover import Asked
from cps_client.outcome import Attempt, Retrieval
from cps_client.routes import Route
from cps_client.settings import SettingsError
from cps_client.tally import Tally
from cps_client.watch import Watch
from stir.aio.clock import Clock
from stir.aio.credential import Credential
from stir.token import SPC, Action, Target, mint
from stir.verdict import Source
from stir.verify import Call

_GENERATION_2: Final = 2


class Placement:
    """
    Publishes to the CPSs of a route and retrieves from them; what a network or a CPS does comes out as a value.

    Args:
        exchange: Makes the requests.
        clock: The time that tokens are made at.
        tally: Counts the requests.
        lifetime: How long a CPS of the second generation is to keep a publish.
        hedge_after: The part of a retrieve's time after which a second CPS is asked as well.
    """

    def __init__(
        self, exchange: Exchange, *, clock: Clock, tally: Tally, lifetime: timedelta, hedge_after: float
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._tally = tally
        self._lifetime = lifetime
        self._hedge_after = hedge_after
        self.watch = Watch()
        """What is known of the CPSs."""

    async def publish(
        self, call: Call, passports: Sequence[str], *, credential: Credential, route: Route, until: float
    ) -> tuple[tuple[Attempt, ...], CpsError | None]:
        """
        Publish *passports*; return what was tried, and why they are nowhere if they are.

        Args:
            call: Whose they are.
            passports: In the call's order.
            credential: Who publishes.
            route: Where to.
            until: Instant of the event loop's clock.

        Raises:
            SettingsError: The route has no CPS.
            UsageError: The credential's SPC is none.
        """
        target = _target(call, route, credential.spc)

        async def ask(endpoint: Endpoint, until: float) -> Answer:
            token = self._token(credential, Action.PUBLISH, target, endpoint, passports)
            return await self._exchange.publish(endpoint.url(target), token=token, passports=passports, until=until)

        asked = Asked(require_endpoints(route), ask, deadline=until, watch=self.watch, tally=self._tally)
        try:
            await asked.one_by_one()
        except CpsError as error:
            return asked.attempts, error
        return asked.attempts, None

    async def retrieve(
        self, call: Call, *, credential: Credential, route: Route, until: float, spc: str | None = None
    ) -> Retrieval:
        """
        Ask for the PASSporTs of *call*; nothing is verified.

        Args:
            call: Whose they are.
            credential: Who asks.
            route: Whom to ask.
            until: Instant of the event loop's clock.
            spc: In the second generation the publisher's SPC, by default the route's, else the own one.

        Raises:
            SettingsError: The route has no CPS.
            UsageError: *spc* is none, or the route is of the first generation.
        """
        if spc is not None and route.generation != _GENERATION_2:
            raise UsageError("an SPC is asked for in the second generation only: set CPS_CLIENT_GENERATION=2")
        target = _target(call, route, spc or route.spc or credential.spc)

        async def ask(endpoint: Endpoint, until: float) -> Found:
            token = self._token(credential, Action.RETRIEVE, target, endpoint)
            return read(await self._exchange.retrieve(endpoint.url(target), token=token, until=until))

        asked = Asked(require_endpoints(route), ask, deadline=until, watch=self.watch, tally=self._tally)
        try:
            found = await asked.side_by_side(asked.seconds_left * self._hedge_after)
        except CpsError as error:
            return Retrieval(attempts=asked.attempts, error=error)
        if not found.is_useful:
            found = await asked.again(found, limits.NOT_FOUND_PAUSES)
        return Retrieval(found.passports, found.tokens, asked.attempts, dropped=found.dropped)

    def _token(
        self,
        credential: Credential,
        action: Action,
        target: Target,
        endpoint: Endpoint,
        passports: Sequence[str] | None = None,
    ) -> str:
        """Return a new token, with jti and iat of its own: one is good for one request."""
        return mint(
            credential.signer.key,
            x5u=credential.x5u,
            iss=credential.spc,
            action=action,
            target=target,
            audience=endpoint.audience,
            at=self._clock.now(),
            passports=passports,
            lifetime=self._lifetime if action is Action.PUBLISH else None,
        )


def _target(call: Call, route: Route, spc: str) -> Target:
    """Return what is asked about; *spc* names the publisher in the second generation."""
    if route.generation != _GENERATION_2:
        return Target(call.dest, call.orig)
    if not SPC.fullmatch(spc):
        raise UsageError("an SPC is 3 to 15 letters and digits")
    return Target(call.dest, call.orig, spc.upper())


def source_of(route: Route) -> Source:
    """Return which way PASSporTs come by *route*."""
    return Source.OOB_V2 if route.generation == _GENERATION_2 else Source.OOB_V1


def require_endpoints(route: Route) -> Sequence[Endpoint]:
    """
    Return the CPSs of *route*.

    Raises:
        SettingsError: There are none.
    """
    if not route.endpoints:
        raise SettingsError('CPS_CLIENT_CPS_URLS is not set: a JSON list of base URLs, like ["https://cps.example"]')
    return route.endpoints
