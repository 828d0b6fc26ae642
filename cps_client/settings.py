"""
Everything an operator of the gateway side can set, as data; the reference page is made from these descriptions.

Environment variables ``CPS_CLIENT_…`` (nesting with ``__``) stand over a TOML file, which stands over the defaults.
"""

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue
from pydantic_settings import SettingsConfigDict

from stir.aio.configuration import (
    CertificateSettings,
    Configuration,
    HttpsUrl,
    LayeredSettings,
    Number,
    PeerUrl,
    Seconds,
    SettingsError,
    Spc,
    TrustSettings,
)

__all__ = ["PREFIX", "ClientSettings", "SettingsError", "effective", "known", "load"]

PREFIX: Final = "CPS_CLIENT_"
"""How the names of all settings start in the environment."""

_SECONDS: Final[dict[str, JsonValue]] = {"unit": "seconds"}


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a base URL without user, query and fragment")
    return url.rstrip("/")


class ClientSettings(LayeredSettings):
    """What the operator decided; made by :func:`load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    cps_urls: tuple[Annotated[PeerUrl, AfterValidator(_base_url)], ...] = Field(
        (), description="Base URLs of the CPSs, in order of preference."
    )
    audience: str | None = Field(
        None, min_length=1, max_length=255, description="aud of request tokens; by default the CPS URL's host, no port."
    )
    cps_tls_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of the CPSs' HTTPS; by default the system's."
    )
    generation: Annotated[int, Number, Field(ge=1, le=2)] = Field(
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
    trust: TrustSettings = TrustSettings()
    certificates: CertificateSettings = CertificateSettings()


_CONFIGURATION: Final = Configuration(ClientSettings)

known = _CONFIGURATION.known
load = _CONFIGURATION.load
effective = _CONFIGURATION.effective
