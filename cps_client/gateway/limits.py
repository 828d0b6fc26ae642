"""Every bound of the sidecar's HTTP faces, named once, with its unit and its reason."""

from typing import Final

REQUEST_BYTES: Final = 65_536
"""Largest request body, in bytes: a CPS takes no more in one publish."""

HEADER_LINE_BYTES: Final = 8_192
"""Longest request line or header field, in bytes; what callers say about calls stands in the body."""

HEADER_SECONDS: Final = 5.0
"""How long a new connection may take until its first request has arrived whole."""

BODY_SECONDS: Final = 2.0
"""How long a request's body may take after its header; it comes from this machine, or from the next one."""

LINGERING_SECONDS: Final = 1.0
"""How long the rest of a body that nobody wants is read, so that the client sees the answer before the close."""

KEEPALIVE_SECONDS: Final = 75.0
"""How long an idle connection is kept; gateways call seldom at night."""

FIELDS: Final = 64
"""Most fields of one form."""

FRAME_SECONDS: Final = 0.05
"""How much longer than its budget the call logic may take until the sidecar answers in its place."""

TOKEN_BYTES: Final = 4_096
"""Largest token file, in bytes."""

TOKEN_CHARACTERS: Final = 16
"""Shortest token accepted, in characters: nobody guesses 16 random ones."""

REQUEST_ID_CHARACTERS: Final = 128
"""Longest X-RequestID that is echoed; UUIDs have 36."""

COUNTED_TRUNKS: Final = 200
"""Most trunk groups that have their own label in metrics."""
