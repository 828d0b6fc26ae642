"""
A whole STI world in memory, with a knob for every defect.

It ships with the package, so that users can test too::

    world = World()
    sp = world.service_provider("709J")
    identity = sp.sign(orig="12155550100", dest="12155551212")
    world.crl.revoke(sp.leaf)
"""

from stir.testing.authority import Authority
from stir.testing.certificates import Credential, Template
from stir.testing.clock import ManualClock, RunningClock
from stir.testing.jws import ABSENT
from stir.testing.provider import ServiceProvider
from stir.testing.repository import Repository
from stir.testing.tls import TlsAuthority, TlsCertificate
from stir.testing.world import World

__all__ = [
    "ABSENT",
    "Authority",
    "Credential",
    "ManualClock",
    "Repository",
    "RunningClock",
    "ServiceProvider",
    "Template",
    "TlsAuthority",
    "TlsCertificate",
    "World",
]
