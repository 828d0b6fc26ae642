"""
What can be wrong with a request to the sidecar: a mistake of configuration or of a dial plan, never of a call.

StirError
└── RequestError                   not a request that a face takes
    ├── BodyMissingError           no body
    ├── BodySyntaxError            the body does not parse
    ├── FieldMissingError          a field that has to be there is not
    ├── FieldError                 a field has a value that cannot be
    ├── StrangerError              a browser, or a name that is not this machine's
    ├── TokenRequiredError         the bearer token is missing or another
    ├── NothingHereError           no such path
    ├── MethodError                no such method here
    ├── NotAcceptableError         the answer's type is not wanted
    ├── SlowBodyError              the body did not arrive in time
    ├── LengthRequiredError        no Content-Length
    ├── TooLargeError              too long a body
    ├── MediaTypeError             a body of another type
    ├── NotSignedError             nothing was signed although that was asked for
    └── DefectError                we failed
"""

from http import HTTPStatus

from stir.errors import StirError


class RequestError(StirError):
    """Not a request that a face takes; the class is the code, and each face tells it in its own manner."""

    code = "bad-request"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, detail: str, *, field: str | None = None, allow: str | None = None) -> None:
        super().__init__(detail)
        self.field = field
        """The field that it is about."""
        self.allow = allow
        """The methods there are, where another was used."""


class BodyMissingError(RequestError):
    """There is no body."""

    code = "missing-body"


class BodySyntaxError(RequestError):
    """The body does not parse."""

    code = "malformed-body"


class FieldMissingError(RequestError):
    """A field that has to be there is not."""

    code = "missing-field"

    def __init__(self, field: str) -> None:
        super().__init__(f"the field {field!r} is missing", field=field)


class FieldError(RequestError):
    """A field is not known, or has a value that cannot be."""

    code = "bad-field"

    def __init__(self, field: str, wrong: str) -> None:
        super().__init__(f"the field {field!r} {wrong}", field=field)


class StrangerError(RequestError):
    """A browser asks, or somebody who calls this machine by a name that is not its own."""

    code = "stranger"
    status = HTTPStatus.FORBIDDEN


class TokenRequiredError(RequestError):
    """The bearer token is missing, or another."""

    code = "token-required"
    status = HTTPStatus.UNAUTHORIZED


class NothingHereError(RequestError):
    """There is no such path."""

    code = "not-found"
    status = HTTPStatus.NOT_FOUND


class MethodError(RequestError):
    """There is no such method here."""

    code = "method-not-allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptableError(RequestError):
    """The client does not want the type that answers have."""

    code = "not-acceptable"
    status = HTTPStatus.NOT_ACCEPTABLE


class SlowBodyError(RequestError):
    """The body did not arrive in time."""

    code = "slow-body"
    status = HTTPStatus.REQUEST_TIMEOUT


class LengthRequiredError(RequestError):
    """There is no Content-Length."""

    code = "length-required"
    status = HTTPStatus.LENGTH_REQUIRED


class TooLargeError(RequestError):
    """The body is too long."""

    code = "too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class MediaTypeError(RequestError):
    """The body is of another type than the face takes."""

    code = "unsupported-media-type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class NotSignedError(RequestError):
    """Nothing was signed although that was asked for."""

    code = "not-signed"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class DefectError(RequestError):
    """We failed; the log says how."""

    code = "internal"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
