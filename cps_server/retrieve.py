"""The use case of retrieving (ATIS-1000096 and ATIS-1000105)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cps_server.auth import Authoriser, Request
from cps_server.gate import Gate
from cps_server.store.base import PassportStore, Publication
from cps_server.tally import Tally
from stir.aio.clock import Clock


@dataclass(frozen=True)
class Retrieved:
    """What lives under a call's key, newest publish first."""

    publications: Sequence[Publication]

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.publications)

    @cached_property
    def passports(self) -> list[str]:
        """The PASSporTs; those that are the same byte for byte count once."""
        return list(dict.fromkeys(passport for publication in self.publications for passport in publication.passports))

    def as_dict(self) -> dict[str, object]:
        """Return the body that ATIS-1000096 gives."""
        return {
            "tokens": [token for publication in self.publications for token in publication.tokens],
            "passports": self.passports,
        }


class Retriever:
    """Hands PASSporTs out; reading does not consume them."""

    def __init__(self, store: PassportStore, authoriser: Authoriser, *, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._authoriser = authoriser
        self._gate = gate
        self._clock = clock
        self.retrieved = Tally()
        """Retrieves answered, by generation, ``hit`` or ``miss``, and retriever."""

    async def retrieve(self, request: Request) -> Retrieved:
        """
        Return what lives under the key of *request*.

        Raises:
            TokenError: The token does not allow this.
            StoreError: The store did not answer.
            NoTrustError: Nothing is trusted here yet, so nothing can be checked.
        """
        async with self._gate.admitted(request) as passage:
            publications = await self._store.retrieve(
                request.key, nonce=self._authoriser.nonce(request), now=self._clock.now()
            )
            found = Retrieved(publications)
            passage.passports = len(found.passports)
        result = "hit" if publications else "miss"
        self.retrieved.add(str(request.target.generation), result, spc=request.token.iss)
        return found
