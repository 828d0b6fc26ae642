"""A private CPS: which providers may do what, as data in ``partners.toml``."""

from cps_server.partners.file import PartnerFileError
from cps_server.partners.live import Partners
from cps_server.partners.rules import Asked, Denial, Mode, Partner, Rules

__all__ = ["Asked", "Denial", "Mode", "Partner", "PartnerFileError", "Partners", "Rules"]
