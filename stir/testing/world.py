"""A whole STI world in memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final, TypedDict, Unpack

from cryptography import x509

from stir.aio.certificates import CertificateCache
from stir.aio.trust import FixedTrust
from stir.aio.verification import VerificationService
from stir.certificate import load_certificates
from stir.path import TrustAnchors
from stir.policy import Policy
from stir.revocation import RevocationList
from stir.testing.administrator import PolicyAdministrator
from stir.testing.authority import Authority
from stir.testing.calist import CaList
from stir.testing.certificates import Curve, PrivateKey, issue
from stir.testing.clock import ManualClock
from stir.testing.provider import ChainLayout, ServiceProvider, chain_pem
from stir.testing.repository import Repository
from stir.testing.revocation import RevocationAuthority
from stir.tn import Party
from stir.trust import Trust
from stir.verdict import Source, Verdict
from stir.verify import Call, Verifier

REPOSITORY: Final = "https://cr.example.net"
ORIG: Final = "12155550100"
"""The calling number of the calls that :meth:`World.assess` is about, unless told otherwise."""
DEST: Final = "12155551212"
"""The called number of these calls."""


class LeafKnobs(TypedDict, total=False):
    """Fields of :class:`stir.testing.certificates.Template` that a provider's leaf may have otherwise."""

    common_name: str
    organization: str
    country: str
    key: PrivateKey
    key_curve: Curve
    serial: int
    is_ca: bool | None
    path_length: int | None
    key_usage: tuple[str, ...] | None
    tn_auth_list: bytes | None
    tn_auth_list_critical: bool
    policy: str | None
    crl_url: str | None
    crl_issuer: x509.Name | None
    key_identifiers: bool
    extensions: tuple[tuple[str, bytes, bool], ...]
    null_parameters: bool


class Signalling(TypedDict, total=False):
    """What a call may have besides its numbers; fields of :class:`stir.verify.Call`."""

    time: datetime
    resource_priority: tuple[str, ...]
    priority: str


class World:
    """
    A policy administrator, STI-CAs, providers, and a fetcher that serves what they publish.

    Nothing in it goes through the product's own signing code. Time stands still unless the clock is moved.
    """

    def __init__(self, clock: ManualClock | None = None, *, repository: str = REPOSITORY) -> None:
        self.clock = clock or ManualClock()
        self.repository = repository
        self.administrator = PolicyAdministrator(self.clock)
        self.fetcher = Repository()
        self.trusted: list[Authority] = []
        self.issuer = self.authority("Example CA")
        """The STI-CA that certifies providers unless they name another."""
        self._numbers = count(1)
        self._publish_lists()

    @property
    def crl(self) -> RevocationAuthority:
        """The policy administrator's CRL."""
        return self.administrator.crl

    @property
    def ca_list(self) -> CaList:
        """The policy administrator's list of trusted STI-CAs."""
        return self.administrator.ca_list

    @property
    def anchors_pem(self) -> bytes:
        """The trusted STI-CA roots as a PEM file."""
        return b"".join(authority.root.pem for authority in self.trusted)

    @property
    def sti_pa_anchors_pem(self) -> bytes:
        """The policy administrator's own root as a PEM file."""
        return self.administrator.root.pem

    @property
    def trust(self) -> Trust:
        """What a verifier of this world trusts as of now: the roots, and the CRL as it stands."""
        anchors, _ = load_certificates(self.anchors_pem)
        return Trust(TrustAnchors(anchors), RevocationList.from_bytes(self.crl.der()))

    def authority(
        self, name: str, *, trusted: bool = True, key_curve: Curve = "P-256", null_parameters: bool = False
    ) -> Authority:
        """Found an STI-CA; a *trusted* one is put on the CA list."""
        made = Authority.found(
            name,
            at=self.clock.now(),
            key_curve=key_curve,
            null_parameters=null_parameters,
            crl_url=self.crl.url,
            crl_issuer=self.crl.signer.subject,
        )
        if trusted:
            self.trusted.append(made)
            self.ca_list.trust(made.root)
        return made

    def service_provider(
        self,
        spc: str,
        *,
        issuer: Authority | None = None,
        self_signed: bool = False,
        validity: tuple[timedelta, timedelta] | None = None,
        chain: ChainLayout = "leaf-first",
        x5u: str | None = None,
        **knobs: Unpack[LeafKnobs],
    ) -> ServiceProvider:
        """
        Return a provider with a certificate, whose chain is served at its x5u.

        Args:
            spc: Service provider code, which goes into CN and TNAuthList.
            issuer: Another STI-CA than :attr:`issuer`.
            self_signed: Sign the leaf with its own key, under no CA.
            validity: Begin and end of the certificate, counted from now.
            chain: How the chain file is laid out.
            x5u: Where the chain is served.
            knobs: Fields of the certificate.
        """
        authority = issuer or self.issuer
        template = replace(authority.template(spc, at=self.clock.now()), **knobs)
        if validity is not None:
            now = self.clock.now()
            template = replace(template, not_before=now + validity[0], not_after=now + validity[1])
        leaf = issue(template) if self_signed else authority.certify(template)
        url = x5u or f"{self.repository}/{spc}/{next(self._numbers)}.pem"
        pem = chain_pem(chain, leaf, None if self_signed else authority)
        self.fetcher.serve_chain(url, pem)
        return ServiceProvider(spc, leaf, pem, url, self.clock)

    def renew(self, provider: ServiceProvider) -> ServiceProvider:
        """Return *provider* with a new key and certificate served at the same x5u."""
        return self.service_provider(provider.spc, x5u=provider.x5u)

    async def assess(
        self,
        *identities: str,
        orig: str = ORIG,
        dest: str = DEST,
        trust: Trust | None = None,
        policy: Policy | None = None,
        **signalling: Unpack[Signalling],
    ) -> Verdict:
        """
        Return the product's verdict on a call with these Identity headers, by a verifier without a past.

        Args:
            identities: The header field values, or PASSporTs alone.
            orig: The calling number.
            dest: The called number.
            trust: What is trusted, instead of :attr:`trust`.
            policy: What is judged and accepted, instead of the default.
            signalling: Other fields of :class:`stir.verify.Call`.
        """
        certificates = CertificateCache(self.fetcher, clock=self.clock)
        verifier = Verifier(policy or Policy())
        service = VerificationService(verifier, certificates, FixedTrust(trust or self.trust), self.clock)
        call = Call(Party.parse(orig), Party.parse(dest), **signalling)
        return await service.verify(identities, call, source=Source.IN_BAND)

    def _publish_lists(self) -> None:
        crl, ca_list = self.crl, self.ca_list
        self.fetcher.serve(crl.url, crl.der, Content_Type="application/pkix-crl")
        self.fetcher.serve_chain(crl.signer_url, crl.signer.pem)
        self.fetcher.serve(ca_list.url, ca_list.body, Content_Type="application/jose+json")
        self.fetcher.serve_chain(ca_list.signer_url, ca_list.signer.pem)
