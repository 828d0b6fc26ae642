"""The claims that each type of PASSporT adds to the base ones."""

from collections.abc import Callable
from typing import Final

from stir.extensions.div import Div, DivO
from stir.extensions.rcd import Rcd
from stir.extensions.rph import Rph
from stir.extensions.shaken import ATTESTATIONS, Shaken
from stir.passport import Passport

Extension = Shaken | Div | DivO | Rph | Rcd

_READERS: Final[dict[str | None, Callable[[Passport], Extension]]] = {
    Shaken.ppt: Shaken.of,
    Div.ppt: Div.of,
    DivO.ppt: DivO.of,
    Rph.ppt: Rph.of,
    Rcd.ppt: Rcd.of,
}


def read(passport: Passport) -> Extension | None:
    """
    Return the claims of the type of *passport*; None for a base one and for types that are not known here.

    Raises:
        ClaimError: One of them is missing or of the wrong type.
    """
    reader = _READERS.get(passport.ppt)
    return reader(passport) if reader is not None else None


__all__ = ["ATTESTATIONS", "Div", "DivO", "Extension", "Rcd", "Rph", "Shaken", "read"]
