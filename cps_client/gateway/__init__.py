"""The sidecar beside gateways and SBCs: one call logic behind several faces (HTTP, form and text, SIP redirect)."""
