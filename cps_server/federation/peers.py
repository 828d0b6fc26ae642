"""Who else is in the mesh, and as whom we speak to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from stir.aio.credential import Credential
from stir.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class Peer:
    """Another CPS."""

    url: str
    """Base URL, without a slash at its end."""
    spc: str
    """What its republish tokens have as ``iss``; in upper case."""
    hostname: str
    """Its name: the ``aud`` of our republish tokens."""


@dataclass(frozen=True)
class Mesh:
    """The peers, and our own credential; empty without a mesh."""

    peers: Sequence[Peer] = ()
    credential: Credential | None = field(default=None, repr=False)

    def require_peer(self, spc: str) -> Peer:
        """
        Return the peer that signs with *spc*.

        Raises:
            ForbiddenError: None does: whoever it is may not republish here.
        """
        for peer in self.peers:
            if peer.spc == spc.upper():
                return peer
        raise ForbiddenError("token: only a configured peer may republish here")


NO_MESH: Final = Mesh()
"""A CPS by itself."""
