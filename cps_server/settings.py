"""
Everything an operator can set, as data; the reference page is made from these descriptions.

Environment variables ``CPS_…`` (nesting with ``__``) stand over a TOML file, which stands over the defaults. Unknown
names are refused. Nothing but the composition root sees Settings; the rest gets the plain values that it needs.
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from cps_server import limits
from stir.aio.addresses import Address
from stir.aio.configuration import (
    CertificateSettings,
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

__all__ = [
    "LONGEST_LIFE",
    "NETWORKED",
    "SQLITE",
    "AuditSettings",
    "LimitSettings",
    "MeshSettings",
    "PartnerSettings",
    "PeerSettings",
    "Settings",
    "SettingsError",
    "StoreSettings",
]

LONGEST_LIFE: Final = 60
"""Longest life of a PASSporT here, in seconds: it is stale after that anyway (RFC 8224, section 6.2)."""

SQLITE: Final = "sqlite:///"
"""How the URL of a SQLite store starts; three slashes and a relative path, or four and an absolute one."""

NETWORKED: Final = tuple(
    f"{name}{kind}://" for name in ("redis", "valkey", "rediss", "valkeys") for kind in ("", "+cluster")
)
"""How the URLs of stores shared by several machines start; the names with another s are TLS."""


def _store_url(url: str) -> str:
    if url == "memory://" or (url.startswith(SQLITE) and url != SQLITE):
        return url
    if url.startswith(NETWORKED) and urlsplit(url).hostname:
        return url
    raise ValueError("must be memory://, sqlite:///path, redis://host, valkey://host or redis+cluster://host")


def _address(value: object) -> object:
    return Address.parse(value) if isinstance(value, str) else value


def _rate(rate: float) -> float:
    if rate and not limits.RATES[0] <= rate <= limits.RATES[1]:
        raise ValueError(f"must be 0 or from {limits.RATES[0]} to {limits.RATES[1]}")
    return rate


Rate = Annotated[float, Number, Field(allow_inf_nan=False), AfterValidator(_rate)]
Burst = Annotated[int, Number, Field(ge=1, le=limits.BURST)]
Listen = Annotated[Address, NoDecode, BeforeValidator(_address)]


class StoreSettings(Section):
    """Where PASSporTs wait for their call."""

    url: Annotated[str, AfterValidator(_store_url)] = Field(
        "sqlite:///cps.db",
        description="Where PASSporTs are kept: memory://, sqlite:///path, valkey://user:password@host:port/database or "
        "valkey+cluster://host:port,host:port; redis is the same, valkeys and rediss are TLS.",
    )
    retention: Seconds = Field(
        15.0,
        gt=0,
        le=LONGEST_LIFE,
        description="How long a first-generation PASSporT can be retrieved.",
        json_schema_extra={"unit": "seconds"},
    )
    secret_file: Path | None = Field(
        None,
        description="32 random bytes that seal the store, made at first start; by default beside the database. "
        "Required for Valkey and Redis: every node needs the same file.",
    )
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of Valkey's or Redis's TLS; by default the system's."
    )


class DrainSettings(Section):
    """How a process stops."""

    lame_duck: Seconds = Field(
        0.0,
        ge=0,
        le=300,
        description="How long it goes on after SIGTERM, /ready saying no, so that balancers notice first.",
        json_schema_extra={"unit": "seconds"},
    )


class PartnerSettings(Section):
    """Which providers may do what."""

    file: Path | None = Field(None, description="partners.toml; without it every provider with a valid certificate.")


class RepositorySettings(Section):
    """The operator's own certificate chains, for verifiers to fetch."""

    directory: Path | None = Field(
        None, description="Folder of PEM chain files that are served under /certs/; a renewed chain has a new name."
    )


class LimitSettings(Section):
    """How fast others may ask; each worker process counts for itself."""

    spc_rate: Rate = Field(
        5000.0,
        description="Requests that a provider may send unless partners.toml gives it a rate; 0: no limit.",
        json_schema_extra={"unit": "a second"},
    )
    spc_burst: Burst = Field(10_000, description="How many of these at once.")
    address_rate: Rate = Field(
        20.0,
        description="Requests from one address (IPv6: one /64) that may be refused with 400, 401 or 403; 0: no limit.",
        json_schema_extra={"unit": "a second"},
    )
    address_burst: Burst = Field(200, description="How many of these at once.")


class AuditSettings(Section):
    """Who published, retrieved or was denied what, and when."""

    file: Path | None = Field(
        None, description="The audit log; without it there is none. More workers write files beside it."
    )
    key_file: Path | None = Field(
        None, description="32 random bytes that key its hashes, made at first start; by default beside it, in .key."
    )
    rotate_bytes: Annotated[int, Number, Field(ge=10_000)] = Field(
        64 * 1024 * 1024,
        description="Size after which a new file is begun; each UTC day begins one anyway.",
        json_schema_extra={"unit": "bytes"},
    )


class PeerSettings(Section):
    """Another CPS of the mesh."""

    url: PeerUrl = Field(description="Base URL of the peer.")
    spc: Spc = Field(description="The SPC that the peer signs with.")
    hostname: str | None = Field(None, min_length=1, description="The peer's aud; by default the URL's host.")


class MeshSettings(Section):
    """Sharing publishes with other CPSs (ATIS-1000096)."""

    peers: tuple[PeerSettings, ...] = Field((), description="The other CPSs: url, spc and, if it differs, hostname.")
    spc: Spc | None = Field(None, description="This CPS's own SPC.")
    x5u: HttpsUrl | None = Field(None, description="Where this CPS's certificate chain is published.")
    private_key: Path | None = Field(None, description="PEM file of this CPS's private key.")
    tls_ca_file: Path | None = Field(None, description="PEM file of the CAs of the peers' HTTPS; by default system's.")

    @model_validator(mode="after")
    def _complete(self) -> "MeshSettings":
        credential = (self.spc, self.x5u, self.private_key)
        if any(credential) and not all(credential):
            raise ValueError("spc, x5u and private_key belong together")
        return self


class Settings(LayeredSettings):
    """What the operator decided; made by :func:`cps_server.configuration.load`."""

    model_config = SettingsConfigDict(env_prefix="CPS_")

    listen: Listen = Field(Address("127.0.0.1", 8080), description="Address of the public API.")
    admin_listen: Listen = Field(
        Address("127.0.0.1", 8081), description="Address of metrics, readiness and console; never public."
    )
    hostname: str = Field(
        "localhost",
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$",
        description="This CPS's name, compared with the token's aud.",
    )
    workers: int = Field(1, ge=1, le=256, description="Worker processes that share the port and the store.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines that are logged; SIGHUP reads it anew."
    )
    drain: DrainSettings = DrainSettings()
    store: StoreSettings = StoreSettings()
    trust: TrustSettings = TrustSettings()
    certificates: CertificateSettings = CertificateSettings()
    verify_passports: Literal["off", "shape", "full"] = Field(
        "full", description="What a publish checks of each PASSporT."
    )
    freshness: Seconds = Field(
        60.0,
        ge=1,
        le=300,
        description="How far a request token's iat may lie from now.",
        json_schema_extra={"unit": "seconds"},
    )
    partners: PartnerSettings = PartnerSettings()
    repository: RepositorySettings = RepositorySettings()
    limits: LimitSettings = LimitSettings()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks of the reverse proxies whose X-Forwarded-For is believed."
    )
    audit: AuditSettings = AuditSettings()
    mesh: MeshSettings = MeshSettings()
