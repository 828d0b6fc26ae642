"""
Settings of a product: read from a TOML file and the environment, refused by name when wrong, and shown.

Environment variables stand over the file, which stands over the defaults; ``__`` nests. Server and client share
this way of reading and the two groups of settings that both have; what else there is to set each declares itself.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stir.errors import StirError

CONFIG_BYTES: Final = 1024 * 1024
"""Largest configuration file read, in bytes."""

Origin = Literal["default", "file", "environment"]


class SettingsError(StirError):
    """A setting is unknown or has a value that cannot be; the detail names it."""

    code = "bad-configuration"


def _https_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("must be an https:// URL")
    return url


def _peer_url(url: str) -> str:
    """Let http:// pass for this very machine only: a loopback address, or the name reserved for it (RFC 6761)."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return _https_url(url)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError("must be an https:// URL; http:// is for loopback addresses only")
    return url


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - only a ValueError becomes a complaint about the setting
    return value


Number = BeforeValidator(_number)
"""Mark of a number, for which true and false will not do."""
Seconds = Annotated[float, Number, Field(allow_inf_nan=False)]
HttpsUrl = Annotated[str, AfterValidator(_https_url)]
PeerUrl = Annotated[str, AfterValidator(_peer_url)]
"""Base URL of a CPS: https, or http on loopback."""
Spc = Annotated[str, Field(pattern=re.compile(r"\A[A-Za-z0-9]{3,15}\Z"))]
Port = Annotated[int, Number, Field(ge=1, le=65_535)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TrustSettings(Section):
    """Who may sign: the roots of the STI-CAs, and what they revoked."""

    anchors: Path | None = Field(None, description="PEM file of STI-CA roots.")
    ca_list_url: HttpsUrl | None = Field(None, description="The STI-PA's signed list of STI-CA roots.")
    crl_url: HttpsUrl | None = Field(None, description="The STI-PA's certificate revocation list; none: no revocation.")
    sti_pa_anchors: Path | None = Field(
        None, description="PEM file of the policy administrator's own roots, for those who sign the CA list and CRL."
    )
    fail_closed: bool = Field(
        default=False,
        description="Believe nobody while the CRL cannot be had or is overdue; "
        'by default calls are verified on, and verdicts say revocation "unknown".',
    )


class CertificateSettings(Section):
    """From where certificates are fetched."""

    allow_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks from which certificates may be fetched although they are not public."
    )
    allow_ports: tuple[Port, ...] = Field((443, 8443), min_length=1, description="Ports allowed in x5u.")
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of the repositories' HTTPS; by default the system's."
    )
    tn_auth_list_references: bool = Field(
        default=False,
        description="Fetch the TNAuthLists that delegate certificates only refer to; else these are refused.",
    )


class LayeredSettings(BaseSettings):
    """Settings of a product; its own class names the prefix and the settings, :class:`Configuration` makes it."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    config: Path | None = Field(None, description="TOML file with any of these settings.")

    _origins: Mapping[str, Origin] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment over what is passed, which is the file's content."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    def with_origins(self, origins: Mapping[str, Origin]) -> Self:
        """Remember where each setting that is no default came from, by its name in the environment."""
        self._origins = origins
        return self

    def origin(self, name: str) -> Origin:
        """Return where the setting called *name* in the environment came from."""
        return self._origins.get(name, "default")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its path in the file (``store.url``), its name in the environment, and what is known about it."""

    path: tuple[str, ...]
    name: str
    info: FieldInfo

    @property
    def key(self) -> str:
        """The dotted key in the TOML file."""
        return ".".join(self.path)

    @property
    def is_list(self) -> bool:
        """Whether the value is a list, which the environment gives as JSON."""
        return isinstance(self.info.default, tuple)


@dataclass(frozen=True, slots=True)
class Effective:
    """A setting's value as it may be shown, and where it came from."""

    value: str
    origin: Origin


S = TypeVar("S", bound=LayeredSettings)


