"""The endpoint of a `connect`: a websocket."""

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ncco_service.ncco.value_types import SocketUrl, Strict

MAX_HEADERS_BYTES = 512  # Vonage WebSockets guide; counted here as compact JSON in UTF-8

# The first message on the socket is flat, and the platform uses these two keys itself.
RESERVED_HEADERS = ("event", "content-type")


CONTENT_TYPES = tuple(f"audio/l16;rate={rate}" for rate in (8000, 16000, 24000))


def _content_type(text: str) -> str:
    """Accept other parameters, such as a charset, and blanks between them (RFC 2045)."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    rates = [part for part in parameters if part.startswith("rate=")]
    if len(rates) != 1 or f"{kind};{rates[0]}" not in CONTENT_TYPES:
        raise ValueError(", ".join(f'"{allowed}"' for allowed in CONTENT_TYPES))
    return text


def checked_headers(headers: dict[str, Any]) -> dict[str, Any]:
    """Return a websocket's headers as they are.

    Raises:
        ValueError: the platform would refuse them; the message says what is allowed.

    """
    for key in RESERVED_HEADERS:
        if key in headers:
            raise ValueError(
                f"keys other than {key!r}, which the platform uses itself in the first message"
            )
    if _has_null(headers):
        raise ValueError("strings, numbers, booleans, lists and objects, but no null")
    text = json.dumps(headers, ensure_ascii=False, separators=(",", ":"))
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_HEADERS_BYTES:
        raise ValueError(f"at most {MAX_HEADERS_BYTES} bytes as JSON; these are {size}")
    return headers


def _has_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_null(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_null(item) for item in value)
    return value is None


def _header_value(text: str) -> str:
    if len(text) >= 8192 or not re.fullmatch(r"[\x20-\x7e]+", text):
        raise ValueError("1 to 8191 printable ASCII characters")
    return text


class Authorization(Strict):
    """The Authorization header of the handshake: the platform's own JWT, or a value of ours."""

    type: Literal["vonage", "custom"]
    value: Annotated[str, AfterValidator(_header_value)] | None = None

    @model_validator(mode="after")
    def _custom_needs_a_value(self) -> Self:
        if self.type == "custom" and self.value is None:
            raise ValueError('a "value" beside the type "custom"')
        return self


class Websocket(Strict):
    """A websocket: 16-bit mono audio as binary messages of 20 ms, both ways."""

    type: Literal["websocket"]
    uri: SocketUrl
    content_type: Annotated[str, AfterValidator(_content_type)] | None = Field(
        default=None, alias="content-type"
    )
    headers: Annotated[dict[str, Any], AfterValidator(checked_headers)] = Field(
        default_factory=dict
    )
    authorization: Authorization | None = None
