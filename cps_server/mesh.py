"""Reads what the settings say about the mesh; a credential that cannot work is found at the start."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from cps_server.federation.peers import Mesh, Peer
from cps_server.settings import MeshSettings, PeerSettings
from stir.aio.configuration import SettingsError
from stir.aio.credential import Credential, CredentialError
from stir.aio.verification import VerificationService
from stir.errors import CertificateFormatError, UnavailableError, UrlError

PREFIX = "CPS_MESH__"

log = structlog.get_logger()


@dataclass(frozen=True)
class MeshConfiguration:
    """The mesh and how its peers' HTTPS is checked."""

    mesh: Mesh
    tls: ssl.SSLContext


def load(settings: MeshSettings) -> MeshConfiguration:
    """
    Return the mesh that *settings* describe.

    Raises:
        SettingsError: A file cannot be used; the detail names the setting.
    """
    try:
        tls = ssl.create_default_context(cafile=settings.tls_ca_file)
    except OSError as error:
        raise SettingsError(f"{PREFIX}TLS_CA_FILE cannot be used: {error.strerror or error}") from error
    return MeshConfiguration(Mesh(tuple(map(_peer, settings.peers)), _credential(settings)), tls)


async def check(mesh: Mesh, verification: VerificationService) -> None:
    """
    Check that the own key belongs to the certificate that peers will find at the own x5u.

    Raises:
        SettingsError: It does not: every peer would refuse what we send.
    """
    if mesh.peers and mesh.credential is None:
        log.warning("mesh_receives_only", remedy="set CPS_MESH__SPC, CPS_MESH__X5U and CPS_MESH__PRIVATE_KEY")
    if mesh.credential is None:
        return
    try:
        leaf = await verification.with_chain(mesh.credential.x5u, lambda chain, _: chain.leaf)
        mesh.credential.require_match(leaf)
    except CredentialError as error:
        raise SettingsError(error.detail) from error
    except (UrlError, CertificateFormatError) as error:
        raise SettingsError(f"{PREFIX}X5U: {error.detail}") from error
    except UnavailableError as error:
        log.warning("mesh_certificate_unchecked", detail=error.detail)


def _peer(peer: PeerSettings) -> Peer:
    hostname = peer.hostname or urlsplit(peer.url).hostname or ""
    return Peer(peer.url.rstrip("/"), peer.spc.upper(), hostname.lower())


def _credential(settings: MeshSettings) -> Credential | None:
    if settings.spc is None:
        return None
    try:
        return Credential.load(PREFIX, spc=settings.spc, x5u=settings.x5u, private_key=settings.private_key)
    except CredentialError as error:
        raise SettingsError(error.detail) from error
