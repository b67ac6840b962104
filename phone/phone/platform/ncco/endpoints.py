"""What `connect` can connect to (NCCO reference, connect), as pydantic models."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from phone.constants import (
    AUTHORIZATION_MAX_CHARACTERS,
    CONTENT_TYPE,
    HEADERS_MAX_BYTES,
    RATES,
)
from phone.legs.urls import checked_url

__all__ = [
    "Authorization",
    "Endpoint",
    "Flag",
    "MISSPELLED",
    "Model",
    "Number",
    "Real",
    "WebSocket",
    "Whole",
    "content_type_rate",
]


# As Vonage's SDKs for PHP and Ruby write audio/l16.
MISSPELLED = "audio/116"


def _unquoted(value: object) -> object:
    """Return the number or boolean that a string holds; anything else as it is."""
    if isinstance(value, str):
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        if re.fullmatch(r"-?[0-9]{1,9}", value):
            return int(value)
        if re.fullmatch(r"-?[0-9]{1,9}\.[0-9]{1,9}", value):
            return float(value)
    return value


def _whole(value: object) -> object:
    """Do the same; a whole number may be written as 45.0."""
    number = _unquoted(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _flag(value: object) -> object:
    """Do the same; a flag may be written as 0 or 1."""
    found = _unquoted(value)
    return bool(found) if found in (0, 1) else found


Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{6,14}$")]
Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_unquoted)]
Flag = Annotated[bool, BeforeValidator(_flag)]


def content_type_rate(content_type: str) -> int:
    """Return the rate in Hz of `audio/l16;rate=N`; other parameters, such as a charset, are free.

    Raises:
        ValueError: another form, or a rate that the platform does not offer.

    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    found = [part.removeprefix("rate=") for part in parameters if part.startswith("rate=")]
    rates = [rate for rate in RATES if found == [str(rate)]]
    if kind not in ("audio/l16", MISSPELLED) or not rates:
        allowed = ", ".join(f"audio/l16;rate={rate}" for rate in RATES)
        raise ValueError(f"must be one of {allowed}")
    return rates[0]


class Model(BaseModel):
    """Strict about types; keeps fields that the reference does not know.

    A field that is null is not there: SDKs send null for what was not set.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: item for name, item in value.items() if item is not None}


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
    """A WebSocket: the application's end of the audio."""

    type: Literal["websocket"]
    uri: str
    content_type: str = Field(CONTENT_TYPE, alias="content-type")
    headers: dict[str, Any] = Field(default_factory=dict)
    authorization: Authorization | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """The endpoint without its authorization, for logs and events."""
        return {
            "type": "websocket",
            "uri": self.uri,
            "content-type": self.content_type,
            "headers": self.headers,
        }

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return content_type_rate(self.content_type)

    @field_validator("uri")
    @classmethod
    def _uri(cls, value: str) -> str:
        if "#" in checked_url(value, "ws", "wss"):
            raise ValueError("must have no fragment (#…)")
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


class OnAnswer(Model):
    """What the party called hears before it is joined to the caller."""

    url: str
    ringback_tone: str | None = Field(None, alias="ringbackTone")
    ringback: str | None = None  # its old name, still understood

    @field_validator("url", "ringback_tone", "ringback")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value, "http", "https")


class Phone(Model):
    """A telephone number."""

    type: Literal["phone"]
    number: Number
    dtmf_answer: str | None = Field(None, alias="dtmfAnswer")
    on_answer: OnAnswer | None = Field(None, alias="onAnswer")
    shaken: Any = None


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
    headers: dict[str, Any] | None = None
    standard_headers: dict[str, Any] | None = Field(None, alias="standardHeaders")

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
