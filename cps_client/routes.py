"""Where a call's PASSporTs go and come from: a trunk group or a partner leads to CPSs and a generation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from cps_client.attestation import Policy
from cps_client.errors import UsageError
from cps_client.exchange import Endpoint
from cps_client.numberplan import NumberPlan
from cps_client.settings import ClientSettings
from cps_client.trunks import TrunkSettings


@dataclass(frozen=True, slots=True)
class Route:
    """What is agreed for the calls of one trunk group."""

    name: str | None
    """The trunk group; None: the route that the flat settings make."""
    endpoints: tuple[Endpoint, ...]
    """The CPSs, in order of preference."""
    generation: Literal[1, 2] = 1
    spc: str | None = None
    """The partner's SPC: in generation 2 whose publishes are retrieved; None: the own ones."""
    out_of_band: bool = True
    """Whether the trunk leads into TDM, so that its calls are published, and comes out of it."""
    plan: NumberPlan = field(default_factory=NumberPlan)
    policy: Policy = field(default_factory=Policy)
    """How its calls are signed that have no PASSporT."""


class Routes:
    """
    All routes by the name of their trunk group.

    Args:
        default: For calls that name no trunk group.
        trunks: Those with a name.
        lenient: Whether calls of a trunk group that is not known here go by the default.
    """

    def __init__(self, default: Route, trunks: Sequence[Route] = (), *, lenient: bool = False) -> None:
        self._default = default
        self._named: Mapping[str | None, Route] = {route.name: route for route in trunks}
        self._lenient = lenient or not trunks

    @classmethod
    def of(cls, settings: ClientSettings) -> Self:
        """
        Return the routes that *settings* make: what a trunk does not say is as without one.

        Raises:
            SettingsError: A list of subscribers' numbers cannot be used.
        """
        trunks = [_named(trunk, settings) for trunk in settings.trunks]
        return cls(_default(settings), trunks, lenient=settings.unknown_trunks == "default")

    @property
    def default(self) -> Route:
        """The route of calls that name no trunk group."""
        return self._default

    @property
    def all(self) -> tuple[Route, ...]:
        """Every route, the default first."""
        return self._default, *self._named.values()

    def require(self, trunk: str | None) -> Route:
        """
        Return the route of the trunk group *trunk*; None: the default.

        Where no trunk groups are configured, or the settings say so, the default serves unknown ones too.

        Raises:
            UsageError: There is no such trunk group; the detail names those there are.
        """
        if trunk is None:
            return self._default
        route = self._named.get(trunk)
        if route is not None:
            return route
        if self._lenient:
            return self._default
        known = ", ".join(str(name) for name in self._named)
        raise UsageError(f"no such trunk is configured; there are {known}", field="trunk")

    def of_partner(self, spc: str) -> Route | None:
        """Return the first route agreed with the provider *spc*, if there is one."""
        wanted = spc.upper()
        return next((route for route in self._named.values() if route.spc == wanted), None)


def _default(settings: ClientSettings) -> Route:
    return Route(
        name=None,
        endpoints=_endpoints(settings.cps_urls, settings.audience),
        generation=settings.generation,
        plan=settings.plan.value,
        policy=settings.signing.policy(settings.attest),
    )


def _named(trunk: TrunkSettings, settings: ClientSettings) -> Route:
    urls = settings.cps_urls if trunk.cps_urls is None else trunk.cps_urls
    audience = trunk.audience or (settings.audience if trunk.cps_urls is None else None)
    return Route(
        name=trunk.name,
        endpoints=_endpoints(urls, audience),
        generation=trunk.generation or settings.generation,
        spc=trunk.spc.upper() if trunk.spc else None,
        out_of_band=trunk.out_of_band,
        plan=(trunk.plan or settings.plan).value,
        policy=(trunk.signing or settings.signing).policy(trunk.attest or settings.attest),
    )


def _endpoints(urls: Sequence[str], audience: str | None) -> tuple[Endpoint, ...]:
    return tuple(Endpoint.of(url, audience) for url in dict.fromkeys(urls))
