"""
Everything an operator of the gateway side can set, as data; the reference page is made from these descriptions.

Environment variables ``CPS_CLIENT_…`` (nesting with ``__``) stand over a TOML file, which stands over the defaults.
"""

from pathlib import Path
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, model_validator
from pydantic_settings import SettingsConfigDict

from cps_client.gateway.settings import GatewaySettings
from cps_client.trunks import CpsUrl, Generation, PlanSettings, SigningSettings, TrunkSettings
from stir.aio.configuration import (
    CertificateSettings,
    Configuration,
    HttpsUrl,
    LayeredSettings,
    Number,
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
    "SigningSettings",
    "TrunkSettings",
    "effective",
    "known",
    "load",
]

PREFIX: Final = "CPS_CLIENT_"
"""How the names of all settings start in the environment."""

_SECONDS: Final[dict[str, JsonValue]] = {"unit": "seconds"}
_SIP_LISTEN: Final = f"{PREFIX}GATEWAY__SIP__LISTEN"


def _host(text: str) -> str:
    try:
        Projection(text)
    except MalformedError as error:
        raise ValueError(error.detail) from error
    return text


class HeaderSettings(Section):
    """How a verdict is written into SIP header fields."""

    host: Annotated[str, AfterValidator(_host)] | None = Field(
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

    cps_urls: tuple[CpsUrl, ...] = Field((), description="Base URLs of the CPSs, in order of preference.")
    audience: str | None = Field(
        None, min_length=1, max_length=255, description="aud of request tokens; by default the CPS URL's host, no port."
    )
    cps_tls_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of the CPSs' HTTPS; by default the system's."
    )
    generation: Generation = Field(
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
    hedge_after: Annotated[float, Number] = Field(
        0.3,
        gt=0,
        lt=1,
        description="The part of a retrieve's budget after which the next CPS is asked as well.",
    )
    freshness: Seconds = Field(
        60.0, ge=1, le=300, description="How far a PASSporT's iat may lie from now.", json_schema_extra=_SECONDS
    )
    origid_namespace: UUID | None = Field(
        None,
        description="Private namespace of the origids that are made from trunks' names; "
        "by default it is made from the private key, and changes with it.",
    )
    trunks: tuple[TrunkSettings, ...] = Field(
        (), description="Trunk groups, each with its CPSs, number plan and signing policy: see the guide to routes."
    )
    unknown_trunks: Literal["refuse", "default"] = Field(
        "refuse", description="What is done with a call of a trunk that is none of these; default: as without a trunk."
    )
    plan: PlanSettings = PlanSettings()
    signing: SigningSettings = SigningSettings()
    headers: HeaderSettings = HeaderSettings()
    gateway: GatewaySettings = GatewaySettings()
    trust: TrustSettings = TrustSettings()
    certificates: CertificateSettings = CertificateSettings()

    @model_validator(mode="after")
    def _distinct(self) -> "ClientSettings":
        names = [trunk.name for trunk in self.trunks]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{PREFIX}TRUNKS: the trunk {twice} stands there twice")
        return self

    @model_validator(mode="after")
    def _known_trunks(self) -> "ClientSettings":
        known = {None, *(trunk.name for trunk in self.trunks)}
        if self.trunks and self.unknown_trunks == "refuse":
            for one in self.gateway.sip.listeners:
                if one.trunk not in known:
                    raise ValueError(f"{_SIP_LISTEN} names the trunk {one.trunk}, which is none of the trunks")
        return self


_CONFIGURATION: Final = Configuration(ClientSettings)

known = _CONFIGURATION.known
load = _CONFIGURATION.load
effective = _CONFIGURATION.effective
