"""The SIP face of the sidecar: a redirect server that INVITEs go to, and that answers where they go on and how."""

from cps_client.gateway.sip.server import SipServer, serve_sip
from cps_client.gateway.sip.settings import SipSettings

__all__ = ["SipServer", "SipSettings", "serve_sip"]
