"""
How the numbers of a trunk are written in full: both ends of a call have to come to the same digits.

Each rule that was applied is recorded, so that a miss can be explained. Nothing here guesses: what neither the plan
nor the nature of address decides is no number (RFC 8224, section 8.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cps_client import limits
from cps_client.signalled import Nature, Signalled
from stir.errors import NumberError
from stir.extensions.rph import is_emergency
from stir.tn import Party

EMERGENCY: Final = frozenset({"112", "911"})
"""The emergency numbers that a plan has unless it is told others (RFC 9027, section 4)."""


class Rule(StrEnum):
    """What can be done to a number on its way to full length."""

    READ = "read"
    URI = "uri"
    STRIP_PREFIX = "strip-prefix"
    PLUS = "plus"
    SHORT_CODE = "short-code"
    SERVICE_CODE = "service-code"
    INTERNATIONAL_PREFIX = "international-prefix"
    INTERNATIONAL = "international"
    NATIONAL_PREFIX = "national-prefix"
    AREA_CODE = "area-code"
    COUNTRY_CODE = "country-code"
    IN_FULL = "in-full"
    AS_IT_IS = "as-it-is"


EXPLAINED: Final = {
    Rule.READ: "separators and parameters do not count",
    Rule.URI: "no number but a URI, which is compared as such",
    Rule.STRIP_PREFIX: "a prefix of a carrier or switch is taken away",
    Rule.PLUS: "begins with +, so it is in full",
    Rule.SHORT_CODE: "a short code stays as it is",
    Rule.SERVICE_CODE: "has * or #, which no number in full has, and stays as it is",
    Rule.INTERNATIONAL_PREFIX: "the international prefix is taken away; what is left is in full",
    Rule.INTERNATIONAL: "signalled as international, so it is in full",
    Rule.NATIONAL_PREFIX: "the national prefix is taken away",
    Rule.AREA_CODE: "a subscriber number gets the area code",
    Rule.COUNTRY_CODE: "a national number gets the country code",
    Rule.IN_FULL: "has the country code and a national length behind it, so it is in full",
    Rule.AS_IT_IS: "nothing says that it is not in full, so it stays as it is",
}
"""Each rule in words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was applied, and what it made of the number."""

    rule: Rule
    result: str


@dataclass(frozen=True, slots=True)
class Normalised:
    """What became of a number as signalled."""

    party: Party | None
    """The number in full, or the URI; None: it is neither, and the error says why."""
    steps: tuple[Step, ...]
    error: NumberError | None = None

    @property
    def text(self) -> str | None:
        """The party as every plan leaves it alone: a number begins with +."""
        if self.party is None:
            return None
        return f"+{self.party.value}" if self.party.kind == "tn" else self.party.value


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """What the digits on a trunk mean; without any of it numbers are taken as they come."""

    country_code: str | None = None
    area_code: str | None = None
    """What stands before a subscriber number inside the country."""
    national_prefix: str = ""
    """What stands before a national number when it is dialled, such as 0, or 1 in North America."""
    international_prefixes: tuple[str, ...] = ()
    """What stands before a country code when it is dialled, such as 00 or 011."""
    strip_prefixes: tuple[str, ...] = ()
    """What carriers and switches put before a number, and has no meaning at the other end."""
    national_lengths: tuple[int, ...] = ()
    """How many digits a national number has, without prefix; empty: not fixed."""
    short_codes: tuple[str, ...] = ()
    """Numbers that are dialled alike everywhere in the country and stay as they are."""
    emergency_numbers: tuple[str, ...] = tuple(sorted(EMERGENCY))
    """Such numbers whose calls wait for nothing."""
    nature: Nature = Nature.UNKNOWN
    """What a number is whose nature of address is not signalled."""

    def normalise(self, text: str) -> Normalised:
        """
        Write *text* in full; whatever it is, nothing is raised.

        A number in full with a ``+`` before it stays what it is in every plan.

        Args:
            text: A number as signalled, perhaps with its nature of address (``2155550100;noa=national``); a tel or
                SIP URI that holds one; or another URI.
        """
        steps: tuple[Step, ...] = ()
        try:
            for step in self._steps(text):
                steps = (*steps, step)
            kind = Party.uri if steps[-1].rule is Rule.URI else Party.tn
            return Normalised(kind(steps[-1].result), steps)
        except NumberError as error:
            return Normalised(None, steps, error)

    def is_emergency(self, party: Party) -> bool:
        """Return whether *party* is the emergency services, by number or by service URN."""
        return is_emergency(party) or (party.kind == "tn" and party.value in self.emergency_numbers)

    def _steps(self, text: str) -> Iterator[Step]:
        signalled = Signalled.parse(text)
        if signalled is None:
            yield Step(Rule.URI, Party.uri(text).value)
            return
        yield Step(Rule.READ, signalled.digits)
        digits = _without(signalled.digits, self.strip_prefixes)
        if digits != signalled.digits:
            yield Step(Rule.STRIP_PREFIX, digits)
        if digits.startswith("+"):
            yield Step(Rule.PLUS, digits[1:])
        elif digits in self.emergency_numbers or digits in self.short_codes:
            yield Step(Rule.SHORT_CODE, digits)
        elif not digits.isdigit():
            yield Step(Rule.SERVICE_CODE, digits)
        else:
            yield from self._by_nature(digits, signalled.nature or self.nature)

    def _by_nature(self, digits: str, nature: Nature) -> Iterator[Step]:
        if nature is Nature.INTERNATIONAL:
            return self._international(digits)
        if nature is Nature.NATIONAL:
            return self._national(digits)
        return self._subscriber(digits) if nature is Nature.SUBSCRIBER else self._unknown(digits)

    def _international(self, digits: str) -> Iterator[Step]:
        """Take the digits as they are; no country code begins with 0, so a prefix that does can be told."""
        yield Step(Rule.INTERNATIONAL, digits)
        if digits.startswith("0"):
            yield from self._from_abroad(digits)

    def _national(self, digits: str) -> Iterator[Step]:
        """Take the national prefix away where the length allows, and put the country code before it."""
        inner = self._inner(digits)
        if inner != digits:
            yield Step(Rule.NATIONAL_PREFIX, inner)
        if self._has_length(inner):
            yield self._coded(inner)
        elif len(digits) <= limits.SHORT_CODE_DIGITS:
            yield Step(Rule.SHORT_CODE, digits)
        else:
            raise NumberError(f"a national number of {len(inner)} digits, which national_lengths does not have")

    def _subscriber(self, digits: str) -> Iterator[Step]:
        """Put area code and country code before it; without an area code it can only be a short code."""
        if self.area_code is not None and self._has_length(self.area_code + digits):
            yield Step(Rule.AREA_CODE, self.area_code + digits)
            yield self._coded(self.area_code + digits)
        elif len(digits) <= limits.SHORT_CODE_DIGITS:
            yield Step(Rule.SHORT_CODE, digits)
        else:
            raise NumberError("a subscriber number, and the plan has no area_code that makes it a national one")

    def _unknown(self, digits: str) -> Iterator[Step]:
        """Tell by prefix first, then by length."""
        if _without(digits, self.international_prefixes) != digits:
            yield from self._from_abroad(digits)
        elif self._inner(digits) != digits or (self.national_lengths and self._has_length(digits)):
            yield from self._national(digits)
        elif self.national_lengths and self._is_in_full(digits):
            yield Step(Rule.IN_FULL, digits)
        elif self.national_lengths and self.area_code and self._has_length(self.area_code + digits):
            yield from self._subscriber(digits)
        elif len(digits) <= limits.SHORT_CODE_DIGITS:
            yield Step(Rule.SHORT_CODE, digits)
        elif self.national_lengths or (self.country_code and digits.startswith("0")):
            raise NumberError(f"{len(digits)} digits of unknown nature, for which the plan has no rule")
        else:
            yield Step(Rule.AS_IT_IS, digits)

    def _coded(self, national: str) -> Step:
        if self.country_code is None:
            raise NumberError("a national number, and the plan has no country_code")
        return Step(Rule.COUNTRY_CODE, self.country_code + national)

    def _from_abroad(self, digits: str) -> Iterator[Step]:
        rest = _without(digits, self.international_prefixes)
        if rest == digits or rest.startswith("0"):
            raise NumberError("an international number whose country code begins with 0, which there is not")
        yield Step(Rule.INTERNATIONAL_PREFIX, rest)

    def _inner(self, digits: str) -> str:
        """Return a national number without its prefix; where lengths are fixed, they tell whether it has one."""
        rest = _without(digits, (self.national_prefix,))
        return rest if self._has_length(rest) else digits

    def _has_length(self, national: str) -> bool:
        return not self.national_lengths or len(national) in self.national_lengths

    def _is_in_full(self, digits: str) -> bool:
        code = self.country_code or ""
        return digits.startswith(code) and self._has_length(digits.removeprefix(code))


def _without(digits: str, prefixes: tuple[str, ...]) -> str:
    """Take the longest of *prefixes* away that stands before anything else."""
    fitting = [prefix for prefix in prefixes if prefix and digits.startswith(prefix) and digits != prefix]
    return digits.removeprefix(max(fitting, key=len, default=""))
