"""The bodies of requests to the Voice API, as pydantic models: snake_case, unlike the NCCO's."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from phone.constants import LENGTH_MAX_SECONDS, LENGTH_SECONDS, RING_SECONDS, Method
from phone.legs.urls import checked_url
from phone.platform.ncco.endpoints import Number, Phone, WebSocket

__all__ = [
    "AsyncInputBody",
    "CallBody",
    "CallsQuery",
    "Destination",
    "DtmfBody",
    "SteerBody",
    "StreamBody",
    "TalkBody",
]

Url = Annotated[list[str], Field(min_length=1, max_length=1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class From(_Body):
    """Who calls."""

    type: Literal["phone"] = "phone"
    number: Number


class MachineDetection(_Body):
    """Detection of answering machines."""

    behavior: Literal["continue", "hangup"] = "continue"
    mode: Literal["default", "detect", "detect_beep"] = "default"
    beep_timeout: int = Field(45, ge=45, le=120)


class CallBody(_Body):
    """A new call."""

    to: list[dict[str, Any]] = Field(min_length=1, max_length=1)
    caller: From | None = Field(None, alias="from")
    random_from_number: bool = False
    ncco: list[Any] | None = None
    answer_url: Url | None = None
    answer_method: Method = "GET"
    event_url: Url | None = None
    event_method: Method = "POST"
    machine_detection: Literal["continue", "hangup"] | None = None
    advanced_machine_detection: MachineDetection | None = None
    length_timer: int = Field(LENGTH_SECONDS, ge=1, le=LENGTH_MAX_SECONDS)
    ringing_timer: int = Field(RING_SECONDS, ge=1, le=120)

    @field_validator("to")
    @classmethod
    def _simulated(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kind = value[0].get("type")
        if kind in ("sip", "vbc"):
            raise ValueError(f"{kind} is not simulated: only phone and websocket are")
        if kind not in ("phone", "websocket"):
            raise ValueError("must have type phone or websocket")
        return value

    @field_validator("caller", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"number": value} if isinstance(value, str) else value

    @field_validator("answer_url", "event_url")
    @classmethod
    def _urls(cls, value: list[str] | None) -> list[str] | None:
        return value if value is None else [checked_url(url, "http", "https") for url in value]

    @model_validator(mode="after")
    def _either(self) -> "CallBody":
        if (self.ncco is None) == (self.answer_url is None):
            raise ValueError("takes ncco or answer_url: one of them, and not both")
        if (self.caller is None) != self.random_from_number:
            raise ValueError("takes from, or random_from_number: true: one of them")
        return self

    @property
    def endpoint(self) -> Phone | WebSocket:
        """Where it goes.

        Raises:
            ValidationError: a field of it is wrong.

        """
        model = Phone if self.to[0]["type"] == "phone" else WebSocket
        return model.model_validate(self.to[0])

    @property
    def detection(self) -> Literal["continue", "hangup"] | None:
        """Action when a machine answers; None: no detection."""
        advanced = self.advanced_machine_detection
        return advanced.behavior if advanced else self.machine_detection

    @property
    def detects_beep(self) -> bool:
        """Whether to report an answering machine's beep."""
        advanced = self.advanced_machine_detection
        return advanced is not None and advanced.mode == "detect_beep"


class Destination(_Body):
    """Where a call is transferred to."""

    type: Literal["ncco"]
    ncco: list[Any] | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _either(self) -> "Destination":
        if (self.ncco is None) == (self.url is None):
            raise ValueError("takes ncco or url: one of them, and not both")
        return self


class SteerBody(_Body):
    """Change to a running call."""

    action: Literal["hangup", "mute", "unmute", "earmuff", "unearmuff", "transfer"]
    destination: Destination | None = None

    @model_validator(mode="after")
    def _transfer(self) -> "SteerBody":
        if (self.action == "transfer") != (self.destination is not None):
            raise ValueError("transfer takes a destination, and nothing else does")
        return self


class TalkBody(_Body):
    """Text to say."""

    text: str = Field(min_length=1, max_length=1500)
    language: str = "en-US"
    style: int = Field(0, ge=0)
    premium: bool = False
    loop: int = Field(1, ge=0)
    level: float = Field(0, ge=-1, le=1)


class StreamBody(_Body):
    """A file to play."""

    stream_url: Url
    loop: int = Field(1, ge=0)
    level: float = Field(0, ge=-1, le=1)

    @field_validator("stream_url")
    @classmethod
    def _urls(cls, value: list[str]) -> list[str]:
        return [checked_url(url, "http", "https") for url in value]


class DtmfBody(_Body):
    """Keys to press; `p` is a pause of 500 ms."""

    digits: str = Field(pattern=r"^[0-9*#p]{1,100}$")


class AsyncInputBody(_Body):
    """Target of keys while an asynchronous `input` runs."""

    event_url: Url
    event_method: Method = "POST"

    @field_validator("event_url")
    @classmethod
    def _urls(cls, value: list[str]) -> list[str]:
        return [checked_url(url, "http", "https") for url in value]


class CallsQuery(_Body):
    """Which calls are listed."""

    status: str | None = None
    date_start: str | None = None
    date_end: str | None = None
    page_size: int = Field(10, ge=1, le=100)
    record_index: int = Field(0, ge=0)
    order: Literal["asc", "desc"] = "asc"
    conversation_uuid: str | None = None
