"""What `connect` can connect to (NCCO reference, connect), as pydantic models."""

import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from phone.constants import AUTHORIZATION_MAX_CHARACTERS, HEADERS_MAX_BYTES, RATES

__all__ = ["Authorization", "Endpoint", "Model", "Number", "WebSocket", "content_type_rate"]

Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{6,14}$")]


def content_type_rate(content_type: str) -> int:
    """Return the rate in Hz of `audio/l16;rate=N`.

    Raises:
        ValueError: another form, or a rate that the platform does not offer.
    """
    match = re.fullmatch(r"audio/l16;rate=([0-9]{1,6})", content_type)
    if match is None or int(match[1]) not in RATES:
        allowed = ", ".join(f"audio/l16;rate={rate}" for rate in RATES)
        raise ValueError(f"must be one of {allowed}")
    return int(match[1])


class Model(BaseModel):
    """Strict about types; keeps fields that the reference does not know."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, populate_by_name=False)


class Authorization(Model):
    """What the platform puts into the socket's handshake."""

    type: Literal["vonage", "custom"]
    value: str | None = None

    @model_validator(mode="after")
    def _custom_has_value(self) -> "Authorization":
        if self.type == "custom":
            if not self.value:
                raise ValueError("type custom needs a value")
            if len(self.value) >= AUTHORIZATION_MAX_CHARACTERS:
                raise ValueError(
                    f"value must be shorter than {AUTHORIZATION_MAX_CHARACTERS} characters"
                )
            if re.fullmatch(r"[\x20-\x7e]+", self.value) is None:
                raise ValueError("value must be printable ASCII")
        return self


class WebSocket(Model):
    """The endpoint that this program is about."""

    type: Literal["websocket"]
    uri: str
    content_type: str = Field(alias="content-type")
    headers: dict[str, Any] = Field(default_factory=dict)
    authorization: Authorization | None = None

    @property
    def rate(self) -> int:
        """Hz."""
        return content_type_rate(self.content_type)

    @field_validator("uri")
    @classmethod
    def _uri(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError("must be an absolute ws:// or wss:// URL")
        if parts.fragment:
            raise ValueError("must have no fragment (#…)")
        _ = parts.port  # raises ValueError where it is no number
        return value

    @field_validator("content_type")
    @classmethod
    def _content_type(cls, value: str) -> str:
        content_type_rate(value)
        return value

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, Any]) -> dict[str, Any]:
        size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
        if size > HEADERS_MAX_BYTES:
            raise ValueError(f"must be at most {HEADERS_MAX_BYTES} bytes as JSON, these are {size}")
        for name in ("event", "content-type"):
            if name in value:
                raise ValueError(f"must not hold {name!r}, a key of the platform's first message")
        if _has_null(value):
            raise ValueError("must not hold null")
        return value


def _has_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_null(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_null(item) for item in value)
    return value is None


class Phone(Model):
    """A telephone number."""

    type: Literal["phone"]
    number: Number


class App(Model):
    """An application's user."""

    type: Literal["app"]
    user: str = Field(min_length=1)


class Sip(Model):
    """A SIP address."""

    type: Literal["sip"]
    uri: str | None = None
    user: str | None = None
    domain: str | None = None

    @model_validator(mode="after")
    def _address(self) -> "Sip":
        if self.uri is None and (self.user is None or self.domain is None):
            raise ValueError("needs uri, or user and domain")
        return self


class Vbc(Model):
    """An extension of Vonage Business Communications."""

    type: Literal["vbc"]
    extension: str = Field(min_length=1)


Endpoint = Annotated[WebSocket | Phone | App | Sip | Vbc, Field(discriminator="type")]
