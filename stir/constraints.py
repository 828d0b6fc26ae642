"""
Claim constraints: what a certificate lets its holder claim (RFC 8226, section 8; RFC 9118).

The issuer writes them into an end-entity certificate, and whoever verifies a PASSporT holds its claims against them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, Self

from cryptography.hazmat import asn1

from stir.errors import ConstraintError, ConstraintFormatError
from stir.strictjson import canonical

JWT_CLAIM_CONSTRAINTS: Final = "1.3.6.1.5.5.7.1.27"
"""Object identifier of the extension id-pe-JWTClaimConstraints (RFC 8226)."""
ENHANCED: Final = "1.3.6.1.5.5.7.1.33"
"""Object identifier of the extension id-pe-eJWTClaimConstraints, which also excludes claims (RFC 9118)."""
OIDS: Final = frozenset({JWT_CLAIM_CONSTRAINTS, ENHANCED})

_Permitted = Mapping[str, tuple[str, ...]]


@asn1.sequence
class _Values:
    claim: asn1.IA5String
    permitted: list[str]


@asn1.sequence
class _Plain:
    must_include: Annotated[list[asn1.IA5String] | None, asn1.Explicit(0)]
    permitted_values: Annotated[list[_Values] | None, asn1.Explicit(1)]


@asn1.sequence
class _Enhanced:
    must_include: Annotated[list[asn1.IA5String] | None, asn1.Explicit(0)]
    permitted_values: Annotated[list[_Values] | None, asn1.Explicit(1)]
    must_exclude: Annotated[list[asn1.IA5String] | None, asn1.Explicit(2)]


@dataclass(frozen=True, slots=True)
class ClaimConstraints:
    """One extension's constraints; iat, orig and dest are always claimed and need not be named."""

    must_include: tuple[str, ...] = ()
    """Claims that must be there."""
    permitted: _Permitted = field(default_factory=lambda: MappingProxyType({}))
    """By claim: the values that it may have, if it is there."""
    must_exclude: tuple[str, ...] = ()
    """Claims that must not be there."""

    @classmethod
    def from_der(cls, der: bytes, *, enhanced: bool = False) -> Self:
        """
        Read the value of the extension.

        Args:
            der: As it stands in the certificate.
            enhanced: It is the one of RFC 9118, and may exclude claims.

        Raises:
            ConstraintFormatError: *der* is not DER of this extension, or constrains nothing.
        """
        try:
            read = asn1.decode_der(_Enhanced, der) if enhanced else asn1.decode_der(_Plain, der)
        except ValueError as error:
            raise ConstraintFormatError("the claim constraints are not DER of RFC 8226 and RFC 9118") from error
        values = read.permitted_values
        excluded = read.must_exclude if isinstance(read, _Enhanced) else None
        present = [part for part in (read.must_include, values, excluded) if part is not None]
        if not present or not all(present):
            raise ConstraintFormatError("the claim constraints are an empty list")
        return cls(_names(read.must_include), MappingProxyType(_permitted(values or [])), _names(excluded))

    def check(self, payload: Mapping[str, object]) -> None:
        """
        Check the claims of a PASSporT.

        A value that is no string is compared by its deterministic serialization (RFC 8225, section 9).

        Raises:
            ConstraintError: A claim is missing, excluded, or has another value than it may have.
        """
        for name in self.must_include:
            if name not in payload:
                raise ConstraintError(f"the signer's certificate demands the claim {name!r}, which is missing")
        for name, permitted in self.permitted.items():
            if name in payload and _text(payload[name]) not in permitted:
                raise ConstraintError(f"the signer's certificate does not permit the value of the claim {name!r}")
        for name in self.must_exclude:
            if name in payload:
                raise ConstraintError(f"the signer's certificate excludes the claim {name!r}")

    def as_dict(self) -> dict[str, object]:
        """Return the constraints under the standards' names, without those that are not there."""
        members = {
            "mustInclude": list(self.must_include),
            "permittedValues": {name: list(values) for name, values in self.permitted.items()},
            "mustExclude": list(self.must_exclude),
        }
        return {name: value for name, value in members.items() if value}


def _names(names: list[asn1.IA5String] | None) -> tuple[str, ...]:
    return tuple(name.as_str() for name in names or ())


def _permitted(lists: list[_Values]) -> dict[str, tuple[str, ...]]:
    """Return the values by claim; where a claim stands twice, a value has to be in both lists."""
    found: dict[str, tuple[str, ...]] = {}
    for one in lists:
        if not one.permitted:
            raise ConstraintFormatError("the claim constraints permit no value of a claim")
        name, values = one.claim.as_str(), dict.fromkeys(one.permitted)
        found[name] = tuple(value for value in found.get(name, values) if value in values)
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else canonical(value).decode()
