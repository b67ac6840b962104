"""What an operator may ask for: the bodies of the operator's interface."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from ncco_service.ncco import checked_headers

__all__ = ["PATTERNS", "Bot", "Keys", "NewCall", "Sound", "SpokenText", "Transfer"]

# Vonage Voice API: a call made through it may last a day, and ring for two minutes.
LONGEST_SECONDS = 86_400
LONGEST_RINGING = 120

NUMBER = r"^[1-9][0-9]{6,14}$"
NAME = r"^[A-Za-z0-9._-]{1,64}$"
URL = r"^https?://[\x21-\x7e]{1,2000}$"
KEYS = r"^[0-9*#p]{1,100}$"
PATTERNS = {
    NUMBER: "7 to 15 digits with the country code, without +",
    NAME: "1 to 64 letters, digits, dots, dashes and underscores",
    URL: "an http:// or https:// URL",
    KEYS: "1 to 100 of the keys 0 to 9, * and #, and p for a pause of 500 ms",
}
"""What each pattern means, in words."""

Number = Annotated[str, StringConstraints(pattern=NUMBER), Field(description=PATTERNS[NUMBER])]
MeetingName = Annotated[str, StringConstraints(pattern=NAME)]
Url = Annotated[str, StringConstraints(pattern=URL)]
Headers = Annotated[
    dict[str, Any],
    AfterValidator(checked_headers),
    Field(description="what the socket's first message carries besides; strings, numbers, lists"),
]


def _whole(value: object) -> object:
    """Take 3.0 for 3, which is the same number in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NewCall(_Body):
    """A call to place."""

    to: Number
    from_: Annotated[Number | None, Field(alias="from", description="by default VONAGE_NUMBER")] = (
        None
    )
    headers: Headers = Field(default_factory=dict)
    order: Annotated[
        Literal["person-first", "socket-first"],
        Field(description="who is called first; socket-first loses no first word"),
    ] = "person-first"
    machine_detection: Annotated[
        Literal["continue", "hangup", "beep"] | None,
        Field(description="tell machines from people; hang up on one, or tell of its beep too"),
    ] = None
    ring_seconds: Annotated[int, Field(ge=1, le=LONGEST_RINGING), WHOLE] = 60
    longest_seconds: Annotated[int, Field(ge=1, le=LONGEST_SECONDS), WHOLE] = 7200
    meeting: Annotated[
        MeetingName | None, Field(description="the room that the person enters, once they answer")
    ] = None

    @model_validator(mode="after")
    def _a_meeting_has_its_own_order(self) -> Self:
        if self.meeting is not None and self.order == "socket-first":
            raise ValueError(
                "a call into a meeting is person-first: its socket comes with the first person"
            )
        return self


class Transfer(_Body):
    """The NCCO or URL with which a call continues."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
                for name in ("ncco", "url")
            ]
        }
    )
    ncco: list[dict[str, Any]] | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.ncco is None) == (self.url is None):
            raise ValueError("give either ncco or url")
        return self


class SpokenText(_Body):
    """A text to say."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=1500)]
    language: str | None = None
    style: Annotated[int, Field(ge=0), WHOLE] | None = None
    premium: bool | None = None
    loop: Annotated[int, Field(ge=0, description="0 is without end"), WHOLE] | None = None
    level: Annotated[float, Field(ge=-1, le=1)] | None = None


class Sound(_Body):
    """A sound file to play."""

    stream_url: Url
    loop: Annotated[int, Field(ge=0, description="0 is without end"), WHOLE] | None = None
    level: Annotated[float, Field(ge=-1, le=1)] | None = None


class Keys(_Body):
    """Keys to press; p is a pause of 500 ms."""

    digits: Annotated[str, StringConstraints(pattern=KEYS)]


class Bot(_Body):
    """How the socket takes part in a meeting."""

    listen_only: bool = False
    headers: Headers = Field(default_factory=dict)
