"""Types of values that several actions share.

Source: Vonage's NCCO reference. The models are our own, since those that Vonage publishes
(`vonage-voice`) drop a websocket's `content-type` given by its wire name, refuse a `connect`
without `from`, and accept an `http://` socket, two endpoints, headers that are too long, and
every field they do not know.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic.alias_generators import to_camel

from ncco_service.settings.urls import checked_url


class Strict(BaseModel):
    """A part of the document, by wire names; unknown fields are left to `unknown_fields`.

    Values are not converted, except that numbers and booleans may be strings, as SDKs and official
    examples send them. A field that is null is not there, as SDKs send what was not set.
    """

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        frozen=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: item for name, item in value.items() if item is not None}


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


def _http_url(text: str) -> str:
    return checked_url(text, "http", "https", placeholder="${events_url}")


def _socket_url(text: str) -> str:
    return checked_url(text, "ws", "wss", placeholder="${socket_url}")


def _language(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        raise ValueError("a language tag such as en-GB")
    return text


Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_unquoted)]
Flag = Annotated[bool, BeforeValidator(_flag)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
SocketUrl = Annotated[str, AfterValidator(_socket_url)]
OneUrl = Annotated[list[HttpUrl], Field(min_length=1, max_length=1)]
Method = Literal["GET", "POST"]
Language = Annotated[str, AfterValidator(_language)]
Text = Annotated[str, Field(min_length=1)]
Level = Annotated[Real, Field(ge=-1, le=1)]
Loop = Annotated[Whole, Field(ge=0)]  # 0 = endless
