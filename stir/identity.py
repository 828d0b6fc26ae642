"""The Identity header field of SIP, which carries a PASSporT in band (RFC 8224, section 4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stir import jws, limits, strictjson
from stir.errors import IdentityError, InfoMissingError, UrlError
from stir.jws import ALGORITHM
from stir.passport import TOKEN, TYP, Passport
from stir.tn import Party

_PASSPORT: Final = re.compile(r"[A-Za-z0-9_.+/=-]+")
"""The characters of a PASSporT, of which the older grammar had base64's (RFC 8224, section 4; its erratum 6499)."""
_PARAMETER: Final = re.compile(
    r"""\s*;\s*(?P<name>[A-Za-z0-9!%*_+`'~.-]+)
        (?:\s*=\s*(?:<(?P<uri>[^<>\s]*)>|"(?P<quoted>[^"\\\r\n]*)"|(?P<plain>[^\s;"<>]+)))?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """A header field value taken apart; whether it has a good info is asked later, as the table of cases wants it."""

    token: str
    """The PASSporT, in whatever form."""
    alg: str
    ppt: str | None
    _info: str | None
    _has_info: bool

    @classmethod
    def parse(cls, value: str) -> "Parameters":
        """
        Take a header field value apart; quoted and bare parameters are both in use.

        Raises:
            IdentityError: It is too long or not of the form ``token;info=<…>;…``.
        """
        if len(value) > limits.IDENTITY_BYTES:
            raise IdentityError(f"the value is {len(value)} bytes long, the limit is {limits.IDENTITY_BYTES}")
        token = value.partition(";")[0]
        if not _PASSPORT.fullmatch(token.strip()):
            raise IdentityError("the value does not begin with a PASSporT")
        tail = value[len(token) :]
        read = _known_tail if len(tail) <= limits.HEADER_BYTES else _read_tail
        return cls(token.strip(), *read(tail))

    def require_info(self) -> str:
        """
        Return the URL in the info parameter.

        Raises:
            InfoMissingError: There is no info parameter.
            UrlError: Its value is not visible ASCII in angle brackets.
        """
        if not self._has_info:
            raise InfoMissingError("the Identity header has no info parameter")
        uri = self._info
        if not (uri and uri.isascii() and uri.isprintable()):
            raise UrlError("info is not a URI in angle brackets")
        return uri


@dataclass(frozen=True, slots=True)
class Identity:
    """One Identity header field value, not judged."""

    token: str
    """The PASSporT, in whatever form."""
    info: str
    """The URL of the certificate, which has to be the x5u of the PASSporT."""
    alg: str = ALGORITHM
    ppt: str | None = None

    @classmethod
    def parse(cls, value: str) -> "Identity":
        """
        Parse a header field value.

        Raises:
            IdentityError: It is too long or not of the form ``token;info=<…>;…``.
            InfoMissingError: It has no info parameter.
            UrlError: info is not a URI in angle brackets.
        """
        parameters = Parameters.parse(value)
        return cls(parameters.token, parameters.require_info(), parameters.alg, parameters.ppt)

    @classmethod
    def of(cls, passport: Passport) -> "Identity":
        """Return the header field that carries *passport*, as a retriever re-inserts it (ATIS-1000096)."""
        return cls(passport.token, passport.x5u, passport.alg, passport.ppt)

    def __str__(self) -> str:
        """Return the header field value."""
        ppt = f";ppt={self.ppt}" if self.ppt is not None else ""
        return f"{self.token};info=<{self.info}>;alg={self.alg}{ppt}"


def restored(parameters: Parameters, *, orig: Party, dest: Party, iat: int) -> str:
    """
    Return the full form of the compact one in *parameters*, as its signer had it if signalling did not change.

    Raises:
        InfoMissingError: There is no info parameter, which stands for x5u.
        UrlError: Its value is no URI.
    """
    header: dict[str, object] = {"alg": parameters.alg, "typ": TYP, "x5u": parameters.require_info()}
    header |= {} if parameters.ppt is None else {"ppt": parameters.ppt}
    payload = {"dest": dest.as_dest_claim(), "iat": iat, "orig": orig.as_claim()}
    parts = [jws.encode(strictjson.canonical(part)) for part in (header, payload)]
    return ".".join([*parts, parameters.token.removeprefix("..")])


def _read_tail(tail: str) -> tuple[str, str | None, str | None, bool]:
    """Return alg, ppt and the URI of info, if it is one, and whether there is an info at all."""
    parameters: dict[str, re.Match[str]] = {}
    for parameter in _parameters(tail):
        name = parameter["name"].lower()
        if name in parameters:
            raise IdentityError("a parameter stands twice")
        parameters[name] = parameter
    info = parameters.get("info")
    alg, ppt = _token(parameters.get("alg")), _token(parameters.get("ppt"))
    return alg or ALGORITHM, ppt, info["uri"] if info else None, info is not None


_known_tail: Final = lru_cache(maxsize=limits.HEADERS)(_read_tail)
"""The same for a tail that is known: a provider's are all alike while its certificate is."""


def _parameters(tail: str) -> Iterator[re.Match[str]]:
    position, end = 0, len(tail.rstrip())
    while position < end:
        parameter = _PARAMETER.match(tail, position)
        if parameter is None:
            raise IdentityError(f"no parameter of the form ;name=value at character {position} behind the PASSporT")
        yield parameter
        position = parameter.end()


def _token(parameter: re.Match[str] | None) -> str | None:
    if parameter is None:
        return None
    value: str | None = parameter["plain"] if parameter["quoted"] is None else parameter["quoted"]
    if value is None or not TOKEN.fullmatch(value):
        raise IdentityError("alg or ppt is not a token of SIP")
    return value
