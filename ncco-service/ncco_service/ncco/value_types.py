"""Types of values that several actions share.

Source: Vonage's NCCO reference. The models are our own, since those that Vonage publishes
(``vonage-voice``) drop a websocket's ``content-type`` given by its wire name, refuse a ``connect``
without ``from``, and accept an ``http://`` socket, two endpoints, headers that are too long, and
every field they do not know.
"""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Strict(BaseModel):
    """A part of the document: wire names only, no other fields, no conversion of values."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )


def _with_scheme(*schemes: str) -> AfterValidator:
    allowed = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(text: str) -> str:
        try:
            parts = urlsplit(text)
            named = bool(parts.hostname) and parts.port != 0
        except ValueError:
            named = False
        if not named or parts.scheme not in schemes or re.search(r"[^\x21-\x7e]", text):
            raise ValueError(f"an absolute URL beginning with {allowed}, without blanks")
        if parts.fragment:
            raise ValueError("a URL without a # part")
        return text

    return AfterValidator(check)


def _language(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        raise ValueError("a language tag such as en-GB")
    return text


def _number(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{6,14}", text):
        raise ValueError("7 to 15 digits with the country code, without + and without blanks")
    return text


HttpUrl = Annotated[str, _with_scheme("http", "https")]
SocketUrl = Annotated[str, _with_scheme("ws", "wss")]
OneUrl = Annotated[list[HttpUrl], Field(min_length=1, max_length=1)]
Method = Literal["GET", "POST"]
Language = Annotated[str, AfterValidator(_language)]
PhoneNumber = Annotated[str, AfterValidator(_number)]  # E.164 without its +
Text = Annotated[str, Field(min_length=1)]
Level = Annotated[float, Field(ge=-1, le=1)]
Loop = Annotated[int, Field(ge=0)]  # 0 = endless
