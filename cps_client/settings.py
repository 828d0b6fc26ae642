"""
Everything an operator of the gateway side can set, as data; the reference page is made from these descriptions.

Environment variables ``CPS_CLIENT_…`` (nesting with ``__``) stand over a TOML file, which stands over the defaults.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator
from pydantic_settings import SettingsConfigDict

from cps_client.gateway.settings import GatewaySettings
from cps_client.numberplan import NumberPlan
from cps_client.signalled import Nature
from stir.aio.configuration import (
    CertificateSettings,
    Configuration,
    HttpsUrl,
    LayeredSettings,
    Number,
    PeerUrl,
    Seconds,
    Section,
    SettingsError,
    Spc,
    TrustSettings,
)
from stir.errors import MalformedError
from stir.reason import Ppi
from stir.sip import Projection

__all__ = [
    "PREFIX",
    "ClientSettings",
    "HeaderSettings",
    "PlanSettings",
    "SettingsError",
    "TrunkSettings",
    "effective",
    "known",
    "load",
]

PREFIX: Final = "CPS_CLIENT_"
"""How the names of all settings start in the environment."""

_SECONDS: Final[dict[str, JsonValue]] = {"unit": "seconds"}


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
_CpsUrl = Annotated[PeerUrl, AfterValidator(_base_url)]
_Generation = Annotated[Literal[1, 2], BeforeValidator(_generation)]


class PlanSettings(Section):
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
        (), description="Numbers that stay as they are, beside 112, 911 and what else is too short to be national."
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


class TrunkSettings(Section):
    """One trunk group; what it does not say is as the settings without a trunk have it."""

    name: str = Field(pattern=re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"), description="As calls name it.")
    cps_urls: tuple[_CpsUrl, ...] | None = Field(None, min_length=1, description="Base URLs of the CPSs agreed on.")
    audience: str | None = Field(None, min_length=1, max_length=255, description="aud of request tokens.")
    generation: _Generation | None = Field(None, description="1 or 2.")
    spc: Spc | None = Field(None, description="The partner's SPC: in generation 2 whose publishes are retrieved.")
    out_of_band: bool = Field(default=True, description="Whether it leads into TDM; if not, nothing is published.")
    plan: PlanSettings | None = Field(None, description="What the digits on this trunk mean, as a whole.")


class HeaderSettings(Section):
    """How a verdict is written into SIP header fields."""

    host: str | None = Field(
        None, max_length=253, description="Host of the SIP URI in P-Asserted-Identity; none: a tel URI is written."
    )
    suffix: bool = Field(
        default=False, description="Whether verstat says the attestation too, as in TN-Validation-Passed-A."
    )
    vendor_names: bool = Field(
        default=False, description="Write P-Attestation-Indicator and P-Origination-ID in place of 3GPP's names."
    )
    profile: Literal["atis", "atis-mismatch-failed", "asterisk"] = Field(
        "atis", description="Which table the codes of verdicts and of Reason are from."
    )
    ppi: Literal["none", "compact", "full"] = Field(
        "compact", description="How a Reason header names the PASSporT that failed."
    )

    @model_validator(mode="after")
    def _writable(self) -> "HeaderSettings":
        try:
            Projection(self.host)
        except MalformedError as error:
            raise ValueError(f"host: {error.detail}") from error
        return self

    @property
    def projection(self) -> Projection:
        """The same as the value that works."""
        return Projection(self.host, self.suffix, self.vendor_names)

    @property
    def form_of_ppi(self) -> Ppi | None:
        """How a Reason names its PASSporT, as the value that works."""
        return None if self.ppi == "none" else Ppi(self.ppi)


class ClientSettings(LayeredSettings):
    """What the operator decided; made by :func:`load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    cps_urls: tuple[_CpsUrl, ...] = Field((), description="Base URLs of the CPSs, in order of preference.")
    audience: str | None = Field(
        None, min_length=1, max_length=255, description="aud of request tokens; by default the CPS URL's host, no port."
    )
    cps_tls_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of the CPSs' HTTPS; by default the system's."
    )
    generation: _Generation = Field(
        1, description="1: ATIS-1000096, for everyone in a mesh; 2: ATIS-1000105, a CPS agreed with the partner."
    )
    spc: Spc | None = Field(None, description="Own service provider code, as in the certificate.")
    x5u: HttpsUrl | None = Field(None, description="Where the own certificate chain is published.")
    private_key: Path | None = Field(None, description="PEM file of the private key of that certificate.")
    attest: Literal["A", "B", "C"] = Field(
        "C", description="Level of attestation where a call is signed here and nothing else is said."
    )
    lifetime: Seconds = Field(
        15.0,
        ge=1,
        le=60,
        description="How long a CPS of the second generation is to keep a publish.",
        json_schema_extra=_SECONDS,
    )
    publish_budget: Seconds = Field(
        1.0, gt=0, le=30, description="Longest time for a publish, with all attempts.", json_schema_extra=_SECONDS
    )
    retrieve_budget: Seconds = Field(
        0.5,
        gt=0,
        le=30,
        description="Longest time for a retrieve, with all attempts and the verification.",
        json_schema_extra=_SECONDS,
    )
    freshness: Seconds = Field(
        60.0, ge=1, le=300, description="How far a PASSporT's iat may lie from now.", json_schema_extra=_SECONDS
    )
    trunks: tuple[TrunkSettings, ...] = Field(
        (), description="Trunk groups, each with its CPSs, generation and number plan: see the guide to routes."
    )
    unknown_trunks: Literal["refuse", "default"] = Field(
        "refuse", description="What is done with a call of a trunk that is none of these; default: as without a trunk."
    )
    plan: PlanSettings = PlanSettings()
    headers: HeaderSettings = HeaderSettings()
    gateway: GatewaySettings = GatewaySettings()
    trust: TrustSettings = TrustSettings()
    certificates: CertificateSettings = CertificateSettings()

    @model_validator(mode="after")
    def _distinct(self) -> "ClientSettings":
        names = [trunk.name for trunk in self.trunks]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the trunk {twice} stands there twice")
        return self


_CONFIGURATION: Final = Configuration(ClientSettings)

known = _CONFIGURATION.known
load = _CONFIGURATION.load
effective = _CONFIGURATION.effective
