"""What an operator can set of the gateway sidecar."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue

from cps_client.gateway.sip.settings import SipSettings
from stir.aio.addresses import Address
from stir.aio.configuration import Number, Seconds, Section

_SECONDS: Final[dict[str, JsonValue]] = {"unit": "seconds"}


def _listen(text: str) -> str:
    return str(Address.parse(text))


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on *host*."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class GatewaySettings(Section):
    """The sidecar beside a gateway or SBC."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        "127.0.0.1:8090", description="Address of the sidecar; one beyond this machine needs a token."
    )
    token_file: Path | None = Field(
        None, description="File with the bearer token that every caller has to show; by default none, on loopback only."
    )
    calls: Annotated[int, Number, Field(ge=1, le=100_000)] = Field(
        1000, description="Most calls worked on at once; what comes beyond is answered at once, as not verified."
    )
    dialect: Literal["auto", "atis", "3gpp"] = Field(
        "auto",
        description="Dialect of /stir/v1: ATIS-1000082, 3GPP Ms, or each request's own, by its fields.",
    )
    reason_spelling: Literal["lower", "camel"] = Field(
        "lower", description="Spelling in ATIS-1000082 answers: reasoncode, or reasonCode as some SBCs expect."
    )
    drain: Seconds = Field(
        5.0,
        ge=0,
        le=60,
        description="Longest time that calls in flight have to finish when it stops.",
        json_schema_extra=_SECONDS,
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least important events that are logged."
    )
    sip: SipSettings = SipSettings()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address.parse(self.listen)