class Configuration(Generic[S]):
    """
    Reads and shows the settings of one product.

    Args:
        model: The settings; its ``env_prefix`` starts all their names in the environment.
        others: Longer prefixes of names that are another product's business.
    """

    def __init__(self, model: type[S], *, others: tuple[str, ...] = ()) -> None:
        self._model = model
        self._prefix = model.model_config["env_prefix"]
        self._others = others

    def known(self) -> Iterator[Setting]:
        """Yield every setting, in the order of the reference page."""
        return self._known(self._model, ())

    def load(self, config: Path | None = None) -> S:
        """
        Return the settings: environment over the file *config* (by default the one set as ``…CONFIG``) over defaults.

        Raises:
            SettingsError: Some setting is unknown or has a wrong value, or the file cannot be read.
        """
        names = {setting.name: setting for setting in self.known()}
        from_environment = self._from_environment(names)
        variable = self._name(("config",))
        config = config or (Path(os.environ[variable]) if os.environ.get(variable) else None)
        content = _read(variable, config) if config else {}
        _require_known(content, {setting.path for setting in names.values()} - {("config",)})
        try:
            settings = self._model(**content)
        except ValidationError as error:
            raise SettingsError(self._complaints(error, names)) from error
        if config is not None:
            settings = settings.model_copy(update={"config": config})
        from_file = {name for name, setting in names.items() if _is_set(content, setting.path)}
        origins: dict[str, Origin] = dict.fromkeys(from_file, "file")
        return settings.with_origins(origins | dict.fromkeys(from_environment, "environment"))

    def effective(self, settings: S) -> Mapping[str, Effective]:
        """Return every setting by its name in the environment, as it may be printed: passwords in URLs are masked."""
        shown: dict[str, Effective] = {}
        for setting in self.known():
            value: Any = settings
            for step in setting.path:
                value = getattr(value, step)
            shown[setting.name] = Effective(_printable(value), settings.origin(setting.name))
        return shown

    def _known(self, model: type[BaseModel], above: tuple[str, ...]) -> Iterator[Setting]:
        for name, info in model.model_fields.items():
            path = (*above, name)
            if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
                yield from self._known(info.annotation, path)
            else:
                yield Setting(path, self._name(path), info)

    def _name(self, path: Iterable[str]) -> str:
        return self._prefix + "__".join(path).upper()

    def _from_environment(self, names: Mapping[str, Setting]) -> set[str]:
        """Return which settings the environment gives, after a look at their names and at lists, which must be JSON."""
        given = {
            name.upper(): value
            for name, value in os.environ.items()
            if value and name.upper().startswith(self._prefix) and not name.upper().startswith(self._others or ("\0",))
        }
        for name, value in given.items():
            if name not in names:
                raise SettingsError(f"{name} is not a setting{_hint(name, names)}")
            if names[name].is_list:
                _require_list(name, value)
        return set(given)

    def _complaints(self, error: ValidationError, names: Mapping[str, Setting]) -> str:
        """Return all complaints in one line; pydantic's own texts name no values, and ours the settings."""
        lines = []
        for one in error.errors(include_input=False, include_url=False):
            steps = [str(step) for step in one["loc"]]
            length = max((n for n in range(1, len(steps) + 1) if self._name(steps[:n]) in names), default=len(steps))
            rest = ".".join(steps[length:])
            message = one["msg"].removeprefix("Value error, ")
            # What is wrong between several settings stands at none of them, and its text names them.
            where = f"{self._name(steps[:length])}{f' ({rest})' if rest else ''}: " if steps else ""
            lines.append(where + message)
        return "; ".join(dict.fromkeys(lines))


def _require_list(name: str, value: str) -> None:
    try:
        is_list = isinstance(json.loads(value), list)
    except (ValueError, RecursionError):
        is_list = False
    if not is_list:
        raise SettingsError(f'{name} must be a JSON list, like ["…", "…"]')


def _read(variable: str, config: Path) -> dict[str, Any]:
    try:
        with config.open("rb") as file:
            data = file.read(CONFIG_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{variable}: {config} cannot be read: {error.strerror}") from error
    if len(data) > CONFIG_BYTES:
        raise SettingsError(f"{variable}: {config} is longer than {CONFIG_BYTES} bytes")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{variable}: {config} is not TOML: {error}") from error


def _require_known(content: Mapping[str, Any], paths: set[tuple[str, ...]], above: tuple[str, ...] = ()) -> None:
    for key, value in content.items():
        path = (*above, key)
        if path in paths:
            continue
        if not any(known_path[: len(path)] == path for known_path in paths):
            dotted = [".".join(known_path) for known_path in paths]
            raise SettingsError(f"{'.'.join(path)} in the file is not a setting{_hint('.'.join(path), dotted)}")
        if not isinstance(value, dict):
            raise SettingsError(f"{'.'.join(path)} in the file must be a table, [{'.'.join(path)}]")
        _require_known(value, paths, path)


def _hint(name: str, names: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.0)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _is_set(content: Any, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(content, dict) or step not in content:
            return False
        content = content[step]
    return True


def _printable(value: Any) -> str:
    """Return *value* as it could be set again, but for passwords."""
    if value is None:
        return ""
    shown = _plain(value)
    return shown if isinstance(shown, str) else json.dumps(shown)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, BaseModel):
        return {name: _plain(one) for name, one in value if one is not None}
    return value if type(value) is int else _masked(str(value))


def _masked(text: str) -> str:
    """Mask what stands before the host of a URL."""
    if "://" not in text or "@" not in text:
        return text
    parts = urlsplit(text)
    return parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}").geturl()
