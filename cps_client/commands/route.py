"""``cps-client route``: where the PASSporTs of a call go, and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cps_client.commands.frame import Config, Exit, Json, complain, one_line, print_json, print_table, told

if TYPE_CHECKING:
    from cps_client.numberplan import Normalised
    from cps_client.routes import Route, Routes
    from cps_client.settings import ClientSettings

app: Final = typer.Typer(help="Routes: where a call's PASSporTs go, and how its numbers are written.")

_GENERATION_2: Final = 2
_WIDTH: Final = 120
"""Columns of a table in a file or pipe."""


@app.command()
@told
def explain(
    orig: Annotated[str, typer.Option("--orig", metavar="TN", help="Calling number as signalled; ;noa=… may follow.")],
    dest: Annotated[str, typer.Option("--dest", metavar="TN", help="Called number as signalled; ;noa=… may follow.")],
    trunk: Annotated[
        str | None, typer.Option("--trunk", metavar="NAME", help="The trunk group; else the route without one.")
    ] = None,
    spc: Annotated[
        str | None, typer.Option("--spc", metavar="SPC", help="Find the trunk group by the partner's SPC.")
    ] = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> Exit:
    """
    Show by which route a call goes: CPSs, each step that its numbers take, request paths, and how it would be signed.

    Asks nobody. Run it at both ends of a trunk, each with the numbers as that end has them: the paths must be alike.
    Exit code 0; 1 when a number cannot be written in full, so that nothing could be published or retrieved.

    [bold]Example:[/bold] cps-client route explain --trunk pstn-1 --orig "2155550100;noa=national" --dest 12155551212
    """
    from cps_client.routes import Routes
    from cps_client.settings import load

    settings = load(config)
    route = _find(Routes.of(settings), trunk, spc)
    found = _Explained.of(route, settings, orig, dest)
    if as_json:
        print_json(found.as_dict())
    else:
        found.show()
    for name, number in (("calling", found.orig), ("called", found.dest)):
        if number.error is not None:
            complain(f"the {name} number: {number.error.detail}")
    return Exit.DONE if found.is_complete else Exit.NOT_VERIFIED


@app.command("list")
@told
def show(
    origid: Annotated[
        str | None, typer.Option("--origid", metavar="UUID", help="Only the trunk group that signs with this origid.")
    ] = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> Exit:
    """
    Show all routes with their CPSs and origids, or to trace a call back, the one that has an origid.

    Exit code 0; 1 when no route has the origid.

    [bold]Example:[/bold] cps-client route list --origid 4aec94e2-508c-4c1c-907b-3737bac0a80e
    """
    from cps_client.routes import Routes
    from cps_client.settings import load

    settings = load(config)
    rows = [_listed(route, settings) for route in Routes.of(settings).all]
    if origid is not None:
        rows = [row for row in rows if row["origid"] == origid.lower()]
    if as_json:
        print_json({"routes": rows})
    else:
        for row in rows:
            name = row.pop("trunk")
            print_table(row | {"cps": ", ".join(row["cps"])}, title=f"Route {name or 'without a trunk group'}")
    if not rows:
        complain("no route has this origid")
    return Exit.DONE if rows else Exit.NOT_VERIFIED


def _listed(route: "Route", settings: "ClientSettings") -> dict[str, Any]:
    policy = route.policy
    return {
        "trunk": route.name,
        "generation": route.generation,
        "spc": route.spc,
        "out_of_band": route.out_of_band,
        "cps": [endpoint.base for endpoint in route.endpoints],
        "signs": policy.signs,
        "callers": policy.callers.value if policy.callers else None,
        "attest": policy.attest,
        "origid": _origid(route, settings),
    }


def _find(routes: "Routes", trunk: str | None, spc: str | None) -> "Route":
    from cps_client.errors import UsageError

    if spc is None:
        return routes.require(trunk)
    if trunk is not None:
        raise UsageError("--trunk and --spc are two ways to say the same: give one of them")
    found = routes.of_partner(spc)
    if found is None:
        raise UsageError("no trunk group has this partner's SPC")
    return found


@dataclass(frozen=True, slots=True)
class _Explained:
    """All there is to say about the route of a call."""

    route: "Route"
    signalled: tuple[str, str]
    orig: "Normalised"
    dest: "Normalised"
    own_spc: str | None
    rule: str
    attest: str | None
    why: str
    origid: str | None

    @classmethod
    def of(cls, route: "Route", settings: "ClientSettings", orig: str, dest: str) -> "_Explained":
        """Normalise and decide as the gateway would for a call without PASSporTs."""
        from cps_client.attestation import Situation, decide

        numbers = route.plan.normalise(orig), route.plan.normalise(dest)
        decision = decide(Situation(route.policy, numbers[0].party, numbers[1].party))
        origid = _origid(route, settings) if decision.attest else None
        return cls(route, (orig, dest), *numbers, settings.spc, decision.rule, decision.attest, decision.text, origid)

    @property
    def is_complete(self) -> bool:
        """Whether both numbers are in full."""
        return self.orig.party is not None and self.dest.party is not None

    def as_dict(self) -> dict[str, object]:
        """Return all of it as JSON has it."""
        return {
            "trunk": self.route.name,
            "generation": self.route.generation,
            "spc": self.route.spc,
            "out_of_band": self.route.out_of_band,
            "cps": [
                {"url": base, "aud": aud, "publish": publish, "retrieve": retrieve}
                for base, aud, publish, retrieve in self._places()
            ],
            "orig": _number(self.signalled[0], self.orig),
            "dest": _number(self.signalled[1], self.dest),
            "emergency": self.is_emergency,
            "attestation": {"rule": self.rule, "attest": self.attest, "origid": self.origid, "why": self.why},
        }

    @property
    def is_emergency(self) -> bool:
        """Whether the call waits for nothing."""
        return self.dest.party is not None and self.route.plan.is_emergency(self.dest.party)

    def show(self) -> None:
        """Print all of it for people."""
        route = self.route
        print_table(
            {
                "generation": f"{route.generation}" + (f", partner {route.spc}" if route.spc else ""),
                "out of band": "yes" if route.out_of_band else "no: nothing is published or retrieved",
                "emergency": "yes: its publish waits for nothing" if self.is_emergency else None,
                "without PASSporT": f"{f'signed {self.attest}' if self.attest else 'not signed'} ({self.rule})",
                "because": self.why,
                "origid": self.origid,
            },
            title=f"Route {route.name or 'without a trunk group'}",
        )
        for place, (base, aud, publish, retrieve) in enumerate(self._places(), 1):
            print_table({"publish": publish, "retrieve": retrieve, "aud": aud}, title=f"CPS {place}: {base}")
        if not route.endpoints:
            complain("CPS_CLIENT_CPS_URLS is not set: this route has no CPS")
        for name, text, number in zip(("Calling", "Called"), self.signalled, (self.orig, self.dest), strict=True):
            _show_steps(f"{name} number: {text}", number)

    def _places(self) -> list[tuple[str, str, str | None, str | None]]:
        """Return base URL, audience, and the URLs of publish and retrieve for each CPS, as far as they are known."""
        from stir.token import Target

        orig, dest, route = self.orig.party, self.dest.party, self.route
        places = []
        for endpoint in route.endpoints:
            urls: list[str | None] = []
            for spc in (self.own_spc, route.spc or self.own_spc):
                known = orig is not None and dest is not None and (spc or route.generation != _GENERATION_2)
                segment = spc.upper() if spc and route.generation == _GENERATION_2 else None
                urls.append(endpoint.url(Target(dest, orig, segment)) if known and orig and dest else None)
            places.append((endpoint.base, endpoint.audience, urls[0], urls[1]))
        return places


def _number(signalled: str, number: "Normalised") -> dict[str, object]:
    from cps_client.numberplan import EXPLAINED

    return {
        "signalled": signalled,
        "canonical": number.party.value if number.party else None,
        "error": number.error.detail if number.error else None,
        "steps": [
            {"rule": step.rule.value, "result": step.result, "text": EXPLAINED[step.rule]} for step in number.steps
        ],
    }


def _show_steps(title: str, number: "Normalised") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cps_client.numberplan import EXPLAINED

    became = number.party.value if number.party else "no number in full"
    table = Table(box=box.SIMPLE, pad_edge=False, show_header=False)
    for place, step in enumerate(number.steps, 1):
        table.add_row(str(place), Text(one_line(step.result)), step.rule.value, EXPLAINED[step.rule])
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(Text(one_line(f"{title} → {became}"), style="bold"), soft_wrap=True)
    if number.steps:
        console.print(table)


def _origid(route: "Route", settings: "ClientSettings") -> str | None:
    """Return the origid, as far as what it is made from is configured."""
    from cps_client.origid import origid_of, private_namespace
    from cps_client.settings import PREFIX
    from stir.aio.credential import CredentialError, load_key

    namespace = settings.origid_namespace
    if namespace is None and settings.private_key is not None:
        try:
            namespace = private_namespace(load_key(PREFIX, settings.private_key))
        except CredentialError as error:
            complain(f"the origid is not known: {error.detail}")
    return origid_of(route, namespace) if namespace is not None else route.policy.origid
