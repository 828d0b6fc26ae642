"""
What can go wrong on the gateway's side, as branches of the tree in :mod:`stir.errors`.

StirError
├── UsageError                  asked for what cannot be
│   └── InstantError            asked to sign for an instant that is not now
└── UnavailableError
    └── CpsError                the CPS did not do what it was asked for
        └── CpsRefusedError     it answered, and will not
"""

from stir.errors import StirError, UnavailableError


class UsageError(StirError):
    """The caller of the client asked for something that cannot be."""

    code = "usage"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field
        """What in the request is wrong, by its name in signing requests (ATIS-1000082, 3GPP TS 24.229)."""


class InstantError(UsageError):
    """A signing request has an iat that every verifier would find stale."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="iat")


class CpsError(UnavailableError):
    """A CPS did not do what it was asked for; another one, or another time, may be better."""

    code = "cps-unavailable"

    def __init__(self, detail: str, *, reason: str = "failed", status: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        """
        One word for logs and metrics: timeout, connect, tls, disconnected, broken, status, malformed, busy, refused;
        outrun for a request that was given up, open and full where none was made.
        """
        self.status = status
        """Status of the answer, if there was one."""


class CpsRefusedError(CpsError):
    """The CPS answered 4xx, but 429: the same request will not do better there, nor elsewhere."""

    code = "cps-refused"

    def __init__(self, status: int, problem: str | None) -> None:
        said = f": {problem}" if problem else ""
        super().__init__(f"the CPS refused ({status}){said}", reason="refused", status=status)
        self.problem = problem
        """What the CPS said about it, cleaned of numbers and tokens."""
