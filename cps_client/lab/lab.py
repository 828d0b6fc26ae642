"""The pretend STI world, put on this machine's loopback interface over real sockets and HTTPS."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cps_client.lab.front import tls_front
from cps_client.lab.loopback import HOST, NETWORKS, listener, port_of
from cps_client.lab.process import CpsProcess
from cps_client.lab.repository import served
from cps_client.lab.world import loopback_world
from stir.testing import ServiceProvider, TlsAuthority, World

_STANDARD_PORTS: Final = (443, 8443)


@dataclass(frozen=True)
class Cps:
    """A CPS of the lab and the HTTPS address by which everybody reaches it."""

    process: CpsProcess
    url: str


class Lab:
    """
    A policy administrator, a repository, providers and CPSs on loopback; :meth:`open` makes one.

    Revoke and distrust before a CPS is started: lists are read at the start and then only now and then. Repository
    and TLS live in the event loop of whoever opened the lab, so nothing there may block it.
    """

    def __init__(self, directory: Path, base: str, port: int, tls: TlsAuthority, stack: AsyncExitStack) -> None:
        self.directory = directory
        self.base = base
        """The URL under which everything of the world but its CPSs is served."""
        self.world: World = loopback_world(base)
        self.tls = tls
        self.tls_ca = directory / "tls-ca.pem"
        self._sti_pa = directory / "sti-pa.pem"
        self.port = port
        self._stack = stack
        self.tls_ca.write_bytes(tls.ca_pem)
        self._sti_pa.write_bytes(self.world.sti_pa_anchors_pem)

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator["Lab"]:
        """Yield a lab with files in *directory*; everything that it started ends with it."""
        async with AsyncExitStack() as stack:
            tls, sock = TlsAuthority(), listener()
            port = port_of(sock)
            lab = cls(directory, f"https://{HOST}:{port}", port, tls, stack)
            await stack.enter_async_context(
                served(lab.world.fetcher.resources, lab.base, sock, tls.certificate(HOST).server_context())
            )
            yield lab

    @property
    def verification(self) -> Mapping[str, str]:
        """Settings of whoever verifies, CPS and gateway alike, without their prefix."""
        return {
            "TRUST__CA_LIST_URL": self.world.ca_list.url,
            "TRUST__CRL_URL": self.world.crl.url,
            "TRUST__STI_PA_ANCHORS": str(self._sti_pa.absolute()),
            "CERTIFICATES__ALLOW_NETWORKS": json.dumps(NETWORKS),
            "CERTIFICATES__ALLOW_PORTS": json.dumps([*_STANDARD_PORTS, self.port]),
            "CERTIFICATES__TLS_CA_FILE": str(self.tls_ca.absolute()),
        }

    async def start_cps(self, name: str = "cps", **settings: str) -> Cps:
        """
        Start a CPS on SQLite, behind TLS, and return it once it is healthy.

        Raises:
            LabError: It did not start; the detail has the end of its log.
        """
        inherited = {f"CPS_{name}": value for name, value in self.verification.items()}
        process = CpsProcess(self.directory, name, {"CPS_HOSTNAME": HOST, **inherited, **settings})
        await self._stack.enter_async_context(process)
        sock = listener()
        await self._stack.enter_async_context(
            tls_front(sock, self.tls.certificate(HOST).server_context(), process.port)
        )
        return Cps(process, f"https://{HOST}:{port_of(sock)}")

    def client_settings(
        self, provider: ServiceProvider, *cps_urls: str, generation: int = 1, **others: str
    ) -> Mapping[str, str]:
        """Return the environment of a gateway of *provider* that uses these CPSs; its key is written to a file."""
        return {
            f"CPS_CLIENT_{name}": value
            for name, value in {
                "CPS_URLS": json.dumps(cps_urls),
                "SPC": provider.spc,
                "X5U": provider.x5u,
                "PRIVATE_KEY": str(self._key_file(provider).absolute()),
                "GENERATION": str(generation),
                "CPS_TLS_CA_FILE": str(self.tls_ca.absolute()),
                **self.verification,
                **others,
            }.items()
        }

    def _key_file(self, provider: ServiceProvider) -> Path:
        path = self.directory / f"{provider.spc}.key"
        path.touch(mode=0o600)
        path.write_bytes(provider.leaf.key_pem)
        return path
