"""The NCCO's actions as the platform takes them (NCCO reference), as pydantic models.

Types are strict, as JSON from another program should be, except that numbers and booleans may be
written as strings, as SDKs and official examples do. Fields that the reference does not know are
kept in `model_extra`; what to say about them is the business of `ncco`.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from phone.constants import (
    CONNECT_LIMIT_SECONDS,
    CONNECT_RING_SECONDS,
    TALK_MAX_CHARACTERS,
    WAIT_SECONDS,
    Method,
)
from phone.legs.urls import checked_url
from phone.platform.ncco.endpoints import Endpoint, Flag, Model, Real, WebSocket, Whole

__all__ = [
    "ACTIONS",
    "Action",
    "Connect",
    "Join",
    "Input",
    "Notify",
    "Record",
    "Stream",
    "Talk",
    "Transfer",
    "Wait",
    "WebSocket",
]

Level = Annotated[Real, Field(ge=-1, le=1)]
Loop = Annotated[Whole, Field(ge=0)]


def _web_url(url: str) -> str:
    return checked_url(url, "http", "https")


class _WithEvents(Model):
    event_url: list[str] | None = Field(None, alias="eventUrl", min_length=1, max_length=1)
    event_method: Method = Field("POST", alias="eventMethod")

    @field_validator("event_url")
    @classmethod
    def _urls(cls, value: list[str] | None) -> list[str] | None:
        return value if value is None else [_web_url(url) for url in value]


class Talk(Model):
    """Speak text."""

    action: Literal["talk"]
    text: str = Field(min_length=1)
    language: str = "en-US"
    style: Whole = Field(0, ge=0)
    premium: Flag = False
    barge_in: Flag = Field(False, alias="bargeIn")
    loop: Loop = 1
    level: Level = 0
    provider: Any = None  # in newer SDKs

    @property
    def words(self) -> str:
        """The text without SSML tags."""
        return re.sub(r"<[^>]*>", "", self.text)

    @field_validator("text")
    @classmethod
    def _length(cls, value: str) -> str:
        length = len(re.sub(r"<[^>]*>", "", value))
        if length > TALK_MAX_CHARACTERS:
            raise ValueError(
                f"must be at most {TALK_MAX_CHARACTERS} characters outside SSML tags, it is "
                f"{length}"
            )
        return value


class Stream(Model):
    """Play an audio file."""

    action: Literal["stream"]
    stream_url: list[str] = Field(alias="streamUrl", min_length=1, max_length=1)
    level: Level = 0
    barge_in: Flag = Field(False, alias="bargeIn")
    loop: Loop = 1

    @field_validator("stream_url")
    @classmethod
    def _urls(cls, value: list[str]) -> list[str]:
        return [_web_url(url) for url in value]


class Connect(_WithEvents):
    """Connect the caller to an endpoint."""

    action: Literal["connect"]
    endpoint: list[Endpoint] = Field(min_length=1, max_length=1)
    caller: str | None = Field(None, alias="from")
    random_from_number: Flag = Field(False, alias="randomFromNumber")
    event_type: Literal["synchronous"] | None = Field(None, alias="eventType")
    timeout: Whole = Field(CONNECT_RING_SECONDS, ge=1)
    limit: Whole = Field(CONNECT_LIMIT_SECONDS, ge=1, le=CONNECT_LIMIT_SECONDS)
    machine_detection: Literal["continue", "hangup"] | None = Field(None, alias="machineDetection")
    # In newer SDKs, under either name.
    advanced_machine_detection: Any = Field(None, alias="advancedMachineDetection")
    advanced_detection: Any = Field(None, alias="advanced_machine_detection")
    ringback_tone: str | None = Field(None, alias="ringbackTone")

    @field_validator("ringback_tone")
    @classmethod
    def _tone(cls, value: str | None) -> str | None:
        return None if value is None else _web_url(value)

    @property
    def detection(self) -> Literal["continue", "hangup"] | None:
        """Action when a machine answers; None: no detection."""
        behaviour = self._advanced.get("behavior", self.machine_detection)
        if behaviour is None and self._advanced:
            return "continue"
        return "hangup" if behaviour == "hangup" else "continue" if behaviour else None

    @property
    def detects_beep(self) -> bool:
        """Whether to report an answering machine's beep."""
        return bool(self._advanced.get("mode") == "detect_beep")

    @property
    def _advanced(self) -> dict[str, Any]:
        advanced = self.advanced_machine_detection or self.advanced_detection
        return advanced if isinstance(advanced, dict) else {}

    @model_validator(mode="after")
    def _one_caller(self) -> "Connect":
        if self.caller is not None and self.random_from_number:
            raise ValueError("takes from or randomFromNumber, not both")
        return self


