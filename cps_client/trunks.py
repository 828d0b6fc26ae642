"""What an operator can set for a trunk group: where its calls go, what its digits mean, and how they are signed."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cps_client.attestation import Callers, Policy
from cps_client.numberlist import NumberList
from cps_client.numberplan import EMERGENCY, NumberPlan
from cps_client.signalled import Nature
from stir.aio.configuration import Number, PeerUrl, Section, Spc


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a base URL without user, query and fragment")
    return url.rstrip("/")


def _generation(value: object) -> object:
    """Let the environment give a number as text, as everywhere; true is none."""
    if isinstance(value, bool):
        return None
    return int(value) if isinstance(value, str) and value in {"1", "2"} else value


_Digits = Annotated[str, Field(pattern=re.compile(r"\A[0-9]{1,8}\Z"))]
_Prefix = Annotated[str, Field(pattern=re.compile(r"\A[0-9*#]{1,15}\Z"))]
CpsUrl = Annotated[PeerUrl, AfterValidator(_base_url)]
"""Base URL of a CPS."""
Generation = Annotated[Literal[1, 2], BeforeValidator(_generation)]
"""1: ATIS-1000096; 2: ATIS-1000105."""


class _Table(Section):
    """A table that may stand in a list, where nobody else looks for mistyped names."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        names = list(given) if isinstance(given, dict) else []
        if stranger := next((name for name in names if name not in cls.model_fields), None):
            nearest = difflib.get_close_matches(stranger, cls.model_fields, n=1, cutoff=0.0)
            raise ValueError(f"{stranger} is not a setting here; did you mean {nearest[0]}?")
        return given


class PlanSettings(_Table):
    """What the digits on a trunk mean."""

    country_code: Annotated[str, Field(pattern=re.compile(r"\A[1-9][0-9]{0,2}\Z"))] | None = Field(
        None, description="Country code that national numbers get; none: numbers are taken as they come."
    )
    area_code: _Digits | None = Field(None, description="What subscriber numbers get before the country code.")
    national_prefix: Annotated[str, Field(pattern=re.compile(r"\A[0-9]{0,4}\Z"))] = Field(
        "", description="What stands before a national number when it is dialled: 0, or 1 in North America."
    )
    international_prefixes: tuple[_Digits, ...] = Field(
        (), description="What stands before a country code when it is dialled: 00, or 011 in North America."
    )
    strip_prefixes: tuple[_Prefix, ...] = Field(
        (), description="What carriers and switches put before a number; the longest that fits is taken away."
    )
    national_lengths: tuple[Annotated[int, Number, Field(ge=1, le=14)], ...] = Field(
        (), description="How many digits a national number has, where that is fixed: [10] in North America."
    )
    short_codes: tuple[_Prefix, ...] = Field(
        (), description="Numbers that stay as they are, whatever is signalled with them."
    )
    emergency_numbers: tuple[_Prefix, ...] = Field(
        tuple(sorted(EMERGENCY)), description="Such numbers whose calls wait for nothing."
    )
    nature: Nature = Field(
        Nature.UNKNOWN, description="What a number is when nothing signals its nature of address (noa)."
    )

    @model_validator(mode="after")
    def _complete(self) -> "PlanSettings":
        if self.country_code is None and (self.area_code or self.national_prefix or self.national_lengths):
            raise ValueError("country_code is missing: without it nothing can be written in full")
        return self

    @property
    def value(self) -> NumberPlan:
        """The same as the value that works."""
        return NumberPlan(**dict(self))


class SigningSettings(_Table):
    """How calls are signed that have no PASSporT."""

    enabled: bool = Field(default=True, description="Whether to sign such calls is this provider's duty.")
    callers: Callers | None = Field(
        None,
        description="Whose calls these are: subscribers, own ones (A for a number on the list, B for another), or "
        "carrier, another carrier's (C); none: ATTEST says the level.",
    )
    numbers: tuple[str, ...] = Field(
        (), description="The subscribers' own numbers in full, and ranges of them such as 12155550100..12155550199."
    )
    numbers_file: Path | None = Field(None, description="File with more of them, one a line; read at the start.")
    origid: UUID | None = Field(None, description="The origid; by default one that is made from the trunk's name.")

    @model_validator(mode="after")
    def _used(self) -> "SigningSettings":
        if self.callers is not Callers.SUBSCRIBERS and (self.numbers or self.numbers_file):
            raise ValueError("numbers are for callers = subscribers")
        return self

    def policy(self, attest: str) -> Policy:
        """
        Return the same as the value that works, with *attest* as the configured level.

        Raises:
            SettingsError: A number is none, or the file cannot be read.
        """
        return Policy(
            signs=self.enabled,
            callers=self.callers,
            numbers=NumberList.of(self.numbers, self.numbers_file),
            attest=attest,
            origid=str(self.origid) if self.origid else None,
        )


class TrunkSettings(_Table):
    """One trunk group; what it does not say is as the settings without a trunk have it."""

    name: str = Field(pattern=re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"), description="As calls name it.")
    cps_urls: tuple[CpsUrl, ...] | None = Field(None, min_length=1, description="Base URLs of the CPSs agreed on.")
    audience: str | None = Field(None, min_length=1, max_length=255, description="aud of request tokens.")
    generation: Generation | None = Field(None, description="1 or 2.")
    spc: Spc | None = Field(None, description="The partner's SPC: in generation 2 whose publishes are retrieved.")
    out_of_band: bool = Field(default=True, description="Whether it leads into TDM; if not, nothing is published.")
    plan: PlanSettings | None = Field(None, description="What the digits on it mean: keys as in plan.…, as a whole.")
    attest: Literal["A", "B", "C"] | None = Field(None, description="Level where nothing else decides.")
    signing: SigningSettings | None = Field(
        None, description="How its calls are signed: keys as in signing.…, as a whole."
    )
