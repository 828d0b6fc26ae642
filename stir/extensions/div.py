"""The claims of ``div`` and ``div-o`` PASSporTs: a call was sent on to another number (RFC 8946)."""

from collections.abc import Mapping
from dataclasses import dataclass

from stir.errors import ClaimError
from stir.passport import Passport, read_party
from stir.tn import Party


@dataclass(frozen=True, slots=True)
class Div:
    """The claims of ``ppt`` div (RFC 8946, section 3); where the call went is in dest, who called in orig."""

    ppt = "div"

    div: Party
    """From where the call was sent on: one of the dest of the PASSporT before."""
    hi: str | None
    """Index of the History-Info entry, as its signer wrote it."""

    @classmethod
    def of(cls, passport: Passport) -> "Div":
        """
        Read the claims of *passport*.

        Raises:
            ClaimError: div is missing, or has not exactly one telephone number or URI.
        """
        return cls(*_read_div(passport.payload))

    def as_claim(self) -> dict[str, str]:
        """Return the value of the ``div`` claim."""
        return self.div.as_claim() | ({"hi": self.hi} if self.hi is not None else {})


@dataclass(frozen=True, slots=True)
class DivO(Div):
    """The claims of ``ppt`` div-o (RFC 8946, section 5), a div that carries the PASSporT before it."""

    ppt = "div-o"

    opt: str
    """The PASSporT before, in full form."""

    @classmethod
    def of(cls, passport: Passport) -> "DivO":
        """
        Read the claims of *passport*; what is inside opt is not looked at.

        Raises:
            ClaimError: div or opt is missing or of the wrong type.
        """
        opt = passport.payload.get("opt")
        if not isinstance(opt, str) or not opt or ";" in opt:
            raise ClaimError(f"opt is {'missing' if opt is None else 'not a PASSporT'}")
        return cls(*_read_div(passport.payload), opt)


def _read_div(payload: Mapping[str, object]) -> tuple[Party, str | None]:
    """Return the identity and hi; members that a later document may add are passed over, a second identity is not."""
    div = payload.get("div")
    if not isinstance(div, dict):
        raise ClaimError(f"div is {'missing' if div is None else 'not an object'}")
    kinds = [kind for kind in ("tn", "uri") if kind in div]
    if len(kinds) != 1 or not isinstance(div[kinds[0]], str):
        raise ClaimError("div does not have one string, tn or uri")
    hi = div.get("hi")
    if hi is not None and not isinstance(hi, str):
        raise ClaimError("div.hi is not a string")
    return read_party("div", kinds[0], div[kinds[0]]), hi
