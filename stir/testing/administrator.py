"""The policy administrator of the test world (STI-PA): its own root, the CA list and the CRL."""

from typing import Final

from stir.testing.authority import CA_LIFETIME, CA_USAGE, ROOT_LIFETIME
from stir.testing.calist import CaList
from stir.testing.certificates import Credential, Curve, Template, issue
from stir.testing.clock import ManualClock
from stir.testing.revocation import RevocationAuthority

ORGANIZATION: Final = "STI-PA"
HOST: Final = "https://authenticate-api.example.net"


class PolicyAdministrator:
    """Says which STI-CAs are trusted and which certificates are revoked; no STI-CA itself."""

    def __init__(self, clock: ManualClock, *, host: str = HOST) -> None:
        self.clock = clock
        self.root = issue(self._ca("STI-PA Root Certificate"))
        list_signer = self.signer("STI-PA CA List", key_usage=("digital_signature",))
        crl_signer = self.signer("STI-PA CRL", key_usage=("crl_sign",))
        self.ca_list = CaList(clock, list_signer, f"{host}/api/v1/ca-list", f"{host}/certificates/ca-list.pem")
        self.crl = RevocationAuthority(clock, crl_signer, f"{host}/download/v1/crl", f"{host}/certificates/crl.pem")

    def signer(self, common_name: str, *, key_usage: tuple[str, ...] | None, key_curve: Curve = "P-256") -> Credential:
        """Return a certificate below this administrator's root, for signing lists."""
        now = self.clock.now()
        return issue(
            Template(
                common_name,
                now,
                now + CA_LIFETIME,
                organization=ORGANIZATION,
                key_curve=key_curve,
                key_usage=key_usage,
                policy=None,
            ),
            self.root,
        )

    def _ca(self, common_name: str) -> Template:
        now = self.clock.now()
        return Template(
            common_name,
            now,
            now + ROOT_LIFETIME,
            organization=ORGANIZATION,
            is_ca=True,
            key_usage=CA_USAGE,
            policy=None,
        )
