"""
What is wrong with a SIP message, as branches of the tree in :mod:`stir.errors`.

MalformedError
├── UnreadableError      nobody could be answered
└── RefusedError         it is answered with a status code
"""

from stir.errors import MalformedError


class UnreadableError(MalformedError):
    """What came is no request that could be answered: it is dropped."""

    code = "sip-unreadable"

    def __init__(self, detail: str, *, reason: str = "malformed") -> None:
        super().__init__(detail)
        self.reason = reason
        """One word for the counter."""


class RefusedError(MalformedError):
    """The request is not one that this server takes."""

    code = "sip-refused"

    def __init__(self, status: int, detail: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.fields = fields
        """Header fields that the answer has for it."""
