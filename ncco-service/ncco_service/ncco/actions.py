"""The actions that this service sends. Source: Vonage's NCCO reference."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ncco_service.ncco.value_types import (
    Flag,
    HttpUrl,
    Language,
    Level,
    Loop,
    Method,
    OneUrl,
    Real,
    Strict,
    Text,
    Whole,
)
from ncco_service.ncco.websocket import Websocket

MAX_SPOKEN_CHARACTERS = 1500


def _spoken(text: str) -> str:
    count = len(re.sub(r"<[^>]*>", "", text))
    if not 1 <= count <= MAX_SPOKEN_CHARACTERS:
        limits = f"1 to {MAX_SPOKEN_CHARACTERS} characters outside SSML tags"
        raise ValueError(f"{limits}; there are {count}")
    return text


class Talk(Strict):
    """Speak a text."""

    action: Literal["talk"]
    text: Annotated[str, AfterValidator(_spoken)]
    language: Language | None = None
    style: Annotated[Whole, Field(ge=0)] | None = None
    premium: Flag | None = None
    barge_in: Flag | None = None
    loop: Loop | None = None
    level: Level | None = None
    provider: Any = None  # in newer SDKs


class Stream(Strict):
    """Play a sound file."""

    action: Literal["stream"]
    stream_url: OneUrl
    level: Level | None = None
    barge_in: Flag | None = None
    loop: Loop | None = None


class Transcription(Strict):
    """Transcribe a recording."""

    language: Language | None = None
    event_url: OneUrl | None = None
    event_method: Method | None = None
    sentiment_analysis: Flag | None = None  # in newer SDKs


class Record(Strict):
    """Record the call."""

    action: Literal["record"]
    format: Literal["mp3", "wav", "ogg"] | None = None
    split: Literal["conversation"] | None = None
    channels: Annotated[Whole, Field(ge=1, le=32)] | None = None
    end_on_silence: Annotated[Real, Field(ge=3, le=10)] | None = None
    end_on_key: Annotated[str, Field(pattern=r"^[0-9*#]$")] | None = None
    time_out: Annotated[Whole, Field(ge=3, le=7200)] | None = None
    beep_start: Flag | None = None
    event_url: OneUrl | None = None
    event_method: Method | None = None
    transcription: Transcription | None = None


class Conversation(Strict):
    """Join a named conference."""

    action: Literal["conversation"]
    name: Text
    music_on_hold_url: OneUrl | None = None
    start_on_enter: Flag | None = None
    end_on_exit: Flag | None = None
    record: Flag | None = None
    can_speak: list[Text] | None = None
    can_hear: list[Text] | None = None
    mute: Flag | None = None
    event_url: OneUrl | None = None
    event_method: Method | None = None


class Connect(Strict):
    """Connect the call to a websocket."""

    action: Literal["connect"]
    endpoint: Annotated[list[Websocket], Field(min_length=1, max_length=1)]
    from_: str | None = Field(default=None, alias="from")
    random_from_number: Flag | None = None
    event_type: Literal["synchronous"] | None = None
    event_url: OneUrl | None = None
    event_method: Method | None = None
    timeout: Annotated[Whole, Field(ge=1)] | None = None
    limit: Annotated[Whole, Field(ge=1, le=7200)] | None = None
    machine_detection: Literal["continue", "hangup"] | None = None
    # In newer SDKs, under either name.
    advanced_machine_detection: Any = None
    advanced_detection: Any = Field(default=None, alias="advanced_machine_detection")
    ringback_tone: HttpUrl | None = None

    @model_validator(mode="after")
    def _one_caller(self) -> Self:
        if self.from_ is not None and self.random_from_number:
            raise ValueError('either "from" or "randomFromNumber", not both')
        return self


class Dtmf(Strict):
    """How digits are collected."""

    time_out: Annotated[Whole, Field(ge=0, le=10)] | None = None
    max_digits: Annotated[Whole, Field(ge=1, le=20)] | None = None
    submit_on_hash: Flag | None = None


class Speech(Strict):
    """How speech is recognised."""

    uuid: Annotated[list[Text], Field(min_length=1, max_length=1)] | None = None
    end_on_silence: Annotated[Real, Field(ge=0.4, le=10)] | None = None
    language: Language | None = None
    context: list[Text] | None = None
    start_timeout: Annotated[Whole, Field(ge=1, le=60)] | None = None
    max_duration: Annotated[Whole, Field(ge=1, le=60)] | None = None
    save_audio: Flag | None = None
    sensitivity: Annotated[Whole, Field(ge=0, le=100)] | None = None
    provider: Any = None  # in newer SDKs


class Input(Strict):
    """Collect digits or speech."""

    action: Literal["input"]
    type: Annotated[list[Literal["dtmf", "speech"]], Field(min_length=1, max_length=2)]
    dtmf: Dtmf | None = None
    speech: Speech | None = None
    mode: Text | None = None
    event_url: OneUrl | None = None
    event_method: Method | None = None


class Notify(Strict):
    """Send a payload to a URL, which may answer with the next NCCO."""

    action: Literal["notify"]
    payload: dict[str, Any]
    event_url: OneUrl
    event_method: Method | None = None


class Wait(Strict):
    """Pause; the platform clamps the seconds to 0.1 to 7200."""

    action: Literal["wait"]
    timeout: Real | None = None


ACTIONS: dict[str, type[Strict]] = {
    "talk": Talk,
    "stream": Stream,
    "record": Record,
    "conversation": Conversation,
    "connect": Connect,
    "input": Input,
    "notify": Notify,
    "wait": Wait,
}
