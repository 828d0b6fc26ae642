"""Who may ask: this machine's programs, or whoever shows the token; never a web page in somebody's browser."""

import hmac
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from cps_client.gateway import limits
from cps_client.gateway.errors import StrangerError, TokenRequiredError
from cps_client.gateway.settings import GatewaySettings, is_loopback
from stir.aio.configuration import SettingsError

_SETTING: Final = "CPS_CLIENT_GATEWAY__TOKEN_FILE"
_BROWSERS: Final = (hdrs.ORIGIN, "Sec-Fetch-Site")
"""Header fields that browsers send, and programs do not."""


class Guard:
    """
    Lets requests through, or not.

    Args:
        token: What every caller has to show; None: only this machine's programs ask.
    """

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    @classmethod
    def of(cls, settings: GatewaySettings) -> "Guard":
        """
        Return the guard that the settings want.

        Raises:
            SettingsError: There has to be a token and is none, or its file cannot be used.
        """
        return cls(_token(settings))

    def reload(self, settings: GatewaySettings) -> None:
        """
        Take another token from now on.

        Raises:
            SettingsError: It cannot be used; the one before stays.
        """
        self._token = _token(settings)

    def check(self, request: web.Request) -> None:
        """
        Let *request* through.

        Raises:
            TokenRequiredError: The token is missing, or another.
            StrangerError: A browser asks, or by a name that is not this machine's (DNS rebinding).
        """
        if self._token is not None:
            _require_token(request, self._token)
            return
        if any(name in request.headers for name in _BROWSERS):
            raise StrangerError("web pages may not use the gateway")
        if not _is_local(request.headers.get(hdrs.HOST)):
            raise StrangerError("the Host is not this machine: call the gateway by 127.0.0.1, [::1] or localhost")


def _token(settings: GatewaySettings) -> str | None:
    if settings.token_file is not None:
        return _read(settings.token_file)
    if not is_loopback(settings.address.host):
        raise SettingsError(
            f"CPS_CLIENT_GATEWAY__LISTEN: others than this machine reach {settings.address}: "
            f"set {_SETTING} to a file with a token, or listen on 127.0.0.1"
        )
    return None


def _require_token(request: web.Request, token: str) -> None:
    scheme, _, shown = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    same = hmac.compare_digest(shown.strip().encode(errors="surrogateescape"), token.encode())
    if scheme.lower() != "bearer" or not same:
        raise TokenRequiredError("show the gateway's token: Authorization: Bearer …")


def _is_local(host: str | None) -> bool:
    if host is None:
        return True  # HTTP/1.0, which no browser speaks
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name.rstrip("."))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(limits.TOKEN_BYTES + 1)
        token = content.decode("ascii").strip()
    except OSError as error:
        raise SettingsError(f"{_SETTING}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_SETTING}: {path} does not hold a token in ASCII") from error
    if len(content) > limits.TOKEN_BYTES or len(token) < limits.TOKEN_CHARACTERS or not token.isprintable():
        raise SettingsError(f"{_SETTING}: {path} has to hold one line of {limits.TOKEN_CHARACTERS} characters at least")
    if " " in token:
        raise SettingsError(f"{_SETTING}: {path} has a space inside of the token")
    return token