class Record(_WithEvents):
    """Record the call."""

    action: Literal["record"]
    format: Literal["mp3", "wav", "ogg"] | None = None
    split: Literal["conversation"] | None = None
    channels: Whole | None = Field(None, ge=1, le=32)
    end_on_silence: Real | None = Field(None, alias="endOnSilence", ge=3, le=10)
    end_on_key: str | None = Field(None, alias="endOnKey", pattern=r"^[0-9*#]$")
    time_out: Whole | None = Field(None, alias="timeOut", ge=3, le=7200)
    beep_start: Flag = Field(False, alias="beepStart")
    transcription: dict[str, Any] | None = None

    @property
    def has_end(self) -> bool:
        """Whether the recording has an end of its own; otherwise the NCCO continues beside it."""
        return any((self.end_on_silence, self.end_on_key, self.time_out))


class Join(_WithEvents):
    """Move the caller into a named conversation: the action `conversation`."""

    action: Literal["conversation"]
    name: str = Field(min_length=1)
    music_on_hold_url: list[str] | None = Field(None, alias="musicOnHoldUrl")
    start_on_enter: Flag = Field(True, alias="startOnEnter")
    end_on_exit: Flag = Field(False, alias="endOnExit")
    record: Flag = False
    can_speak: list[str] | None = Field(None, alias="canSpeak")
    can_hear: list[str] | None = Field(None, alias="canHear")
    mute: Flag = False


class DtmfInput(Model):
    """How keys are collected."""

    time_out: Whole = Field(3, alias="timeOut", ge=0, le=10)
    max_digits: Whole = Field(4, alias="maxDigits", ge=1, le=20)
    submit_on_hash: Flag = Field(False, alias="submitOnHash")


class SpeechInput(Model):
    """How speech is recognised."""

    uuid: list[str] | None = Field(None, max_length=1)
    end_on_silence: Real = Field(2.0, alias="endOnSilence", ge=0.4, le=10)
    language: str = "en-US"
    context: list[str] | None = None
    start_timeout: Whole = Field(10, alias="startTimeout", ge=1, le=60)
    max_duration: Whole = Field(60, alias="maxDuration", ge=1, le=60)
    save_audio: Flag = Field(False, alias="saveAudio")
    sensitivity: Whole | None = None
    provider: Any = None  # in newer SDKs


class Input(_WithEvents):
    """Collect keys or speech."""

    action: Literal["input"]
    type: list[Literal["dtmf", "speech"]] = Field(min_length=1)
    dtmf: DtmfInput | None = None
    speech: SpeechInput | None = None
    mode: str | None = None


class Notify(_WithEvents):
    """Send a payload to an event URL."""

    action: Literal["notify"]
    payload: dict[str, Any]
    event_url: list[str] = Field(alias="eventUrl", min_length=1, max_length=1)


class Wait(Model):
    """Let time pass; out-of-range times are clamped."""

    action: Literal["wait"]
    timeout: Real = WAIT_SECONDS[1]

    @property
    def seconds(self) -> float:
        """The time that passes."""
        least, _, most = WAIT_SECONDS
        return min(max(self.timeout, least), most)


class Transfer(Model):
    """Move every leg into another conversation."""

    action: Literal["transfer"]
    conversation_id: str = Field(alias="conversationId", min_length=1)
    can_hear: list[str] | None = Field(None, alias="canHear")
    can_speak: list[str] | None = Field(None, alias="canSpeak")
    mute: Flag = False


Action = Talk | Stream | Connect | Record | Join | Input | Notify | Wait | Transfer
ACTIONS: dict[str, type[Action]] = {
    "talk": Talk,
    "stream": Stream,
    "connect": Connect,
    "record": Record,
    "conversation": Join,
    "input": Input,
    "notify": Notify,
    "wait": Wait,
    "transfer": Transfer,
}
