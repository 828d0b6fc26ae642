"""The SIP face of the sidecar: a redirect server that INVITEs go to, and that answers where they go on and how."""
