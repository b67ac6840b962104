"""Messages that a client of the Realtime protocol sends. Pure.

Shapes are those of the official client's models (PyPI openai 3.57, `types/realtime`), GA; with
`beta` those of 2024.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Session",
    "append",
    "assistant_text",
    "cancel",
    "clear_input",
    "commit",
    "create",
    "delete",
    "function_output",
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
