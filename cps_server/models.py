"""The wire's models."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from cps_server import limits
from stir import limits as core
from stir import strictjson
from stir.errors import MalformedError

TokenText = Annotated[str, StringConstraints(min_length=1, max_length=core.TOKEN_BYTES)]
PassportText = Annotated[
    str, StringConstraints(max_length=core.PASSPORT_BYTES, pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")
]


class PublishRequest(BaseModel, frozen=True, strict=True):
    """The body of a publish (ATIS-1000096); members that are not known are left alone."""

    passports: list[PassportText] = Field(
        min_length=1, max_length=limits.PASSPORTS, description="PASSporTs in full form, in the order of the call."
    )
    token: TokenText | None = Field(None, description="On a republish, the token by which the publisher published.")

    def require_token(self) -> str:
        """
        Return the publisher's token.

        Raises:
            MalformedError: There is none.
        """
        if self.token is None:
            raise MalformedError("token: missing; a republish carries the token of the first publish")
        return self.token

    @classmethod
    def parse(cls, body: bytes) -> "PublishRequest":
        """
        Parse the *body* of a request.

        Raises:
            MalformedError: It is not strict JSON, or not of this form; the detail names the member.
        """
        members = strictjson.loads(body, max_bytes=limits.REQUEST_BYTES)
        try:
            return cls.model_validate(members)
        except ValidationError as error:
            raise MalformedError(_first(error)) from error


class Done(BaseModel):
    """That it went well, as ATIS-1000096 says it."""

    status: int = Field(description="The status of the response.")
    message: str = Field(description="Its reason phrase.")


class Found(BaseModel):
    """What lives under a call's key; newest publish first."""

    tokens: list[str] = Field(description="The request tokens by which they were published.")
    passports: list[str] = Field(description="The PASSporTs, each once.")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="URN that names the kind of problem; stable, for programs.")
    title: str = Field(description="The status's reason phrase.")
    status: int = Field(description="The status of the response.")
    detail: str = Field(description="What is wrong and what to do, for people.")
    message: str = Field(description="The title again, for clients that expect what ATIS-1000096 shows.")


def _first(error: ValidationError) -> str:
    """Say what is wrong with which member, without its value."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"]).lstrip(".")
    if found["type"] == "string_pattern_mismatch":
        return f"{place}: not a PASSporT in full form, three parts of base64url"
    return f"{place}: {found['msg'][:1].lower()}{found['msg'][1:]}"
