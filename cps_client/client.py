"""The STI-OOBS: publishes the PASSporTs of a call, and retrieves and verifies them at its other end."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from ssl import SSLError
from typing import Final, Self

from cps_client import limits
from cps_client.answer import sift
from cps_client.deadline import asking_ends, deadline
from cps_client.errors import CpsError, UsageError
from cps_client.exchange import Endpoint, Exchange, publish_body
from cps_client.origin import signed
from cps_client.outcome import Receipt, Retrieval, Termination, not_known
from cps_client.placement import Placement, require_endpoints, source_of
from cps_client.routes import Route, Routes
from cps_client.settings import PREFIX, ClientSettings, SettingsError, load
from cps_client.tally import Counts, Tally, reason_of
from cps_client.watch import Watch
from stir import limits as core_limits
from stir.aio.clock import Clock, SystemClock
from stir.aio.credential import Credential, load_signer
from stir.aio.service import Service, open_service
from stir.aio.trust import TrustStatus
from stir.aio.verification import VerificationService
from stir.errors import FetchError, PassportFormatError, StirError, UnavailableError
from stir.identity import Identity
from stir.passport import Passport
from stir.sign import Signer
from stir.tn import Party
from stir.trust import Signatory
from stir.verdict import Source, Verdict
from stir.verify import Call

_SYSTEM_CLOCK: Final = SystemClock()


class CpsClient:
    """
    Publishes, retrieves and verifies; use it as an asynchronous context manager and keep it for the process's life.

    On the call path nothing that a network or a CPS does is raised, and nothing takes longer than its
    budget: it comes out as a value that says why. What is raised is the caller's own mistake: a number that
    is none (NumberError), a level of attestation that is none (AttestationError), an argument that cannot be
    (UsageError), or a credential that is missing (CredentialError).

    Args:
        settings: What the operator decided.
        clock: The time that tokens and PASSporTs are made at.
        verification: Verifies, in place of a service made from the settings.
        verifies: Whether verdicts are asked of this client at all; if not, no trust material is read.
        tally: Told what is worth counting.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        clock: Clock = _SYSTEM_CLOCK,
        verification: VerificationService | None = None,
        verifies: bool = True,
        tally: Tally | None = None,
    ) -> None:
        self._tally: Tally = tally if tally is not None else Counts()
        self._settings = settings
        self._clock = clock
        self._verification = verification
        self._service: Service | None = None
        self._verifies = verifies
        self._routes = Routes.of(settings)
        self._route = self._routes.default
        self._signer: Signer | None = None
        self._credential: Credential | None = None
        if settings.spc and settings.x5u and settings.private_key:
            self._require_credential()  # a key that cannot be used is told at the start, not at the first call
        try:
            self._exchange = Exchange(tls_ca_file=settings.cps_tls_ca_file)
        except (OSError, SSLError) as error:
            raise SettingsError(f"CPS_CLIENT_CPS_TLS_CA_FILE cannot be used: {error.strerror or error}") from error
        self._placement = Placement(
            self._exchange,
            clock=clock,
            tally=self._tally,
            lifetime=timedelta(seconds=settings.lifetime),
            hedge_after=settings.hedge_after,
        )
        self._stack = AsyncExitStack()

    @classmethod
    def from_settings(
        cls,
        settings: ClientSettings | None = None,
        *,
        config: Path | None = None,
        clock: Clock = _SYSTEM_CLOCK,
        verification: VerificationService | None = None,
        verifies: bool = True,
        tally: Tally | None = None,
    ) -> Self:
        """
        Return a client with *settings*, by default those of the environment and the TOML file *config*.

        Raises:
            SettingsError: A setting is unknown or wrong, or a file that one names cannot be used.
            CredentialError: The private key cannot be used.
        """
        settings = settings if settings is not None else load(config)
        return cls(settings, clock=clock, verification=verification, verifies=verifies, tally=tally)

    async def __aenter__(self) -> Self:
        """
        Open the connections and read the trust material.

        Raises:
            SettingsError: A file that the settings name cannot be used.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._exchange)
            if self._verifies and self._verification is None:
                service = open_service(
                    self._settings.trust,
                    self._settings.certificates,
                    clock=self._clock,
                    freshness=timedelta(seconds=self._settings.freshness),
                )
                self._service = await stack.enter_async_context(service)
                self._verification = self._service.verification
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    @property
    def trust(self) -> TrustStatus | None:
        """How the trust material is doing; None while closed, and where another looks after it."""
        return self._service.trust.status if self._service else None

    async def reload(self) -> None:
        """
        Read the roots, the lists and the CAs of the certificate repositories anew.

        Raises:
            StirError: Something cannot be read; what was in force stays.
        """
        if self._service is not None:
            await self._service.reload_tls()
            await self._service.trust.reload()

    @property
    def tally(self) -> Tally:
        """What was told of the calls so far."""
        return self._tally

    @property
    def watch(self) -> Watch:
        """What is known of the CPSs."""
        return self._placement.watch

    @property
    def settings(self) -> ClientSettings:
        """What the operator decided."""
        return self._settings

    @property
    def clock(self) -> Clock:
        """The time that tokens and PASSporTs are made at."""
        return self._clock

    @property
    def signer(self) -> Signer:
        """
        What PASSporTs are signed with.

        Raises:
            CredentialError: A setting for signing is missing, or the key cannot be used.
        """
        settings = self._settings
        if self._signer is None and self._credential is not None:
            self._signer = self._credential.signer
        elif self._signer is None:
            self._signer = load_signer(PREFIX, x5u=settings.x5u, private_key=settings.private_key)
        return self._signer

    def sign(self, *, orig: str, dest: str, attest: str | None = None, origid: str | None = None) -> str:
        """
        Return an Identity header value with a new ``shaken`` PASSporT; see :meth:`publish` for what is raised.

        Args:
            orig: The calling number.
            dest: The called number.
            attest: A, B or C; by default what the settings say.
            origid: UUID by which the source is found again; by default a new one.
        """
        return str(self._sign(orig, dest, attest, origid))

    async def publish(
        self,
        *,
        orig: str,
        dest: str,
        identities: Sequence[str] | None = None,
        attest: str | None = None,
        origid: str | None = None,
        budget: float | None = None,
        route: Route | None = None,
    ) -> Receipt:
        """
        Publish the PASSporTs of a call.

        Args:
            orig: The calling number.
            dest: The called number after any retargeting.
            identities: Identity header values or PASSporTs alone, in the call's order; without any one is signed.
            attest: Level of attestation where one is signed; by default what the settings say.
            origid: For a PASSporT that is signed; by default a new UUID.
            budget: Seconds, in place of the settings'.
            route: To which CPSs, in place of the settings'; the numbers are taken as they are.

        Raises:
            NumberError: *orig* or *dest* is neither a number nor a URI.
            AttestationError: *attest* is none of A, B and C.
            CredentialError: A setting for signing is missing.
        """
        until = deadline(self._settings.publish_budget if budget is None else budget)
        call, credential = _call(orig, dest), self._require_credential()
        given = identities or [str(self._sign(orig, dest, attest, origid))]
        sifted = sift(given, most=limits.PUBLISHED)
        tokens = [passport.token for passport in sifted.passports]
        headers = tuple(str(Identity.of(passport)) for passport in sifted.passports)
        if problem := _unfit(tokens):
            return Receipt(headers, error=problem, dropped=sifted.dropped)
        attempts, error = await self._placement.publish(
            call, tokens, credential=credential, route=route or self._route, until=until
        )
        if error is not None:
            self._tally.failed_open("publish", error.reason)
        return Receipt(headers, attempts, error, sifted.dropped)

    async def retrieve(
        self,
        *,
        orig: str,
        dest: str,
        spc: str | None = None,
        budget: float | None = None,
        route: Route | None = None,
    ) -> Retrieval:
        """
        Ask for the PASSporTs of a call; nothing is verified.

        Args:
            orig: The calling number.
            dest: The called number.
            spc: In the second generation the publisher's SPC, by default the route's, else the own one.
            budget: Seconds, in place of the settings'.
            route: From which CPSs, in place of the settings'; the numbers are taken as they are.

        Raises:
            NumberError: *orig* or *dest* is neither a number nor a URI.
            CredentialError: A setting for signing the request is missing.
            UsageError: *spc* is none, or the route is of the first generation.
        """
        until = deadline(self._settings.retrieve_budget if budget is None else budget)
        return await self.placed(_call(orig, dest), spc=spc, until=until, route=route)

    async def retrieve_and_verify(
        self,
        *,
        orig: str,
        dest: str,
        spc: str | None = None,
        budget: float | None = None,
        route: Route | None = None,
    ) -> Termination:
        """
        Ask for the PASSporTs of a call and verify them, both inside the one budget.

        Whatever CPSs and certificate repositories do, the answer is a verdict; if nothing could be found out it
        is No-TN-Validation, with the reason. Arguments and errors are those of :meth:`retrieve`.
        """
        until = deadline(self._settings.retrieve_budget if budget is None else budget)
        call, source = _call(orig, dest), source_of(route or self._route)
        retrieval = await self.placed(call, spc=spc, until=asking_ends(until), route=route)
        if retrieval.error is not None:
            return Termination(not_known(retrieval.error, source), (), retrieval)
        passports = retrieval.passports[: core_limits.IDENTITIES]
        verdict = await self.judged(passports, call, source, until=until)
        identities = tuple(str(Identity.of(Passport.parse(token))) for token in passports)
        return Termination(verdict, identities, retrieval)

    async def verify(self, identities: Sequence[str], *, orig: str, dest: str, budget: float | None = None) -> Verdict:
        """
        Verify Identity header values that came in band, or PASSporTs alone.

        Args:
            identities: As received.
            orig: The calling number.
            dest: The called number.
            budget: Seconds, in place of the settings' for a retrieve.

        Raises:
            NumberError: *orig* or *dest* is neither a number nor a URI.
        """
        until = deadline(self._settings.retrieve_budget if budget is None else budget)
        return await self.judged(identities, _call(orig, dest), Source.IN_BAND, until=until)

    async def check(self, *, budget: float = core_limits.FETCH_SECONDS * 2) -> Signatory:
        """
        Find out whether calls would work: the credential against its published certificate, and all routes' CPSs.

        Returns the own certificate as a verifier sees it, with what is known of its revocation.

        Raises:
            CredentialError: Key or SPC are not those of the certificate at x5u.
            UnavailableError: The certificate or a CPS cannot be had, or no root is trusted here.
            StirError: The certificate at x5u does not make its holder a signer.
        """
        credential, verification = self._require_credential(), self._require_verification()
        until = deadline(budget)
        try:
            async with asyncio.timeout_at(until):
                at = self._clock.now()
                found = await verification.with_chain(credential.x5u, lambda chain, trust: trust.signer(chain, at=at))
        except TimeoutError as error:
            raise UnavailableError("the certificate at CPS_CLIENT_X5U could not be read in time") from error
        except FetchError as error:
            raise FetchError(f"CPS_CLIENT_X5U: {error.detail}", reason=error.reason) from error
        credential.require_match(found.certificate)
        for endpoint in self._everywhere():
            try:
                await self._exchange.health(endpoint.base, until=until)
            except CpsError as error:
                raise CpsError(f"{endpoint.name}: {error.detail}", reason=error.reason, status=error.status) from error
        return found

    def _everywhere(self) -> Sequence[Endpoint]:
        """Return the CPSs of all routes, each once."""
        by_url = {endpoint.base: endpoint for route in self._routes.all for endpoint in route.endpoints}
        return list(by_url.values()) or require_endpoints(self._route)

    async def placed(
        self, call: Call, *, until: float, spc: str | None = None, route: Route | None = None
    ) -> Retrieval:
        """Do as :meth:`retrieve`, for numbers that are canonical, until an instant of the event loop's clock."""
        credential = self._require_credential()
        retrieval = await self._placement.retrieve(
            call, credential=credential, route=route or self._route, until=until, spc=spc
        )
        if retrieval.error is not None:
            self._tally.failed_open("retrieve", reason_of(retrieval.error))
        return retrieval

    async def judged(self, values: Sequence[str], call: Call, source: Source, *, until: float) -> Verdict:
        """Verify *values*, which came by way of *source*, until an instant of the event loop's clock."""
        verification = self._require_verification()
        try:
            async with asyncio.timeout_at(until):
                verdict = await verification.verify(values, call, source=source)
        except TimeoutError:
            self._tally.failed_open("verify", "timeout")
            return not_known(UnavailableError("verification did not finish within the budget"), source)
        if (error := verdict.decisive.error) is not None and issubclass(error, UnavailableError):
            self._tally.failed_open("verify", error.code)
        return verdict

    def _sign(self, orig: str, dest: str, attest: str | None, origid: str | None) -> Identity:
        attest, at = attest or self._settings.attest, self._clock.now()
        return signed(self.signer, orig=orig, dest=dest, attest=attest, origid=origid, at=at)

    def _require_credential(self) -> Credential:
        settings = self._settings
        if self._credential is None:
            self._credential = Credential.load(
                PREFIX, spc=settings.spc, x5u=settings.x5u, private_key=settings.private_key
            )
        return self._credential

    def _require_verification(self) -> VerificationService:
        if self._verification is None:
            raise UsageError("this client was opened without verification")
        return self._verification


def _call(orig: str, dest: str) -> Call:
    return Call(orig=Party.parse(orig), dest=Party.parse(dest))


def _unfit(passports: Sequence[str]) -> StirError | None:
    """Return why these cannot be one publish, or None."""
    if not passports:
        return PassportFormatError("none of the given values is a PASSporT in full form")
    if len(publish_body(passports)) > limits.REQUEST_BYTES:
        return PassportFormatError(f"the PASSporTs together are longer than {limits.REQUEST_BYTES} bytes")
    return None
