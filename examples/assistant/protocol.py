"""Messages of the OpenAI Realtime protocol, built and parsed. Pure.

Shapes are those of the official client's models (PyPI openai 3.57, `types/realtime`), GA; with
`beta` those of 2024. Names of both are understood.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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
    "Session",
    "SessionReady",
    "SpeechStarted",
    "SpeechStopped",
    "Spoken",
    "Transcribed",
    "Truncated",
    "append",
    "assistant_text",
    "cancel",
    "clear_input",
    "commit",
    "create",
    "delete",
    "function_output",
    "parse",
    "session_update",
    "truncate",
    "user_text",
]

Dialect = Literal["ga", "beta"]
Format = Literal["pcm", "pcmu", "pcma"]

PCM_RATE = 24000
"""Hz: the only rate of PCM in the protocol (`realtime_audio_formats`)."""


@dataclass(frozen=True)
class Session:
    """What a session is asked to be.

    Args:
        format: of audio in both directions.
        turn_detection: `server_vad`, `semantic_vad`, or None: the client commits.
        silence_ms: that ends a turn, for server_vad.
        instructions: "" leaves them to the model; likewise voice and transcription_model.
        tools: descriptions of functions, as the protocol has them.

    """

    format: Format = "pcm"
    turn_detection: Literal["server_vad", "semantic_vad"] | None = "server_vad"
    silence_ms: int = 500
    instructions: str = ""
    voice: str = ""
    transcription_model: str = ""
    tools: Sequence[Mapping[str, Any]] = ()


# What a client sends


def session_update(session: Session, dialect: Dialect = "ga") -> str:
    """Say what the session is to be; the first message of a client."""
    body = _beta_session(session) if dialect == "beta" else _ga_session(session)
    return json.dumps({"type": "session.update", "session": body})


def append(audio: bytes) -> str:
    """Append the caller's audio, in the session's format."""
    # Fifty a second and call: base64 needs no escapes, so json has nothing to do.
    encoded = binascii.b2a_base64(audio, newline=False).decode()
    return f'{{"type":"input_audio_buffer.append","audio":"{encoded}"}}'


def commit() -> str:
    """End the caller's turn, where the server does not detect it."""
    return json.dumps({"type": "input_audio_buffer.commit"})


def clear_input() -> str:
    """Forget the audio appended since the last turn."""
    return json.dumps({"type": "input_audio_buffer.clear"})


def create(event_id: str, instructions: str = "") -> str:
    """Ask for a response; *instructions* take the session's place for this one."""
    body: dict[str, Any] = {"type": "response.create", "event_id": event_id}
    if instructions:
        body["response"] = {"instructions": instructions}
    return json.dumps(body)


def cancel(response_id: str | None, event_id: str) -> str:
    """Cancel a response; without an id, the one in progress."""
    body = {"type": "response.cancel", "event_id": event_id}
    return json.dumps(body | ({"response_id": response_id} if response_id else {}))


def truncate(item_id: str, audio_end_ms: int) -> str:
    """Have the model forget what was not heard of an item.

    Args:
        item_id: of the assistant's message.
        audio_end_ms: what was heard; more than the item holds is an error.

    """
    return json.dumps(
        {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": audio_end_ms,
        }
    )


def delete(item_id: str) -> str:
    """Take an item out of the conversation."""
    return json.dumps({"type": "conversation.item.delete", "item_id": item_id})


def user_text(text: str) -> str:
    """Add a message of the user's in writing."""
    return _message("user", "input_text", text)


def assistant_text(text: str, dialect: Dialect = "ga") -> str:
    """Add what was said in the assistant's name; audio cannot be added."""
    return _message("assistant", "text" if dialect == "beta" else "output_text", text)


def function_output(call_id: str, output: str) -> str:
    """Return what a function gave."""
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return json.dumps({"type": "conversation.item.create", "item": item})


def _message(role: str, kind: str, text: str) -> str:
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return json.dumps({"type": "conversation.item.create", "item": item})


def _detection(session: Session) -> dict[str, Any] | None:
    # The server tells turns; whether one is answered or interrupts is decided here.
    ours = {"create_response": False, "interrupt_response": False}
    match session.turn_detection:
        case "server_vad":
            return {"type": "server_vad", "silence_duration_ms": session.silence_ms, **ours}
        case "semantic_vad":
            return {"type": "semantic_vad", **ours}
    return None


def _common(session: Session) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if session.instructions:
        body["instructions"] = session.instructions
    if session.tools:
        body |= {"tools": [dict(tool) for tool in session.tools], "tool_choice": "auto"}
    return body


def _ga_session(session: Session) -> dict[str, Any]:
    audio_format: dict[str, Any] = {"type": f"audio/{session.format}"}
    if session.format == "pcm":
        audio_format["rate"] = PCM_RATE
    given: dict[str, Any] = {"format": audio_format, "turn_detection": _detection(session)}
    if session.transcription_model:
        given["transcription"] = {"model": session.transcription_model}
    taken: dict[str, Any] = {"format": audio_format}
    if session.voice:
        taken["voice"] = session.voice
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": given, "output": taken},
        **_common(session),
    }


def _beta_session(session: Session) -> dict[str, Any]:
    name = {"pcm": "pcm16", "pcmu": "g711_ulaw", "pcma": "g711_alaw"}[session.format]
    body = {
        "modalities": ["audio", "text"],
        "input_audio_format": name,
        "output_audio_format": name,
        "turn_detection": _detection(session),
        **_common(session),
    }
    if session.voice:
        body["voice"] = session.voice
    if session.transcription_model:
        body["input_audio_transcription"] = {"model": session.transcription_model}
    return body


# What a server sends


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
            return Audio(body["response_id"], body["item_id"], data)
        case "response.output_audio.done":
            return AudioDone(body["response_id"], body["item_id"])
        case "response.output_audio_transcript.done":
            return Spoken(body["response_id"], body["item_id"], str(body["transcript"]))
        case "session.created" | "session.updated":
            return SessionReady(updated=kind == "session.updated")
        case "input_audio_buffer.speech_started":
            return SpeechStarted(int(body["audio_start_ms"]), body.get("item_id", ""))
        case "input_audio_buffer.speech_stopped":
            return SpeechStopped(int(body["audio_end_ms"]), body.get("item_id", ""))
        case "input_audio_buffer.committed":
            return Committed(body["item_id"])
        case "conversation.item.input_audio_transcription.completed":
            return Transcribed(body["item_id"], str(body["transcript"]))
        case "response.created":
            return ResponseCreated(body["response"]["id"])
        case "response.done":
            response = body["response"]
            details = response.get("status_details") or {}
            error = details.get("error") or {}
            reason = error.get("code") or details.get("reason") or ""
            tokens = (response.get("usage") or {}).get("total_tokens")
            return ResponseDone(response["id"], str(response["status"]), str(reason), tokens)
        case "response.function_call_arguments.done":
            name = str(body.get("name", ""))
            return FunctionCall(body["response_id"], body["call_id"], name, str(body["arguments"]))
        case "conversation.item.truncated":
            return Truncated(body["item_id"], int(body["audio_end_ms"]))
        case "error":
            error = body["error"]
            return ServerError(
                str(error.get("code") or error.get("type") or "unknown"),
                str(error.get("message") or ""),
                str(error.get("event_id") or ""),
            )
    return Other(kind)
