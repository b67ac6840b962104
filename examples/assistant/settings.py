"""Settings of the assistant, from the environment; a wrong one stops the start and says why."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from echo_service.playback import wav
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings", "SettingsError", "load"]


class SettingsError(ValueError):
    """Names each wrong variable, what was seen, and what to do; one line each."""


class Settings(BaseSettings):
    """Each field is read from the variable of its name in capitals; an empty one is unset."""

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    realtime_url: str = "ws://127.0.0.1:8765/v1/realtime"
    """Server of the OpenAI Realtime protocol; by default the fake one of this package."""
    realtime_model: str = "gpt-realtime"
    realtime_api_key: SecretStr = SecretStr("")
    realtime_api_key_file: Path | None = None
    realtime_key_header: Literal["authorization", "api-key"] = "authorization"
    """`api-key` for Azure."""
    realtime_protocol: Literal["ga", "beta"] = "ga"
    """`beta` for servers that speak the shape of 2024."""
    realtime_format: Literal["auto", "pcm", "pcmu", "pcma"] = "auto"
    """Audio between here and the model; `auto` is pcmu for calls of 8 kHz, else PCM of 24 kHz."""
    realtime_voice: str = ""
    realtime_transcription_model: str = ""
    """Has the server write down what the caller says; none by default."""
    realtime_connect_seconds: float = Field(10, gt=0, le=120)
    """How long connecting may take, with all its attempts."""

    assistant_instructions_file: Path | None = None
    assistant_greeting_file: Path | None = None
    """`.wav` is played while the model is being reached; of `.txt` the model says the text."""
    assistant_apology_file: Path | None = None
    """WAV for the caller when the model fails; without it ncco-service's fallback speaks."""
    assistant_turn_detection: Literal["server_vad", "semantic_vad", "local"] = "server_vad"
    """Who tells that the caller has finished: the model's server, or the local detector."""
    assistant_silence_ms: int = Field(500, ge=100, le=5000)
    """Silence that ends a turn; not for semantic_vad."""
    assistant_barge_in: Literal["local", "model", "off"] = "local"
    """Who tells that the caller interrupts."""
    assistant_decide_ms: int = Field(200, ge=0, le=1000)
    """How long the assistant is silent until it knows a noise from speech; 0 does not wait: it
    stops when it knows."""
    assistant_echo_db: float = Field(9, ge=0, le=60)
    """How much weaker than what plays its echo from the caller's side is, at least."""
    assistant_mark_frames: int = Field(2, ge=0, le=50)
    """Frames of 20 ms after each of which the platform is asked, by `notify`, to tell that they
    were heard; 0 reckons by the clock."""
    assistant_buffer_seconds: float = Field(240, ge=5, le=3600)
    """Audio of the model that may wait to be heard; more ends the response."""
    assistant_tools: str = ""
    """Functions that the model may call: module:name, separated by commas."""
    assistant_tool_seconds: float = Field(20, gt=0, le=300)
    assistant_log_transcripts: bool = False

    operator_url: str = ""
    """ncco-service's operator interface, such as http://ncco-service:8002; for pressing keys."""
    operator_token: SecretStr = SecretStr("")
    operator_token_file: Path | None = None

    @field_validator("realtime_url")
    @classmethod
    def _websocket(cls, value: str) -> str:
        if not re.match(r"wss?://[^/\s]+", value):
            raise ValueError(
                "give ws:// or wss://, a host and a path, such as ws://model:8765/v1/realtime"
            )
        return value

    @field_validator("operator_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/\s]+", value):
            raise ValueError(
                "give http:// or https:// and a host, such as http://ncco-service:8002"
            )
        return value.rstrip("/")

    @field_validator(
        "realtime_api_key_file",
        "assistant_instructions_file",
        "assistant_greeting_file",
        "assistant_apology_file",
        "operator_token_file",
    )
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not (value.is_file() and os.access(value, os.R_OK)):
            raise ValueError(
                f"{value} cannot be read; give the path of a file inside the container"
            )
        return value

    @field_validator("assistant_greeting_file")
    @classmethod
    def _greeting(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix.lower() not in (".wav", ".txt"):
            raise ValueError(f"{value} is neither .wav (played) nor .txt (said by the model)")
        return value

    @field_validator("assistant_greeting_file", "assistant_apology_file")
    @classmethod
    def _sound(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and not (
            info.field_name == "assistant_greeting_file" and value.suffix.lower() == ".txt"
        ):
            wav.read(value)  # its error says what is wrong with the file, now and not in a call
        return value

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if self.assistant_turn_detection == "local" and self.assistant_barge_in == "model":
            raise ValueError(
                "ASSISTANT_BARGE_IN is 'model' and ASSISTANT_TURN_DETECTION is 'local': a model "
                "that detects no turns tells no interruption; set one of them otherwise"
            )
        return self

    @property
    def api_key(self) -> str:
        """The key, wherever it stands; "" if there is none."""
        return _secret(self.realtime_api_key, self.realtime_api_key_file)

    @property
    def operator_key(self) -> str:
        """The operator interface's token; "" if there is none."""
        return _secret(self.operator_token, self.operator_token_file)

    @property
    def local_turns(self) -> bool:
        """Whether the assistant's own detector ends turns."""
        return self.assistant_turn_detection == "local"

    @property
    def instructions(self) -> str:
        """What the model is told to be; "" leaves it to the model."""
        return _text(self.assistant_instructions_file)

    @property
    def greeting_text(self) -> str:
        """What is said first: of a `.txt`, or the `.txt` beside a `.wav`; "" if there is none."""
        file = self.assistant_greeting_file
        written = file.with_suffix(".txt") if file is not None else None
        return _text(written) if written is not None and written.exists() else ""

    @property
    def greeting_sound(self) -> Path | None:
        """The greeting that is played from here."""
        file = self.assistant_greeting_file
        return file if file is not None and file.suffix.lower() == ".wav" else None


def load(**values: Any) -> Settings:
    """Read the settings from the environment.

    Args:
        values: take precedence, for tests.

    Raises:
        SettingsError: for every wrong variable.

    """
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = str(problem["loc"][0]).upper() if problem["loc"] else ""
            seen = os.environ.get(name, "")
            shown = (
                f" is {seen[:80]!r}" if seen and "KEY" not in name and "TOKEN" not in name else ""
            )
            said = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}{shown}: {said}" if name else said)
        raise SettingsError("\n".join(lines)) from None


def _secret(value: SecretStr, file: Path | None) -> str:
    return value.get_secret_value() or _text(file)


def _text(file: Path | None) -> str:
    return file.read_text(encoding="utf-8").strip() if file is not None else ""
