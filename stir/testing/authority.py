"""STI-CAs of the test world: a root, an issuing CA, and what they sign."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from stir.testing import tnauthlist
from stir.testing.certificates import Credential, Curve, Template, issue

CA_USAGE: Final = ("key_cert_sign", "crl_sign")
ROOT_LIFETIME: Final = timedelta(days=3650)
CA_LIFETIME: Final = timedelta(days=1825)
LEAF_LIFETIME: Final = timedelta(days=90)
_BACKDATED: Final = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """An STI-CA: its root and its issuing CA."""

    root: Credential
    issuing: Credential
    crl_url: str | None = None
    crl_issuer: x509.Name | None = None

    @classmethod
    def found(
        cls,
        name: str,
        *,
        at: datetime,
        key_curve: Curve = "P-256",
        null_parameters: bool = False,
        path_length: int | None = None,
        crl_url: str | None = None,
        crl_issuer: x509.Name | None = None,
    ) -> "Authority":
        """Make an STI-CA of this name; the curve is that of both its keys."""
        root = issue(
            Template(
                f"{name} SHAKEN ROOT",
                at - _BACKDATED,
                at + ROOT_LIFETIME,
                organization=name,
                key_curve=key_curve,
                is_ca=True,
                key_usage=CA_USAGE,
                policy=None,
                null_parameters=null_parameters,
            )
        )
        issuing = issue(
            Template(
                f"{name} SHAKEN Issuing CA",
                at - _BACKDATED,
                at + CA_LIFETIME,
                organization=name,
                key_curve=key_curve,
                is_ca=True,
                path_length=path_length,
                key_usage=CA_USAGE,
                crl_url=crl_url,
                crl_issuer=crl_issuer,
                null_parameters=null_parameters,
            ),
            root,
        )
        return cls(root, issuing, crl_url, crl_issuer)

    def template(self, spc: str, *, at: datetime) -> Template:
        """Return what this CA would certify for the provider *spc*."""
        return Template(
            f"SHAKEN {spc}",
            at - _BACKDATED,
            at + LEAF_LIFETIME,
            tn_auth_list=tnauthlist.spc(spc),
            crl_url=self.crl_url,
            crl_issuer=self.crl_issuer,
        )

    def certify(self, template: Template) -> Credential:
        """Issue the certificate of *template* from the issuing CA."""
        return issue(template, self.issuing)

    def subordinate(self, template: Template) -> "Authority":
        """Return the same CA with one more issuing CA below, for longer paths."""
        lower = issue(replace(template, is_ca=True, key_usage=CA_USAGE, tn_auth_list=None), self.issuing)
        return replace(self, issuing=lower)
