"""Events that a server of the Realtime protocol sends. Pure.

As the official client's models have them (PyPI openai 3.57, `types/realtime`); the beta's names are
understood as well.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Audio",
    "AudioDone",
    "Committed",
    "FunctionCall",
    "Other",
    "ProtocolError",
    "ResponseCreated",
    "ResponseDone",
    "ServerError",
    "ServerEvent",
    "SessionReady",
    "SpeechStarted",
    "SpeechStopped",
    "Spoken",
    "Transcribed",
    "Truncated",
    "parse",
]


LONGEST_MS = 1e9
"""Milliseconds beyond which nothing happens: eleven days."""


class ProtocolError(ValueError):
    """A message that is none of the protocol; says what was seen."""


@dataclass(frozen=True)
class SessionReady:
    """The session exists, or was changed as asked."""

    updated: bool


@dataclass(frozen=True)
class SpeechStarted:
    """The server hears the caller speak, since `ms` of appended audio."""

    ms: int
    item_id: str


@dataclass(frozen=True)
class SpeechStopped:
    """The caller has finished, at `ms` of appended audio, the silence included."""

    ms: int
    item_id: str


@dataclass(frozen=True)
class Committed:
    """The caller's turn is an item of the conversation."""

    item_id: str


@dataclass(frozen=True)
class Transcribed:
    """What the caller said, in writing."""

    item_id: str
    text: str


@dataclass(frozen=True)
class ResponseCreated:
    """The model begins to respond."""

    response_id: str


@dataclass(frozen=True)
class Audio:
    """More audio of a response, in the session's format."""

    response_id: str
    item_id: str
    data: bytes


@dataclass(frozen=True)
class AudioDone:
    """All audio of an item was sent."""

    response_id: str
    item_id: str


@dataclass(frozen=True)
class Spoken:
    """What an item says, in writing."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True)
class FunctionCall:
    """The model calls a function; `arguments` are JSON."""

    response_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ResponseDone:
    """A response is over: `status` is completed, cancelled, incomplete or failed."""

    response_id: str
    status: str
    reason: str
    tokens: int | None


@dataclass(frozen=True)
class Truncated:
    """An item was truncated as asked."""

    item_id: str
    ms: int


@dataclass(frozen=True)
class ServerError:
    """The server refuses a message, mostly without ending the session."""

    code: str
    message: str
    event_id: str = ""


@dataclass(frozen=True)
class Other:
    """An event that the assistant has no use for."""

    type: str = field(default="")


ServerEvent = (
    SessionReady
    | SpeechStarted
    | SpeechStopped
    | Committed
    | Transcribed
    | ResponseCreated
    | Audio
    | AudioDone
    | Spoken
    | FunctionCall
    | ResponseDone
    | Truncated
    | ServerError
    | Other
)


def parse(text: str | bytes) -> ServerEvent:
    """Read a message of the server.

    Raises:
        ProtocolError: it is not JSON, or lacks what its type promises.

    """
    try:
        body = json.loads(text)
        kind = body["type"]
        assert isinstance(kind, str)  # noqa: S101 - one way out for all that is wrong
        return _event(kind, body)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        AssertionError,
        RecursionError,
    ) as error:
        raise ProtocolError(f"{type(error).__name__}: {error}, in {text[:120]!r}") from None


def _event(kind: str, body: Any) -> ServerEvent:
    match kind.replace("response.audio", "response.output_audio"):
        case "response.output_audio.delta":
            data = base64.b64decode(body["delta"], validate=True)
            return Audio(_text(body, "response_id"), _text(body, "item_id"), data)
        case "response.output_audio.done":
            return AudioDone(_text(body, "response_id"), _text(body, "item_id"))
        case "response.output_audio_transcript.done":
            said = _text(body, "transcript", "")
            return Spoken(_text(body, "response_id"), _text(body, "item_id"), said)
        case "session.created" | "session.updated":
            return SessionReady(updated=kind == "session.updated")
        case "input_audio_buffer.speech_started":
            return SpeechStarted(_ms(body, "audio_start_ms"), _text(body, "item_id", ""))
        case "input_audio_buffer.speech_stopped":
            return SpeechStopped(_ms(body, "audio_end_ms"), _text(body, "item_id", ""))
        case "input_audio_buffer.committed":
            return Committed(_text(body, "item_id"))
        case "conversation.item.input_audio_transcription.completed":
            return Transcribed(_text(body, "item_id"), _text(body, "transcript", ""))
        case "response.created":
            return ResponseCreated(_text(body["response"], "id"))
        case "response.done":
            response = body["response"]
            details = response.get("status_details") or {}
            error = details.get("error") or {}
            reason = error.get("code") or details.get("reason") or ""
            tokens = (response.get("usage") or {}).get("total_tokens")
            if not isinstance(tokens, int) or tokens < 0:
                tokens = None  # a figure for the log only
            return ResponseDone(
                _text(response, "id"), _text(response, "status"), str(reason), tokens
            )
        case "response.function_call_arguments.done":
            return FunctionCall(
                _text(body, "response_id"),
                _text(body, "call_id"),
                _text(body, "name", ""),
                _text(body, "arguments", ""),
            )
        case "conversation.item.truncated":
            return Truncated(_text(body, "item_id"), _ms(body, "audio_end_ms"))
        case "error":
            error = body["error"]
            return ServerError(
                str(error.get("code") or error.get("type") or "unknown"),
                str(error.get("message") or ""),
                str(error.get("event_id") or ""),
            )
    return Other(kind)


def _text(body: Any, name: str, default: str | None = None) -> str:
    """Return a field; *default*, if there is one, stands for none and null."""
    value = body[name] if default is None else body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _ms(body: Any, name: str) -> int:
    value = body[name]
    if not isinstance(value, int | float) or not abs(value) <= LONGEST_MS:
        raise ValueError(f"{name} is no time within a session")
    return int(value)
